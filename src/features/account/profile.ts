import type { RecordEvent } from '../../core/audit/store.ts';
import type { Ownership } from '../../core/login/ownership.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { Operators } from '../../core/operators/service.ts';
import { NETWORK_WINDOW_MS, type RateLimits } from '../../core/rate-limits/service.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import { type Users, type UserView, type Viewer, viewOf } from '../../core/users/service.ts';
import { deleteUser, renameUser, retireUser } from '../../core/users/store.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { parseLabel } from '../../platform/label.ts';

/** Changes of one profile in five minutes: each is an event of the audit trail. */
const MOST_CHANGES = 60;

export interface ProfileOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly rateLimits: Pick<RateLimits, 'failures' | 'succeeded' | 'checking'>;
  readonly users: Pick<Users, 'view'>;
  readonly ownership: Pick<Ownership, 'requireOwner'>;
  readonly sessions: Pick<Sessions, 'deleteAllOf' | 'ownerChanged'>;
  readonly oneTimeTokens: Pick<OneTimeTokens, 'endAllOf' | 'endUndosOf'>;
  readonly operators: Pick<Operators, 'assertOther'>;
}

/** What an account says of its owner, and its end. */
export function createProfile({
  database,
  clock,
  recordEvent,
  rateLimits,
  users,
  ownership,
  sessions,
  oneTimeTokens,
  operators,
}: ProfileOptions) {
  const changes = rateLimits.failures({ name: 'account-changes', windowMs: NETWORK_WINDOW_MS });

  return {
    /** A name left out stays; null removes it. @throws AuthError `BAD_USER_INPUT`, `TOO_MANY_REQUESTS`. */
    async update(
      viewer: Viewer,
      input: { name?: string | null | undefined },
      caller: Caller,
    ): Promise<UserView> {
      if (input.name === undefined) return users.view(viewer);
      const name = parseLabel(input.name, 'input.name');
      const source = [{ name: viewer.userId, most: MOST_CHANGES }];
      await changes.count(source, caller);
      const now = clock.now();
      const view = await database.before(caller.deadline).transaction(async (tx) => {
        const renamed = await renameUser(tx, { id: viewer.userId, name, now });
        if (renamed === undefined) return undefined;
        sessions.ownerChanged(tx, renamed.id);
        await recordEvent(tx, {
          name: 'user_updated',
          outcome: 'success',
          at: now,
          userId: viewer.userId,
          sessionId: viewer.sessionId,
          caller,
          details: { fields: ['name'] },
        });
        return viewOf(renamed, viewer);
      });
      return view ?? users.view(viewer);
    },

    /**
     * @throws AuthError `INVALID_CREDENTIALS`, `REAUTHENTICATION_REQUIRED`, `TOO_MANY_REQUESTS`, `OVERLOADED`,
     * `UNAVAILABLE`; `FORBIDDEN` for the last administrator.
     */
    async delete(
      viewer: Viewer,
      input: { password?: string | null | undefined },
      caller: Caller,
    ): Promise<{ id: string }> {
      const { user, attempt } = await ownership.requireOwner(viewer, {
        password: input.password,
        caller,
        failure: 'authn_password_change_fail',
      });

      const now = clock.now();
      const { id } = user;
      const remove = async (tx: Transaction) => {
        await operators.assertOther(tx, id);
        if ((await retireUser(tx, { ...user, now })) === 0)
          throw new AuthError('INVALID_CREDENTIALS', { cause: 'changed meanwhile' });
        await rateLimits.succeeded(tx, attempt);
        const count = await sessions.deleteAllOf(tx, id);
        await oneTimeTokens.endAllOf(tx, id);
        await oneTimeTokens.endUndosOf(tx, id);
        await deleteUser(tx, id);
        await recordEvent(tx, {
          name: 'user_deleted',
          outcome: 'success',
          at: now,
          userId: id,
          sessionId: viewer.sessionId,
          caller,
          details: { count },
        });
      };
      // A right password that deletes nothing is no failure.
      await rateLimits.checking(attempt, () => database.before(caller.deadline).transaction(remove));
      return { id };
    },
  };
}
