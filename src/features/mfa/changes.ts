import type { RecordEvent } from '../../core/audit/store.ts';
import { FACTOR_REMOVED } from '../../core/factors/mails.ts';
import type { Factors } from '../../core/factors/service.ts';
import {
  countRecoveryCodes,
  type FactorRecord,
  listFactors,
  renameFactor,
} from '../../core/factors/store.ts';
import type { WaysIn } from '../../core/login/ways-in.ts';
import type { Mail } from '../../core/mail/service.ts';
import type { MailTemplate } from '../../core/mail/templates.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import { assertWide, type Users, type UserView, type Viewer, viewOf } from '../../core/users/service.ts';
import { findUser, holdUser, type UserRecord } from '../../core/users/store.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { isId } from '../../platform/id.ts';
import { parseLabel } from '../../platform/label.ts';
import { RECOVERY_CODES_CHANGED } from './mails.ts';

export interface FactorChangesOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly users: Pick<Users, 'owedBy'>;
  readonly sessions: Pick<Sessions, 'requireFreshAuthentication' | 'ownerChanged' | 'endAllOf'>;
  readonly factors: Pick<Factors, 'remove' | 'replaceRecoveryCodes'>;
  readonly mail: Pick<Mail, 'notify'>;
  readonly waysIn: WaysIn;
  /** Lets an account make so many changes of its factors, and no more. */
  readonly assertFewChanges: (viewer: Viewer, caller: Caller) => Promise<void>;
}

/** What owners do with the second factors that they have. */
export function createFactorChanges({
  database,
  clock,
  recordEvent,
  users,
  sessions,
  factors,
  mail,
  waysIn,
  assertFewChanges,
}: FactorChangesOptions) {
  /** @throws AuthError `NOT_FOUND` where there is no factor; `REAUTHENTICATION_REQUIRED`. */
  async function requireFreshFactor(viewer: Viewer, caller: Caller): Promise<UserRecord> {
    const user = await findUser(database.before(caller.deadline), viewer.userId);
    if (user === undefined || user.secondFactors === '') throw new AuthError('NOT_FOUND');
    await sessions.requireFreshAuthentication(viewer, caller);
    return user;
  }

  /** What a change says to the audit trail, and to the owner. */
  async function tell(
    tx: Transaction,
    viewer: Viewer,
    {
      user,
      details,
      template,
      caller,
    }: {
      user: UserRecord;
      details: Readonly<Record<string, string | number | readonly string[]>>;
      template: MailTemplate;
      caller: Caller;
    },
  ): Promise<void> {
    sessions.ownerChanged(tx, user.id);
    await recordEvent(tx, {
      name: 'user_updated',
      outcome: 'success',
      at: clock.now(),
      userId: user.id,
      sessionId: viewer.sessionId,
      caller,
      details,
    });
    await mail.notify(tx, user, template);
  }

  return {
    /**
     * The other sessions end, and every pending login: they may be of who the factor was removed for (SES-4).
     *
     * @throws AuthError `NOT_FOUND`, `REAUTHENTICATION_REQUIRED`, `LAST_CREDENTIAL`, `UNAVAILABLE`.
     */
    async remove(viewer: Viewer, { id }: { id: string }, caller: Caller): Promise<UserView> {
      const { userId, sessionId } = viewer;
      await requireFreshFactor(viewer, caller);
      if (!isId(id)) throw new AuthError('NOT_FOUND');
      return database.before(caller.deadline).transaction(async (tx) => {
        const done = await factors.remove(tx, userId, { id });
        if (done === undefined || done.removed === 0) throw new AuthError('NOT_FOUND');
        const { user } = done;
        // A passkey may have been the last one.
        await waysIn.assertOneLeft(tx, user);
        const count = await sessions.endAllOf(tx, userId, 'factor', sessionId);
        const details = { fields: ['factors'], reason: 'removed', factor: id, count };
        await tell(tx, viewer, { user, details, template: FACTOR_REMOVED, caller });
        return viewOf(user, { ...viewer, owed: users.owedBy(user, viewer) });
      });
    },

    /** @throws AuthError `NOT_FOUND`, `BAD_USER_INPUT`. */
    async rename(
      { userId }: Viewer,
      input: { id: string; name?: string | null | undefined },
    ): Promise<FactorRecord> {
      const name = parseLabel(input.name, 'input.name');
      const { id } = input;
      const renamed = isId(id) ? await renameFactor(database, { id, userId, name }) : undefined;
      if (renamed === undefined) throw new AuthError('NOT_FOUND');
      return renamed;
    },

    /** @throws AuthError `NOT_FOUND`, `REAUTHENTICATION_REQUIRED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`. */
    async regenerateRecoveryCodes(viewer: Viewer, caller: Caller): Promise<readonly string[]> {
      const user = await requireFreshFactor(viewer, caller);
      await assertFewChanges(viewer, caller);
      return database.before(caller.deadline).transaction(async (tx) => {
        const held = await holdUser(tx, user);
        if (held === undefined) throw new AuthError('NOT_FOUND', { cause: 'the account changed meanwhile' });
        const codes = await factors.replaceRecoveryCodes(tx, held.id);
        const details = { fields: ['recoveryCodes'] };
        await tell(tx, viewer, { user: held, details, template: RECOVERY_CODES_CHANGED, caller });
        return codes;
      });
    },

    /** @throws AuthError `FORBIDDEN` when the session that asks was narrowed. */
    viewOf(user: UserView): UserView {
      assertWide(user);
      return user;
    },

    listOf: (user: UserView): Promise<FactorRecord[]> => listFactors(database, user.id),

    codesLeftOf: (user: UserView): Promise<number> => countRecoveryCodes(database, user.id),
  };
}
