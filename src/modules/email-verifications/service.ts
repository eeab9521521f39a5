import { randomUUID } from 'node:crypto';
import type { Client } from '../../client.ts';
import type { Clock } from '../../clock.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { parseLabel } from '../../label.ts';
import { recordEvent } from '../audit/store.ts';
import type { NewToken, OneTimeTokens } from '../one-time-tokens/service.ts';
import type { OneTimeToken } from '../one-time-tokens/store.ts';
import type { Grant, Sessions } from '../sessions/service.ts';
import { canonicalEmail } from '../users/service.ts';
import { findUserByEmail, insertUser, type UserRecord, verifyEmail } from '../users/store.ts';

export interface EmailVerificationsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly oneTimeTokens: OneTimeTokens;
  readonly sessions: Sessions;
}

/** What an account is to be made of once its address is proven; as JSON, the payload of the token. */
interface Registration {
  readonly name: string | null;
  readonly passwordHash: string;
}

export type EmailVerifications = ReturnType<typeof createEmailVerifications>;

/**
 * Proof that an address is its owner's. A registration that has to be verified is no account yet: nobody can occupy
 * somebody else's address, and the account gets the password of the very registration whose link was followed.
 */
export function createEmailVerifications({
  database,
  clock,
  oneTimeTokens,
  sessions,
}: EmailVerificationsOptions) {
  /** For an account that has none; what others do not need is made all the same, and not sent (LOG-8). */
  function verificationOf(user: UserRecord, instead: 'nothing' | 'address-taken'): NewToken {
    const isWanted = user.emailVerifiedAt === null && user.disabledAt === null;
    return {
      purpose: 'verify-email',
      recipient: oneTimeTokens.recipientOf(user),
      instead: isWanted ? undefined : instead,
    };
  }

  async function createAccount(
    token: OneTimeToken,
    { client, deviceName }: { client: Client; deviceName: string | null },
  ): Promise<Grant> {
    const { email, emailCanonical } = token;
    const { name, passwordHash } = JSON.parse(token.payload) as Registration;
    const now = clock.now();
    const opened = await database.before(client.deadline).transaction(async (sql) => {
      const id = randomUUID();
      const user = { id, email, emailCanonical, name, passwordHash, emailVerifiedAt: now, now };
      await oneTimeTokens.spend(sql, token);
      if ((await insertUser(sql, user)) === undefined) throw new AuthError('EMAIL_TAKEN');
      // What is proven now is the mailbox, by a secret that works once (RFC 8176).
      const session = await sessions.open(sql, { userId: id, amr: ['otp'], client, deviceName });
      await recordEvent(sql, {
        name: 'user_created',
        outcome: 'success',
        at: now,
        userId: id,
        sessionId: session.session.id,
        client,
      });
      return session;
    });
    return sessions.grantOpened(opened);
  }

  /** A link that lives for a day and was not asked for by a password must not log in, or get past a second factor. */
  async function verifyAccount(token: OneTimeToken, client: Client): Promise<void> {
    const { subject: id, emailCanonical } = token;
    const now = clock.now();
    await database.before(client.deadline).transaction(async (sql) => {
      const user = await verifyEmail(sql, { id, emailCanonical, now });
      if (user === undefined) throw new AuthError('INVALID_TOKEN', { cause: 'not their address any more' });
      await oneTimeTokens.spend(sql, token);
      await recordEvent(sql, {
        name: 'user_updated',
        outcome: 'success',
        at: now,
        userId: id,
        client,
        details: { fields: ['emailVerified'] },
      });
    });
    sessions.ownerChanged(id);
  }

  return {
    /**
     * Keeps a registration until its address is proven, in the place of the one before. The owner of an account gets a
     * notice instead, or the link that their own address still waits for; neither shows in the answer or its cost.
     *
     * @throws AuthError `UNAVAILABLE`
     */
    async begin({ email, ...registration }: Registration & { email: string }, client: Client): Promise<void> {
      const user = await findUserByEmail(database, canonicalEmail(email));
      const token: NewToken =
        user === undefined
          ? {
              purpose: 'registration',
              recipient: oneTimeTokens.recipientOf({ email }),
              payload: JSON.stringify(registration),
            }
          : verificationOf(user, 'address-taken');
      await oneTimeTokens.send(token, client);
    },

    /**
     * Mails the link of a registration or of an account once more.
     *
     * @returns how many seconds it works.
     * @throws AuthError `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`.
     */
    async request(email: string, client: Client): Promise<number> {
      await oneTimeTokens.beforeRequest(email, client);
      const user = await findUserByEmail(database, canonicalEmail(email));
      const recipient = oneTimeTokens.recipientOf({ email });
      const registration = await oneTimeTokens.findPending(recipient, 'registration');
      if (user !== undefined) return oneTimeTokens.send(verificationOf(user, 'nothing'), client);
      return oneTimeTokens.send(
        registration === undefined
          ? { purpose: 'verify-email', recipient, instead: 'nothing' }
          : { purpose: 'registration', recipient, payload: registration.payload },
        client,
      );
    },

    /**
     * Proves an address. The first session of the account that this creates; none for one that was there.
     *
     * @throws AuthError `INVALID_TOKEN`, `EMAIL_TAKEN`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`, `BAD_USER_INPUT`.
     */
    async verify(
      input: { token: string; deviceName?: string | null | undefined },
      client: Client,
    ): Promise<Grant | undefined> {
      const deviceName = parseLabel(input.deviceName, 'input.deviceName');
      const token = await oneTimeTokens.present(input.token, ['registration', 'verify-email'], client);
      if (token.purpose === 'registration') return createAccount(token, { client, deviceName });
      await verifyAccount(token, client);
      return undefined;
    },
  };
}
