import type { Client } from '../../client.ts';
import type { Clock } from '../../clock.ts';
import { type Database, isUniqueViolation, type Sql } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Account } from '../account/service.ts';
import { recordEvent } from '../audit/store.ts';
import type { Mail } from '../mail/service.ts';
import type { NewToken, OneTimeTokens } from '../one-time-tokens/service.ts';
import type { RateLimits } from '../rate-limits/service.ts';
import type { Sessions } from '../sessions/service.ts';
import { canonicalEmail, type Users, type Viewer } from '../users/service.ts';
import { changeEmail, findUser, findUserByEmail, restoreEmail } from '../users/store.ts';

export interface EmailChangesOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly rateLimits: Pick<RateLimits, 'succeeded'>;
  readonly oneTimeTokens: OneTimeTokens;
  readonly users: Users;
  readonly sessions: Sessions;
  readonly account: Pick<Account, 'requirePassword'>;
  readonly mail: Mail;
}

/** Who asked for a change, as they were then; as JSON, the payload of its token. */
interface Asked {
  readonly sessionId: string;
  readonly passwordVersion: number;
}

export type EmailChanges = ReturnType<typeof createEmailChanges>;

/**
 * Another address for an account: asked for with the password, confirmed from the new address, and taken back from
 * the old one, in case somebody who knew the password asked.
 */
export function createEmailChanges({
  database,
  clock,
  rateLimits,
  oneTimeTokens,
  users,
  sessions,
  account,
  mail,
}: EmailChangesOptions) {
  /** Changes an address; the unique index decides whose it is. How many sessions `work` ended. */
  async function change(
    { userId, client }: { userId: string; client: Client },
    work: (sql: Sql) => Promise<string[]>,
  ): Promise<number> {
    try {
      const endedIds = await database.before(client.deadline).transaction(work);
      mail.wake();
      sessions.forget(endedIds);
      sessions.ownerChanged(userId);
      return endedIds.length;
    } catch (error) {
      throw isUniqueViolation(error) ? new AuthError('EMAIL_TAKEN', { cause: error }) : error;
    }
  }

  /** Ends links and sessions and records the change; the ids of the sessions. */
  async function end(
    sql: Sql,
    {
      userId,
      exceptId,
      reason,
      client,
    }: { userId: string; exceptId: string; reason: string; client: Client },
  ): Promise<string[]> {
    await oneTimeTokens.endAllOf(sql, userId);
    const endedIds = await sessions.endAllOf(sql, userId, 'email', exceptId);
    await recordEvent(sql, {
      name: 'user_updated',
      outcome: 'success',
      at: clock.now(),
      userId,
      client,
      details: { fields: ['email'], reason, count: endedIds.length },
    });
    return endedIds;
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
      await oneTimeTokens.beforeRequest(input.newEmail, client);
      const user = await users.view(viewer);
      const attempt = await account.requirePassword(user, input.password, client);
      const holder = await findUserByEmail(database, canonicalEmail(input.newEmail));
      const { id, passwordVersion } = user;
      const { sessionId } = viewer;
      const token: NewToken = {
        purpose: 'confirm-email',
        recipient: oneTimeTokens.recipientOf({ id, email: input.newEmail }),
        payload: JSON.stringify({ sessionId, passwordVersion } satisfies Asked),
        instead: holder === undefined || holder.id === id ? undefined : 'address-taken',
      };
      return oneTimeTokens.send(token, client, async (sql) => {
        await rateLimits.succeeded(sql, attempt);
        await mail.enqueue(sql, { to: user.email, template: 'email-change-requested', userId: id });
      });
    },

    /**
     * Makes the new address the account's, for whoever reads its mail. The session that asked goes on, because it gave
     * the password; all others end (SES-4).
     *
     * @returns how many sessions it ended.
     * @throws AuthError `INVALID_TOKEN`, `EMAIL_TAKEN`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`.
     */
    async confirm(text: string, client: Client): Promise<number> {
      const token = await oneTimeTokens.present(text, ['confirm-email'], client);
      const { subject: id, email, emailCanonical } = token;
      const { sessionId, passwordVersion } = JSON.parse(token.payload) as Asked;

      return change({ userId: id, client }, async (sql) => {
        const before = await findUser(sql, id);
        const now = clock.now();
        const user = await changeEmail(sql, { id, passwordVersion, email, emailCanonical, now });
        if (before === undefined || user === undefined)
          throw new AuthError('INVALID_TOKEN', { cause: 'the account changed meanwhile' });
        await oneTimeTokens.spend(sql, token);
        const endedIds = await end(sql, { userId: id, exceptId: sessionId, reason: 'confirmed', client });
        // An address that nobody proved may be a stranger's by a slip of the keyboard: no way in for them.
        if (before.emailVerifiedAt === null)
          await mail.enqueue(sql, { to: before.email, template: 'email-changed', userId: id });
        else
          await oneTimeTokens.issue(
            sql,
            { purpose: 'undo-email-change', recipient: oneTimeTokens.recipientOf(before) },
            client,
          );
        return endedIds;
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

      return change({ userId: id, client }, async (sql) => {
        const before = await findUser(sql, id);
        const user = await restoreEmail(sql, { id, email, emailCanonical, now: clock.now() });
        if (before === undefined || user === undefined)
          throw new AuthError('INVALID_TOKEN', { cause: 'the account is gone' });
        await oneTimeTokens.spend(sql, token);
        // What undoes later changes leads to addresses of whoever made this one.
        await oneTimeTokens.endUndosOf(sql, id, createdAt);
        const endedIds = await end(sql, { userId: id, exceptId: '', reason: 'undone', client });
        for (const to of [before.email, user.email])
          await mail.enqueue(sql, { to, template: 'email-change-undone', userId: id });
        const recipient = oneTimeTokens.recipientOf(user);
        await oneTimeTokens.issue(sql, { purpose: 'reset-password', recipient }, client);
        return endedIds;
      });
    },
  };
}
