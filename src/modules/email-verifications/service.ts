import { randomUUID } from 'node:crypto';
import type { Client } from '../../client.ts';
import type { Clock } from '../../clock.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { parseLabel } from '../../label.ts';
import type { RecordEvent } from '../audit/store.ts';
import type { Door } from '../login/door.ts';
import type { Mailbox } from '../login/mailbox.ts';
import type { Ownership, Shown } from '../login/ownership.ts';
import { provenByRegistration } from '../login/proof.ts';
import type { NewToken, OneTimeTokens } from '../one-time-tokens/service.ts';
import type { OneTimeToken } from '../one-time-tokens/store.ts';
import type { Passwords } from '../passwords/service.ts';
import type { RateLimits } from '../rate-limits/service.ts';
import type { Grant } from '../sessions/service.ts';
import { canonicalEmail } from '../users/service.ts';
import { findUserByEmail, insertUser, type UserRecord } from '../users/store.ts';

export interface EmailVerificationsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly rateLimits: Pick<RateLimits, 'succeeded'>;
  readonly oneTimeTokens: OneTimeTokens;
  readonly passwords: Pick<Passwords, 'check' | 'assertRoom' | 'hash'>;
  readonly mailbox: Mailbox;
  readonly ownership: Pick<Ownership, 'show'>;
  readonly door: Pick<Door, 'enter'>;
}

/** What an account is to be made of once its address is proven; as JSON, the payload of the token. */
interface Registration {
  readonly name: string | null;
}

export type EmailVerifications = ReturnType<typeof createEmailVerifications>;

/**
 * Proof that an address is its owner's. A registration that has to be verified is no account yet: nobody can occupy
 * somebody else's address. Its password is set by who follows the link, because anybody could have registered.
 */
export function createEmailVerifications({
  database,
  clock,
  recordEvent,
  rateLimits,
  oneTimeTokens,
  passwords,
  mailbox,
  ownership,
  door,
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
    { password, client, deviceName }: Pick<Shown, 'password' | 'client'> & { deviceName: string | null },
  ): Promise<Grant> {
    if (password == null) throw new AuthError('BAD_USER_INPUT', { field: 'input.password' });
    const { email, emailCanonical } = token;
    const { name } = JSON.parse(token.payload) as Registration;
    passwords.check(password, { email, name });
    const passwordHash = await passwords.hash(password, client);

    const proof = provenByRegistration('mail', async (tx) => {
      const now = clock.now();
      const row = { id: randomUUID(), email, emailCanonical, name, passwordHash, emailVerifiedAt: now, now };
      await oneTimeTokens.spend(tx, token);
      const user = await insertUser(tx, row);
      if (user === undefined) throw new AuthError('EMAIL_TAKEN');
      return { user };
    });
    return door.enter(proof, { as: 'registration', client, deviceName });
  }

  /** A link that lives for a day and was not asked for by a password must not log in, or get past a second factor. */
  async function verifyAccount(token: OneTimeToken, shown: Shown): Promise<void> {
    const { client } = shown;
    const attempt = await ownership.show(token, shown);
    // By the mailbox alone an account that was never verified loses its password and sessions. A client whose access
    // token is merely old has a session to show: it refreshes first, and the link is not spent.
    if (attempt instanceof AuthError && attempt.extensions.reason === 'TOKEN_EXPIRED') throw attempt;
    const keepsAll = !(attempt instanceof AuthError);

    await database.before(client.deadline).transaction(async (tx) => {
      const { user, claimed } = await mailbox.prove(tx, token, { keepsAll });
      if (keepsAll) await rateLimits.succeeded(tx, attempt);
      await recordEvent(tx, {
        name: 'user_updated',
        outcome: 'success',
        at: clock.now(),
        userId: user.id,
        client,
        details: {
          fields: ['emailVerified'],
          ...(claimed && { reason: 'first_proof', count: claimed.endedSessions }),
        },
      });
      // The way to a password of their own.
      if (claimed !== undefined)
        await oneTimeTokens.issue(
          tx,
          { purpose: 'reset-password', recipient: oneTimeTokens.recipientOf(user) },
          client,
        );
    });
  }

  return {
    /**
     * Keeps a registration until its address is proven, in the place of the one before. The owner of an account gets a
     * notice instead, or the link that their own address still waits for; neither shows in the answer or its cost.
     *
     * @throws AuthError `UNAVAILABLE`
     */
    async begin({ email, ...registration }: Registration & { email: string }, client: Client): Promise<void> {
      const user = await findUserByEmail(database.before(client.deadline), canonicalEmail(email));
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
      await oneTimeTokens.beforeRequest(client);
      const user = await findUserByEmail(database.before(client.deadline), canonicalEmail(email));
      const recipient = oneTimeTokens.recipientOf({ email });
      const registration = await oneTimeTokens.findPending(recipient, 'registration', client);
      if (user !== undefined) return oneTimeTokens.send(verificationOf(user, 'nothing'), client);
      return oneTimeTokens.send(
        registration === undefined
          ? { purpose: 'verify-email', recipient, instead: 'nothing' }
          : { purpose: 'registration', recipient, payload: registration.payload },
        client,
      );
    },

    /**
     * Proves an address. The first session of the account that this creates, with the password given; none for one that
     * was there, where a live session of it or its password keeps all that was made before.
     *
     * @throws AuthError `INVALID_TOKEN`, `EMAIL_TAKEN`, `WEAK_PASSWORD`, `INVALID_CREDENTIALS`, `UNAUTHENTICATED`,
     * `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`, `BAD_USER_INPUT`: the token is not spent.
     */
    async verify(
      input: { token: string; password?: string | null | undefined; deviceName?: string | null | undefined },
      { bearer, client }: Pick<Shown, 'bearer' | 'client'>,
    ): Promise<Grant | undefined> {
      const deviceName = parseLabel(input.deviceName, 'input.deviceName');
      await passwords.assertRoom(client);
      const token = await oneTimeTokens.present(input.token, ['registration', 'verify-email'], client);
      const { password } = input;
      if (token.purpose === 'registration') return createAccount(token, { password, client, deviceName });
      await verifyAccount(token, { bearer, password, client });
      return undefined;
    },
  };
}
