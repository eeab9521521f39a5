import { expect, it } from '@jest/globals';
import type { Database } from '../../../src/database/database.ts';
import { migrate } from '../../../src/database/migrate.ts';
import { freshDatabase } from '../../support/databases.ts';
import {
  type Auth,
  CHANGE_PASSWORD,
  CONFIRM_EMAIL_CHANGE,
  DELETE_ME,
  LOGOUT,
  login,
  ME,
  REAUTHENTICATE,
  REQUEST_EMAIL_CHANGE,
  REQUEST_RESET,
  REQUEST_VERIFICATION,
  RESET_PASSWORD,
  REVOKE,
  refresh,
  refreshed,
  register,
  UNDO_EMAIL_CHANGE,
  UPDATE_ME,
  VERIFY_EMAIL,
} from '../../support/documents.ts';
import { createInterleaving } from '../../support/interleaving.ts';
import { mailedToken } from '../../support/letters.ts';
import { useCleanups } from '../../support/setup.ts';
import { type Answer, describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';

const EMAIL = 'ada@example.com';
const NEW_EMAIL = 'ada@example.org';
const NEW_PASSWORD = 'another horse altogether';

const input = (fields: Record<string, unknown>) => ({ input: fields });

async function ok(answer: Promise<Answer>): Promise<Answer> {
  const { code, body } = await answer;
  if (code !== 'OK') throw new Error(`answered ${body}`);
  return answer;
}

/** Asks for another address and confirms it, both with the same session. */
async function changeEmail(app: TestApp, { accessToken: token }: Auth): Promise<void> {
  const request = input({ newEmail: NEW_EMAIL, password: PASSWORD });
  await ok(app.send(REQUEST_EMAIL_CHANGE, request, { token }));
  const link = await mailedToken(app, '/confirm-email', NEW_EMAIL);
  await ok(app.send(CONFIRM_EMAIL_CHANGE, input({ token: link }), { token }));
}

/** Two sessions of one account: the one that ends, and another one. */
interface Sessions {
  readonly mine: Auth;
  readonly other: Auth;
}

/**
 * Every way in which `mine` ends. Each first prepares what the session outlives, and returns the function that ends
 * the session.
 */
const ENDS: Record<string, (app: TestApp, sessions: Sessions) => Promise<() => Promise<unknown>>> = {
  logout:
    async (app, { mine }) =>
    () =>
      ok(app.send(LOGOUT, {}, { token: mine.accessToken })),
  'logout with its refresh token alone':
    async (app, { mine }) =>
    () =>
      ok(app.send(LOGOUT, input({ refreshToken: mine.refreshToken }))),
  'logout of the others':
    async (app, { other }) =>
    () =>
      ok(app.send(LOGOUT, input({ scope: 'OTHERS' }), { token: other.accessToken })),
  'logout of all':
    async (app, { other }) =>
    () =>
      ok(app.send(LOGOUT, input({ scope: 'ALL' }), { token: other.accessToken })),
  revokeSession:
    async (app, { mine, other }) =>
    () =>
      ok(app.send(REVOKE, input({ id: mine.session.id }), { token: other.accessToken })),
  'a change of password': async (app, { other }) => {
    const change = input({ currentPassword: PASSWORD, newPassword: NEW_PASSWORD });
    return () => ok(app.send(CHANGE_PASSWORD, change, { token: other.accessToken }));
  },
  'a new authentication':
    async (app, { mine }) =>
    () =>
      ok(app.send(REAUTHENTICATE, input({ password: PASSWORD }), { token: mine.accessToken })),
  'the end of the account':
    async (app, { other }) =>
    () =>
      ok(app.send(DELETE_ME, input({ password: PASSWORD }), { token: other.accessToken })),
  'a reset of the password': async (app) => {
    await app.send(REQUEST_RESET, input({ email: EMAIL }));
    const token = await mailedToken(app, '/reset-password');
    return () => ok(app.send(RESET_PASSWORD, input({ token, newPassword: NEW_PASSWORD })));
  },
  'a change of address': async (app, { other }) => {
    const { accessToken: token } = other;
    await ok(app.send(REQUEST_EMAIL_CHANGE, input({ newEmail: NEW_EMAIL, password: PASSWORD }), { token }));
    const link = await mailedToken(app, '/confirm-email', NEW_EMAIL);
    return () => ok(app.send(CONFIRM_EMAIL_CHANGE, input({ token: link }), { token }));
  },
  'the undo of a change of address': async (app, { mine }) => {
    await changeEmail(app, mine);
    const token = await mailedToken(app, '/undo-email-change');
    return () => ok(app.send(UNDO_EMAIL_CHANGE, input({ token })));
  },
  'an operator who disables the account': async (app) => () => app.admin.disable(EMAIL),
  'an operator who sets the password': async (app) => () => app.admin.setPassword(EMAIL, NEW_PASSWORD),
  'reuse of its refresh token': async (app, { mine }) => {
    await refreshed(app, mine.refreshToken);
    app.clock.travel(31_000);
    return () => refresh(app, mine.refreshToken);
  },
  'the limit of sessions': async (app, { mine }) => {
    await app.database.run(
      `INSERT INTO sessions (id, user_id, client_id, scope, amr, secret_hash, generation, skipped_generations,
         rotated_at, burst_from, burst_at, created_at, authenticated_at, idle_expires_at, expires_at)
       WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 48)
       SELECT 'filler-' || i, user_id, client_id, scope, amr, 'x', 1, 0, rotated_at + 1, 0, 0, created_at,
         authenticated_at, idle_expires_at, expires_at
       FROM n, sessions WHERE id = :id`,
      { id: mine.session.id },
    );
    await app.database.run('UPDATE sessions SET generation = 1 WHERE id <> :id', { id: mine.session.id });
    return () => login(app);
  },
};

/** What changes the owner's row, and what `me` shows of it. */
const CHANGES: Record<string, (app: TestApp, auth: Auth) => Promise<Record<string, unknown>>> = {
  'another name': async (app, { accessToken: token }) => {
    await ok(app.send(UPDATE_ME, input({ name: 'Ada' }), { token }));
    return { name: 'Ada' };
  },
  'a proof of the address': async (app, { accessToken: token }) => {
    await app.send(REQUEST_VERIFICATION, input({ email: EMAIL }));
    const link = await mailedToken(app, '/verify-email');
    await ok(app.send(VERIFY_EMAIL, input({ token: link }), { token }));
    return { emailVerified: true };
  },
  'another address': async (app, auth) => {
    await changeEmail(app, auth);
    return { email: NEW_EMAIL, emailVerified: true };
  },
};

describeApp('a process that has just let a session in', (start, engine) => {
  const cleanups = useCleanups();
  const me = (app: TestApp, { accessToken: token }: Auth) => app.send(ME, {}, { token });

  async function startTwoSessions(database?: Database) {
    const app = await start(database && { database });
    await app.admin.createUser({ email: EMAIL, password: PASSWORD });
    return { app, mine: await login(app), other: await login(app) };
  }

  it.each(Object.keys(ENDS))(
    'both tokens of a session that was just used are refused after %s (AT-9, SES-4)',
    async (cause) => {
      const { app, mine, other } = await startTwoSessions();
      const end = await ENDS[cause]?.(app, { mine, other });
      expect((await me(app, mine)).code).toBe('OK');
      await end?.();
      expect((await me(app, mine)).code).toBe('UNAUTHENTICATED');
      expect((await refresh(app, mine.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    },
  );

  it.each(Object.keys(CHANGES))('me shows %s of its account in the very next answer', async (cause) => {
    const app = await start();
    const auth = await register(app);
    const before = (await me(app, auth)).data.me;
    const change = await CHANGES[cause]?.(app, auth);
    expect((await me(app, auth)).data.me).toMatchObject({
      ...before,
      updatedAt: expect.anything(),
      ...change,
    });
    expect(before).not.toMatchObject(change ?? {});
  });

  it.each(Object.keys(ENDS))(
    'a request is refused when its session ends by %s during the look-up (AT-9, SES-4)',
    async (cause) => {
      const fresh = await freshDatabase(engine);
      cleanups.push(fresh.drop);
      await migrate(fresh.database);
      const { database, once, isDone } = createInterleaving(fresh.database);
      const { app, mine, other } = await startTwoSessions(database);
      const end = await ENDS[cause]?.(app, { mine, other });
      app.clock.travel(1_000);
      // The look-up has read that the session lives, and its answer is on the way.
      once('after', /^get SELECT .* FROM sessions/s, async () => end?.());
      expect((await me(app, mine)).code).toBe('UNAUTHENTICATED');
      expect(isDone()).toBe(true);
      expect((await me(app, mine)).code).toBe('UNAUTHENTICATED');
    },
  );
});
