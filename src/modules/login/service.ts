import type { Client } from '../../client.ts';
import type { Clock } from '../../clock.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { parseLabel } from '../../label.ts';
import { recordEvent } from '../audit/store.ts';
import type { Passwords } from '../passwords/service.ts';
import type { Grant, Sessions } from '../sessions/service.ts';
import { canonicalEmail } from '../users/service.ts';
import { findUserByEmail, recordLogin, type UserRecord } from '../users/store.ts';

export interface LoginOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly passwords: Passwords;
  readonly sessions: Sessions;
}

export type Login = ReturnType<typeof createLogin>;

/** The ways in. Each of them proves who it is and ends in `complete`. */
export function createLogin({ database, clock, passwords, sessions }: LoginOptions) {
  /** One answer, one write and one hash for every cause, so that nobody learns which accounts exist (LOG-1, LOG-2). */
  async function refuse(user: UserRecord | undefined, reason: string, client: Client): Promise<never> {
    await recordEvent(database, {
      name: 'authn_login_fail',
      outcome: 'fail',
      at: clock.now(),
      userId: user?.id,
      client,
      details: { reason },
    });
    throw new AuthError('INVALID_CREDENTIALS');
  }

  /**
   * Opens the session of a user who has proven who they are. The user's row is written first and only as it was
   * read, so a login that overlaps a change of password leaves no session of the old one.
   */
  async function complete(
    user: UserRecord,
    { amr, client, deviceName }: { amr: readonly string[]; client: Client; deviceName: string | null },
  ): Promise<Grant> {
    const now = clock.now();
    const opened = await database.transaction(async (sql) => {
      const row = await recordLogin(sql, { id: user.id, passwordVersion: user.passwordVersion, now });
      if (row === undefined) return undefined;
      const session = await sessions.open(sql, { userId: user.id, amr, client, deviceName });
      await recordEvent(sql, {
        name: 'authn_login_success',
        outcome: 'success',
        at: now,
        userId: user.id,
        sessionId: session.session.id,
        client,
        details: { amr },
      });
      return session;
    });
    return opened === undefined ? refuse(user, 'changed_meanwhile', client) : sessions.grantOpened(opened);
  }

  return {
    complete,

    /** @throws AuthError `INVALID_CREDENTIALS`, `OVERLOADED`, `UNAVAILABLE`, `BAD_USER_INPUT`. */
    async withPassword(
      input: { email: string; password: string; deviceName?: string | null | undefined },
      client: Client,
    ): Promise<Grant> {
      const deviceName = parseLabel(input.deviceName, 'input.deviceName');
      const user = await findUserByEmail(database, canonicalEmail(input.email));
      const matches = await passwords.verify(user, input.password, client);
      if (user === undefined || !matches || user.disabledAt !== null)
        return refuse(user, reasonOf(user, matches), client);

      await passwords.upgrade(user, input.password, client);
      return complete(user, { amr: ['pwd'], client, deviceName });
    },
  };
}

function reasonOf(user: UserRecord | undefined, matches: boolean): string {
  if (user === undefined) return 'unknown_account';
  return matches ? 'disabled' : 'wrong_password';
}
