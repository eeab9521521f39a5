import { randomUUID } from 'node:crypto';
import type { RecordEvent } from '../../core/audit/store.ts';
import { type AnsweredStart, deleteStart } from '../../core/external-logins/start-store.ts';
import {
  deleteExternalLogin,
  type ExternalLoginRecord,
  findExternalLogin,
  insertExternalLogin,
  listExternalLogins,
  raiseCredentialVersion,
} from '../../core/external-logins/store.ts';
import type { WaysIn } from '../../core/login/ways-in.ts';
import type { Mail } from '../../core/mail/service.ts';
import type { MailTemplate } from '../../core/mail/templates.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import { findSession } from '../../core/sessions/store.ts';
import {
  assertNothingOwed,
  assertWide,
  type UserView,
  type Viewer,
  viewOf,
} from '../../core/users/service.ts';
import { findUser, holdUser, lockUser, type UserRecord } from '../../core/users/store.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { isId } from '../../platform/id.ts';
import { expired } from './entries.ts';
import { EXTERNAL_LOGIN_LINKED, EXTERNAL_LOGIN_UNLINKED } from './mails.ts';
import type { Start, StartInput, Starts } from './starts.ts';

/** External logins of one account. */
const MOST_LINKS = 10;

export interface LinksOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly sessions: Pick<Sessions, 'requireFreshAuthentication' | 'ownerChanged' | 'endAllOf'>;
  readonly waysIn: Pick<WaysIn, 'assertOneLeft'>;
  readonly mail: Pick<Mail, 'notify'>;
  readonly starts: Pick<Starts, 'begin'>;
}

/** What owners do with the external logins of their accounts. */
export function createLinks({ database, clock, recordEvent, sessions, waysIn, mail, starts }: LinksOptions) {
  /**
   * The owner as they are, and the session alive: in this order, so that a change of the password that ends the session
   * is seen in one of the two, or by the condition on the row.
   */
  async function requireLiveOwner({ userId, sessionId }: Viewer, caller: Caller): Promise<UserRecord> {
    const sql = database.before(caller.deadline);
    const user = await findUser(sql, userId);
    const session = await findSession(sql, sessionId);
    if (user === undefined || session === undefined || session.revokedAt !== null)
      throw new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_INVALID', cause: 'the session has ended' });
    return user;
  }

  /** True where it is linked now; false where it was linked to this account before. */
  async function insertLink(tx: Transaction, userId: string, start: AnsweredStart): Promise<boolean> {
    const links = await listExternalLogins(tx, userId);
    const { provider, issuer, subject, email } = start;
    if (links.some((link) => link.issuer === issuer && link.subject === subject)) return false;
    if (links.length >= MOST_LINKS) throw new AuthError('FACTOR_LIMIT');
    const row = { id: randomUUID(), userId, provider, issuer, subject, email, lastUsedAt: null };
    if ((await insertExternalLogin(tx, { ...row, now: clock.now() })) !== undefined) return true;
    const holder = await findExternalLogin(tx, start);
    if (holder?.userId === userId) return false;
    // They have shown that the account at the provider is theirs, and may be told.
    throw new AuthError('EXTERNAL_LOGIN_FAILED', { reason: 'LINKED_ELSEWHERE' });
  }

  async function tell(
    tx: Transaction,
    { userId, sessionId }: Viewer,
    {
      user,
      details,
      template,
      caller,
    }: {
      user: UserRecord;
      details: Readonly<Record<string, string | number>>;
      template: MailTemplate;
      caller: Caller;
    },
  ): Promise<void> {
    sessions.ownerChanged(tx, userId);
    await recordEvent(tx, {
      name: 'user_updated',
      outcome: 'success',
      at: clock.now(),
      userId,
      sessionId,
      caller,
      details: { fields: ['externalLogins'], ...details },
    });
    await mail.notify(tx, user, template);
  }

  return {
    /**
     * @throws AuthError `REAUTHENTICATION_REQUIRED`, `FEATURE_DISABLED`, `BAD_USER_INPUT`, `TOO_MANY_REQUESTS`,
     * `EXTERNAL_LOGIN_FAILED`, `UNAVAILABLE`.
     */
    async link(
      viewer: Viewer,
      input: StartInput,
      { kept, caller }: { kept: string | undefined; caller: Caller },
    ): Promise<Start> {
      await sessions.requireFreshAuthentication(viewer, caller);
      return starts.begin(input, { owner: viewer, kept, caller });
    },

    /**
     * In the session that began, and in no other.
     *
     * @throws AuthError `EXTERNAL_LOGIN_FAILED`, `FACTOR_LIMIT`, `UNAUTHENTICATED`, `UNAVAILABLE`.
     */
    async completeLink(viewer: Viewer, start: AnsweredStart, caller: Caller): Promise<UserView> {
      const { userId, sessionId } = viewer;
      if (start.userId !== userId || start.sessionId !== sessionId) throw expired();
      const asRead = await requireLiveOwner(viewer, caller);
      return database.before(caller.deadline).transaction(async (tx) => {
        const user = await holdUser(tx, asRead);
        if (user === undefined || (await deleteStart(tx, start.id)) === 0) throw expired();
        if (!(await insertLink(tx, userId, start))) return viewOf(user, viewer);
        const details = { reason: 'linked', provider: start.provider };
        await tell(tx, viewer, { user, details, template: EXTERNAL_LOGIN_LINKED, caller });
        return viewOf(user, viewer);
      });
    },

    /**
     * The other sessions end, and every pending login: they may be of who the login was unlinked for (SES-4).
     *
     * @throws AuthError `NOT_FOUND`, `LAST_CREDENTIAL`, `REAUTHENTICATION_REQUIRED`, `UNAUTHENTICATED`, `UNAVAILABLE`.
     */
    async unlink(viewer: Viewer, { id }: { id: string }, caller: Caller): Promise<UserView> {
      const { userId, sessionId } = viewer;
      await sessions.requireFreshAuthentication(viewer, caller);
      if (!isId(id)) throw new AuthError('NOT_FOUND');
      return database.before(caller.deadline).transaction(async (tx) => {
        if ((await lockUser(tx, userId)) === undefined) throw new AuthError('NOT_FOUND');
        const gone = await deleteExternalLogin(tx, { id, userId });
        if (gone === undefined) throw new AuthError('NOT_FOUND');
        const user = await raiseCredentialVersion(tx, userId);
        if (user === undefined) throw new Error('the row of the user was locked and is gone');
        await waysIn.assertOneLeft(tx, user);
        const count = await sessions.endAllOf(tx, userId, 'external-login', sessionId);
        const details = { reason: 'unlinked', provider: gone.provider, count };
        await tell(tx, viewer, { user, details, template: EXTERNAL_LOGIN_UNLINKED, caller });
        return viewOf(user, viewer);
      });
    },

    /** @throws AuthError `FORBIDDEN` when the session that asks was narrowed, or has to enrol a factor first. */
    async listOf(user: UserView): Promise<ExternalLoginRecord[]> {
      assertWide(user);
      assertNothingOwed(user);
      return listExternalLogins(database, user.id);
    },
  };
}
