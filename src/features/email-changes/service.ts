import type { RecordEvent } from '../../core/audit/store.ts';
import type { ExternalLogins } from '../../core/external-logins/service.ts';
import type { Factors } from '../../core/factors/service.ts';
import type { Ownership, Shown } from '../../core/login/ownership.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import { RESET_PASSWORD } from '../../core/passwords/mails.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import { changeEmail, findUser, restoreEmail } from '../../core/users/store.ts';
import { isUniqueViolation, type Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import { type Asked, sinceOf, type Undo } from './asked.ts';
import { CONFIRM_EMAIL, EMAIL_CHANGE_UNDONE, UNDO_EMAIL_CHANGE } from './mails.ts';
import { createEmailChangeRequests, type EmailChangeRequestsOptions } from './requests.ts';

export interface EmailChangesOptions extends EmailChangeRequestsOptions {
  readonly recordEvent: RecordEvent;
  readonly oneTimeTokens: EmailChangeRequestsOptions['oneTimeTokens'] &
    Pick<OneTimeTokens, 'issue' | 'present' | 'spend' | 'endAllOf' | 'endUndosOf'>;
  readonly ownership: EmailChangeRequestsOptions['ownership'] & Pick<Ownership, 'show'>;
  readonly factors: Pick<Factors, 'remove'>;
  readonly externalLogins: Pick<ExternalLogins, 'removeSince'>;
  readonly sessions: Pick<Sessions, 'endAllOf' | 'ownerChanged'>;
}

export type EmailChanges = ReturnType<typeof createEmailChangesService>;

/**
 * Another address for an account: asked for by its owner, confirmed from the new address, and taken back from
 * the old one, in case a thief of the password asked.
 */
export function createEmailChangesService(options: EmailChangesOptions) {
  const { database, clock, recordEvent, rateLimits, oneTimeTokens, ownership } = options;
  const { factors, externalLogins, sessions, mail } = options;

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
    ...createEmailChangeRequests(options),

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
            {
              purpose: UNDO_EMAIL_CHANGE,
              recipient: oneTimeTokens.recipientOf(before),
              payload: JSON.stringify({ since: sinceOf(token) } satisfies Undo),
            },
            caller,
          );
        return count;
      });
    },

    /**
     * Gives the account its earlier address back, and so the account to the reader of that mail. The password goes,
     * because the author of the change knew it. The second factors, recovery codes and external logins go that came
     * since the change was asked for: they may be the author's. Older ones are the owner's, and stay.
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
        await factors.remove(tx, id, { since: sinceOf(token) });
        await externalLogins.removeSince(tx, id, sinceOf(token));
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
