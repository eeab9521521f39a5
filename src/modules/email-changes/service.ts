import type { Client } from '../../client.ts';
import type { Clock } from '../../clock.ts';
import { type Database, isUniqueViolation, type Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { RecordEvent } from '../audit/store.ts';
import type { Ownership, Shown } from '../login/ownership.ts';
import type { Mail } from '../mail/service.ts';
import type { NewToken, OneTimeTokens } from '../one-time-tokens/service.ts';
import type { RateLimits } from '../rate-limits/service.ts';
import type { Sessions } from '../sessions/service.ts';
import { canonicalEmail, type Viewer } from '../users/service.ts';
import { changeEmail, findUser, findUserByEmail, restoreEmail } from '../users/store.ts';

export interface EmailChangesOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly rateLimits: Pick<RateLimits, 'checking' | 'succeeded'>;
  readonly oneTimeTokens: OneTimeTokens;
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

export type EmailChanges = ReturnType<typeof createEmailChanges>;

/**
 * Another address for an account: asked for with the password, confirmed from the new address, and taken back from
 * the old one, in case somebody who knew the password asked.
 */
export function createEmailChanges({
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
  async function change(client: Client, work: (tx: Transaction) => Promise<number>): Promise<number> {
    try {
      return await database.before(client.deadline).transaction(work);
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
      client,
    }: { userId: string; exceptId: string; reason: string; client: Client },
  ): Promise<number> {
    await oneTimeTokens.endAllOf(tx, userId);
    const count = await sessions.endAllOf(tx, userId, 'email', exceptId);
    sessions.ownerChanged(tx, userId);
    await recordEvent(tx, {
      name: 'user_updated',
      outcome: 'success',
      at: clock.now(),
      userId,
      client,
      details: { fields: ['email'], reason, count },
    });
    return count;
  }

  return {
    /**
     * Mails a link to the new address and tells the old one. Whether the new one is somebody else's already shows in
     * neither the answer nor its cost (LOG-8).
     *
     * @returns how many seconds the link works.
     * @throws AuthError `FEATURE_DISABLED`, `INVALID_CREDENTIALS`, `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`.
     */
    async request(
      viewer: Viewer,
      input: { newEmail: string; password: string },
      client: Client,
    ): Promise<number> {
      const { user, attempt } = await ownership.requirePassword(viewer, {
        password: input.password,
        client,
        failure: 'authn_password_change_fail',
      });
      // After the password: who guesses at it must not use up what their network may have mailed.
      await rateLimits.checking(attempt, () => oneTimeTokens.beforeRequest(client));
      const holder = await findUserByEmail(database.before(client.deadline), canonicalEmail(input.newEmail));
      const { id, passwordVersion, credentialVersion } = user;
      const { sessionId } = viewer;
      const token: NewToken = {
        purpose: 'confirm-email',
        recipient: oneTimeTokens.recipientOf({ id, email: input.newEmail }),
        payload: JSON.stringify({ sessionId, passwordVersion, credentialVersion } satisfies Asked),
        instead: holder === undefined || holder.id === id ? undefined : 'address-taken',
      };
      return oneTimeTokens.send(token, client, async (tx) => {
        await rateLimits.succeeded(tx, attempt);
        await mail.notify(tx, user, 'email-change-requested');
      });
    },

    /**
     * Makes the new address the account's, for who reads its mail and has a live session of the account or its password:
     * a stranger could have asked for a change to somebody else's address, and must not get them to take over an account
     * that has a way back. The session that asked goes on, because it gave the password; all others end (SES-4).
     *
     * @returns how many sessions it ended.
     * @throws AuthError `INVALID_TOKEN`, `UNAUTHENTICATED`, `FORBIDDEN` (a session of another account),
     * `INVALID_CREDENTIALS`, `EMAIL_TAKEN`, `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`.
     */
    async confirm(
      input: { token: string; password?: string | null | undefined },
      { bearer, client }: Pick<Shown, 'bearer' | 'client'>,
    ): Promise<number> {
      const token = await oneTimeTokens.present(input.token, ['confirm-email'], client);
      const attempt = await ownership.show(token, { bearer, password: input.password, client });
      if (attempt instanceof AuthError) throw attempt;
      const { subject: id, email, emailCanonical } = token;
      const { sessionId, passwordVersion, credentialVersion = 1 } = JSON.parse(token.payload) as Asked;

      return change(client, async (tx) => {
        const before = await findUser(tx, id);
        const asked = { id, passwordVersion, credentialVersion };
        const user = await changeEmail(tx, { ...asked, email, emailCanonical, now: clock.now() });
        if (before === undefined || user === undefined)
          throw new AuthError('INVALID_TOKEN', { cause: 'the account changed meanwhile' });
        await oneTimeTokens.spend(tx, token);
        await rateLimits.succeeded(tx, attempt);
        const count = await end(tx, { userId: id, exceptId: sessionId, reason: 'confirmed', client });
        // An address that was never proven may be a stranger's, by a slip of the keyboard: no way in for them.
        if (before.emailVerifiedAt !== null)
          await oneTimeTokens.issue(
            tx,
            { purpose: 'undo-email-change', recipient: oneTimeTokens.recipientOf(before) },
            client,
          );
        return count;
      });
    },

    /**
     * Gives the account its address of before back, and with it to whoever reads that mail. The password goes, because
     * whoever made the change knew it.
     *
     * @returns how many sessions it ended.
     * @throws AuthError `INVALID_TOKEN`, `EMAIL_TAKEN`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`.
     */
    async undo(text: string, client: Client): Promise<number> {
      const token = await oneTimeTokens.present(text, ['undo-email-change'], client);
      const { subject: id, email, emailCanonical, createdAt } = token;

      return change(client, async (tx) => {
        const before = await findUser(tx, id);
        const user = await restoreEmail(tx, { id, email, emailCanonical, now: clock.now() });
        if (before === undefined || user === undefined)
          throw new AuthError('INVALID_TOKEN', { cause: 'the account is gone' });
        await oneTimeTokens.spend(tx, token);
        // What undoes later changes leads to addresses of whoever made this one.
        await oneTimeTokens.endUndosOf(tx, id, createdAt);
        const count = await end(tx, { userId: id, exceptId: '', reason: 'undone', client });
        for (const owner of [before, user]) await mail.notify(tx, owner, 'email-change-undone');
        const recipient = oneTimeTokens.recipientOf(user);
        await oneTimeTokens.issue(tx, { purpose: 'reset-password', recipient }, client);
        return count;
      });
    },
  };
}
