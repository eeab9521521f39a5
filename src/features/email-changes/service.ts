import type { RecordEvent } from '../../core/audit/store.ts';
import type { Ownership, Shown } from '../../core/login/ownership.ts';
import type { Mail } from '../../core/mail/service.ts';
import type { NewToken, OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import { RESET_PASSWORD } from '../../core/passwords/mails.ts';
import type { RateLimits } from '../../core/rate-limits/service.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import { ADDRESS_TAKEN } from '../../core/users/mails.ts';
import { canonicalEmail, type Viewer } from '../../core/users/service.ts';
import { changeEmail, findUser, findUserByEmail, restoreEmail } from '../../core/users/store.ts';
import { type Database, isUniqueViolation, type Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { CONFIRM_EMAIL, EMAIL_CHANGE_REQUESTED, EMAIL_CHANGE_UNDONE, UNDO_EMAIL_CHANGE } from './mails.ts';

export interface EmailChangesOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly rateLimits: Pick<RateLimits, 'checking' | 'succeeded'>;
  readonly oneTimeTokens: Pick<
    OneTimeTokens,
    'recipientOf' | 'issue' | 'send' | 'beforeRequest' | 'present' | 'spend' | 'endAllOf' | 'endUndosOf'
  >;
  readonly ownership: Ownership;
  readonly sessions: Pick<Sessions, 'endAllOf' | 'ownerChanged'>;
  readonly mail: Pick<Mail, 'notify'>;
}

/** Who asked for a change, as they were then; as JSON, the payload of its token. */
interface Asked {
  readonly sessionId: string;
  readonly passwordVersion: number;
  /** Missing from what the version before asked for; there the first one was every account's. */
  readonly credentialVersion?: number;
}

export type EmailChanges = ReturnType<typeof createEmailChangesService>;

/**
 * Another address for an account: asked for with the password, confirmed from the new address, and taken back from
 * the old one, in case a thief of the password asked.
 */
export function createEmailChangesService({
  database,
  clock,
  recordEvent,
  rateLimits,
  oneTimeTokens,
  ownership,
  sessions,
  mail,
}: EmailChangesOptions) {
  /** Changes an address; the unique index decides whose it is. How many sessions `work` ended. */
  async function change(caller: Caller, work: (tx: Transaction) => Promise<number>): Promise<number> {
    try {
      return await database.before(caller.deadline).transaction(work);
    } catch (error) {
      throw isUniqueViolation(error) ? new AuthError('EMAIL_TAKEN', { cause: error }) : error;
    }
  }

  /** Ends links and sessions and records the change; how many sessions. */
  async function end(
    tx: Transaction,
    {
      userId,
      exceptId,
      reason,
      caller,
    }: { userId: string; exceptId: string; reason: string; caller: Caller },
  ): Promise<number> {
    await oneTimeTokens.endAllOf(tx, userId);
    const count = await sessions.endAllOf(tx, userId, 'email', exceptId);
    sessions.ownerChanged(tx, userId);
    await recordEvent(tx, {
      name: 'user_updated',
      outcome: 'success',
      at: clock.now(),
      userId,
      caller,
      details: { fields: ['email'], reason, count },
    });
    return count;
  }

  return {
    /**
     * Mails a link to the new address and tells the old one. Whether another account has the new one shows in
     * neither the answer nor its cost (LOG-8).
     *
     * @returns how many seconds the link works.
     * @throws AuthError `FEATURE_DISABLED`, `INVALID_CREDENTIALS`, `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`.
     */
    async request(
      viewer: Viewer,
      input: { newEmail: string; password: string },
      caller: Caller,
    ): Promise<number> {
      const { user, attempt } = await ownership.requirePassword(viewer, {
        password: input.password,
        caller,
        failure: 'authn_password_change_fail',
      });
      // After the password: who guesses at it must not use up what their network may have mailed.
      await rateLimits.checking(attempt, () => oneTimeTokens.beforeRequest(caller));
      const holder = await findUserByEmail(database.before(caller.deadline), canonicalEmail(input.newEmail));
      const { id, passwordVersion, credentialVersion } = user;
      const { sessionId } = viewer;
      const token: NewToken = {
        purpose: CONFIRM_EMAIL,
        recipient: oneTimeTokens.recipientOf({ id, email: input.newEmail }),
        payload: JSON.stringify({ sessionId, passwordVersion, credentialVersion } satisfies Asked),
        instead: holder === undefined || holder.id === id ? undefined : ADDRESS_TAKEN,
      };
      return oneTimeTokens.send(token, caller, async (tx) => {
        await rateLimits.succeeded(tx, attempt);
        await mail.notify(tx, user, EMAIL_CHANGE_REQUESTED);
      });
    },

    /**
     * Makes the new address the account's. The caller reads its mail, and shows a live session of the account or its
     * password. Else a stranger could ask for a change to the address of a victim, have the victim confirm it, and go
     * back to the old address later. The session that asked goes on, because it gave the password; all others end
     * (SES-4).
     *
     * @returns how many sessions it ended.
     * @throws AuthError `INVALID_TOKEN`, `UNAUTHENTICATED`, `FORBIDDEN` (a session of another account),
     * `INVALID_CREDENTIALS`, `EMAIL_TAKEN`, `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`.
     */
    async confirm(
      input: { token: string; password?: string | null | undefined },
      { bearer, caller }: Pick<Shown, 'bearer' | 'caller'>,
    ): Promise<number> {
      const token = await oneTimeTokens.present(input.token, [CONFIRM_EMAIL], caller);
      const attempt = await ownership.show(token, { bearer, password: input.password, caller });
      if (attempt instanceof AuthError) throw attempt;
      const { subject: id, email, emailCanonical } = token;
      const { sessionId, passwordVersion, credentialVersion = 1 } = JSON.parse(token.payload) as Asked;

      return change(caller, async (tx) => {
        const before = await findUser(tx, id);
        const asked = { id, passwordVersion, credentialVersion };
        const user = await changeEmail(tx, { ...asked, email, emailCanonical, now: clock.now() });
        if (before === undefined || user === undefined)
          throw new AuthError('INVALID_TOKEN', { cause: 'the account changed meanwhile' });
        await oneTimeTokens.spend(tx, token);
        await rateLimits.succeeded(tx, attempt);
        const count = await end(tx, { userId: id, exceptId: sessionId, reason: 'confirmed', caller });
        // An address that was never proven may be a stranger's, by a slip of the keyboard: no way in for them.
        if (before.emailVerifiedAt !== null)
          await oneTimeTokens.issue(
            tx,
            { purpose: UNDO_EMAIL_CHANGE, recipient: oneTimeTokens.recipientOf(before) },
            caller,
          );
        return count;
      });
    },

    /**
     * Gives the account its earlier address back, and so the account to the reader of that mail. The password goes,
     * because the author of the change knew it.
     *
     * @returns how many sessions it ended.
     * @throws AuthError `INVALID_TOKEN`, `EMAIL_TAKEN`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`.
     */
    async undo(text: string, caller: Caller): Promise<number> {
      const token = await oneTimeTokens.present(text, [UNDO_EMAIL_CHANGE], caller);
      const { subject: id, email, emailCanonical, createdAt } = token;

      return change(caller, async (tx) => {
        const before = await findUser(tx, id);
        const user = await restoreEmail(tx, { id, email, emailCanonical, now: clock.now() });
        if (before === undefined || user === undefined)
          throw new AuthError('INVALID_TOKEN', { cause: 'the account is gone' });
        await oneTimeTokens.spend(tx, token);
        // The links that undo later changes lead to addresses of the author of this one.
        await oneTimeTokens.endUndosOf(tx, id, createdAt);
        const count = await end(tx, { userId: id, exceptId: '', reason: 'undone', caller });
        for (const owner of [before, user]) await mail.notify(tx, owner, EMAIL_CHANGE_UNDONE);
        const recipient = oneTimeTokens.recipientOf(user);
        await oneTimeTokens.issue(tx, { purpose: RESET_PASSWORD, recipient }, caller);
        return count;
      });
    },
  };
}
