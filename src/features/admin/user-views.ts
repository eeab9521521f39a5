import { listExternalLoginsOf } from '../../core/external-logins/store.ts';
import type { Factors } from '../../core/factors/service.ts';
import { countRecoveryCodesOf, listFactorsOf } from '../../core/factors/store.ts';
import {
  type AdminUserView,
  type FailedLogins,
  forbidden,
  type Operator,
  type UserDetails,
} from '../../core/operators/service.ts';
import type { Guesses } from '../../core/passwords/guesses.ts';
import type { RateLimits } from '../../core/rate-limits/service.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import type { UserWithRoles } from '../../core/users/store.ts';
import type { Database } from '../../database/database.ts';
import { once } from '../../platform/once.ts';

export interface UserViewsOptions {
  readonly database: Database;
  readonly rateLimits: Pick<RateLimits, 'read' | 'cap'>;
  readonly guesses: Pick<Guesses, 'limitsOf'>;
  readonly factors: Pick<Factors, 'limitOf'>;
  readonly sessions: Pick<Sessions, 'listForAll'>;
}

/** Makes views of accounts. */
export function createUserViews({ database, rateLimits, guesses, factors, sessions }: UserViewsOptions) {
  async function readFailedLogins(users: readonly UserWithRoles[]): Promise<Map<string, FailedLogins>> {
    const limits = users.map((user) => ({
      user,
      ...guesses.limitsOf(user),
      codes: factors.limitOf(user.id),
    }));
    const read = await rateLimits.read(
      database,
      limits.flatMap(({ all, strangers, codes }) => [all, strangers, codes]),
    );
    return new Map(
      limits.map(({ user, all, strangers, codes }) => [
        user.id,
        {
          passwords: read(all).count,
          passwordDisabled: read(all).count >= rateLimits.cap,
          codes: read(codes).count,
          codesDisabled: read(codes).count >= rateLimits.cap,
          lockedUntil: read(strangers).blockedUntil,
        },
      ]),
    );
  }

  function detailsOf(users: readonly UserWithRoles[]): UserDetails {
    const ids = users.map(({ id }) => id);
    const sessionsById = once(async () => byUser(await sessions.listForAll(ids)));
    const factorsById = once(async () => byUser(await listFactorsOf(database, ids)));
    const codesById = once(
      async () =>
        new Map((await countRecoveryCodesOf(database, ids)).map(({ userId, count }) => [userId, count])),
    );
    const loginsById = once(async () => byUser(await listExternalLoginsOf(database, ids)));
    const failedById = once(() => readFailedLogins(users));
    return {
      sessionsOf: async (id) => (await sessionsById()).get(id) ?? [],
      factorsOf: async (id) => (await factorsById()).get(id) ?? [],
      codesLeftOf: async (id) => (await codesById()).get(id) ?? 0,
      externalLoginsOf: async (id) => (await loginsById()).get(id) ?? [],
      failedLoginsOf: async (id) => {
        const failed = (await failedById()).get(id);
        if (failed === undefined) throw new Error('the account is not of this page');
        return failed;
      },
    };
  }

  return {
    /** The accounts of one page, or one account. */
    of(users: readonly UserWithRoles[], { scope }: Pick<Operator, 'scope'>): AdminUserView[] {
      const details = detailsOf(users);
      const more = () => {
        if (!scope.has('latchkey:users:read')) throw forbidden('INSUFFICIENT_SCOPE');
        return details;
      };
      return users.map((user) => ({ ...user, more }));
    },
  };
}

function byUser<Row extends { readonly userId: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const map = new Map<string, Row[]>();
  for (const row of rows) map.set(row.userId, [...(map.get(row.userId) ?? []), row]);
  return map;
}
