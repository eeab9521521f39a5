import type { Database } from '../../src/database/database.ts';
import { login, register } from './documents.ts';
import type { TestApp } from './start-app.ts';

export interface TestOperator {
  readonly id: string;
  readonly email: string;
  readonly token: string;
  readonly sessionId: string;
}

/** An account that was given the role, and the access token of a login since. */
export async function operator(
  app: TestApp,
  {
    email = 'op@example.com',
    role = 'admin',
    scope,
  }: { email?: string; role?: string; scope?: string[] } = {},
): Promise<TestOperator> {
  await register(app, email, { ip: '198.51.100.7' });
  await app.roles.grant(email, [role]);
  const auth = await login(app, { email, ...(scope && { scope }) }, { ip: '198.51.100.7' });
  return { id: auth.user.id, email, token: auth.accessToken, sessionId: auth.session.id };
}

/** The id of the nth seeded account. */
export function seededId(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
}

/** Accounts as rows, numbered from 0: every third is verified, every tenth disabled, and the names come in threes. */
export async function seedUsers(database: Database, count: number, createdAt = 1_000): Promise<void> {
  for (let n = 0; n < count; n += 1)
    await database.run(
      `INSERT INTO users (id, email, email_canonical, name, email_verified_at, disabled_at, last_login_at, created_at, updated_at)
       VALUES (:id, :email, :email, :name, :verified, :disabled, :lastLogin, :created, :created)`,
      {
        id: seededId(n),
        email: `user${String(n).padStart(4, '0')}@example.com`,
        name: n % 2 === 0 ? `Name ${n % 3}` : null,
        verified: n % 3 === 0 ? 1 : null,
        disabled: n % 10 === 0 ? 1 : null,
        lastLogin: n % 5 === 0 ? 5_000 + Math.floor(n / 10) : null,
        // Some moments are those of several accounts.
        created: createdAt + Math.floor(n / 4),
      },
    );
}
