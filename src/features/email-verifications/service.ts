import { randomUUID } from 'node:crypto';
import type { RecordEvent } from '../../core/audit/store.ts';
import type { Door } from '../../core/login/door.ts';
import type { Mailbox } from '../../core/login/mailbox.ts';
import type { Ownership, Shown } from '../../core/login/ownership.ts';
import { provenByRegistration } from '../../core/login/proof.ts';
import type { NewToken, OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { OneTimeToken } from '../../core/one-time-tokens/store.ts';
import { RESET_PASSWORD } from '../../core/passwords/mails.ts';
import type { Passwords } from '../../core/passwords/service.ts';
import type { RateLimits } from '../../core/rate-limits/service.ts';
import { type Roles, readScope } from '../../core/roles/service.ts';
import type { Grant } from '../../core/sessions/service.ts';
import { ADDRESS_TAKEN } from '../../core/users/mails.ts';
import { canonicalEmail } from '../../core/users/service.ts';
import { findUserByEmail, insertUser, type UserRecord } from '../../core/users/store.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { parseLabel } from '../../platform/label.ts';
import { createFirstAdministrator, type FirstAdministratorOptions } from './first-administrator.ts';
import { FIRST_ADMINISTRATOR, REGISTRATION, VERIFY_EMAIL } from './mails.ts';

export interface EmailVerificationsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly rateLimits: Pick<RateLimits, 'succeeded'>;
  readonly oneTimeTokens: Pick<
    OneTimeTokens,
    'recipientOf' | 'issue' | 'send' | 'beforeRequest' | 'findPending' | 'present' | 'spend' | 'mint'
  >;
  readonly roles: FirstAdministratorOptions['roles'] & Pick<Roles, 'assertOfNew'>;
  readonly passwords: Pick<Passwords, 'check' | 'assertRoom' | 'hash'>;
  readonly mailbox: Pick<Mailbox, 'prove'>;
  readonly ownership: Pick<Ownership, 'show'>;
  readonly door: Pick<Door, 'enter'>;
}

/** What an account is to be made of once its address is proven; as JSON, the payload of the token. */
interface Registration {
  readonly name: string | null;
}

interface VerificationInput {
  readonly token: string;
  readonly password?: string | null | undefined;
  readonly deviceName?: string | null | undefined;
  readonly scope?: readonly string[] | null | undefined;
}

export type EmailVerifications = ReturnType<typeof createEmailVerificationsService>;

/**
 * Proof that an address is its owner's. A registration that has to be verified is no account yet: a stranger cannot
 * occupy the address of another person. The reader of the mail sets its password, because a stranger may have
 * registered.
 */
export function createEmailVerificationsService(options: EmailVerificationsOptions) {
  const { database, clock, recordEvent, rateLimits, oneTimeTokens, roles } = options;
  const { passwords, mailbox, ownership, door } = options;
  const firstAdministrator = createFirstAdministrator(options);

  /** For an account that has none; what others do not need is made all the same, and not sent (LOG-8). */
  function verificationOf(user: UserRecord, instead: NewToken['instead']): NewToken {
    const isWanted = user.emailVerifiedAt === null && user.disabledAt === null;
    return {
      purpose: VERIFY_EMAIL,
      recipient: oneTimeTokens.recipientOf(user),
      instead: isWanted ? undefined : instead,
    };
  }

  async function finishRegistration(
    token: OneTimeToken,
    {
      password,
      ...entry
    }: Pick<Shown, 'password' | 'caller'> & {
      deviceName: string | null;
      scope: readonly string[] | null;
    },
  ): Promise<Grant> {
    if (password == null) throw new AuthError('BAD_USER_INPUT', { field: 'input.password' });
    const { email, emailCanonical } = token;
    const { name } = JSON.parse(token.payload) as Registration;
    passwords.check(password, { email, name });
    roles.assertOfNew(entry.scope);
    const passwordHash = await passwords.hash(password, entry.caller);

    const proof = provenByRegistration('mail', async (tx) => {
      const now = clock.now();
      const row = { id: randomUUID(), email, emailCanonical, name, passwordHash, emailVerifiedAt: now, now };
      await oneTimeTokens.spend(tx, token);
      const user = await insertUser(tx, row);
      if (user === undefined) throw new AuthError('EMAIL_TAKEN');
      if (token.purpose === FIRST_ADMINISTRATOR.name) await firstAdministrator.appoint(tx, user.id);
      return { user };
    });
    return door.enter(proof, { as: 'registration', ...entry });
  }

  /** A link that lives for a day and was not asked for by a password must not log in, or get past a second factor. */
  async function verifyAccount(token: OneTimeToken, shown: Shown): Promise<void> {
    const { caller } = shown;
    const attempt = await ownership.show(token, shown);
    // By the mailbox alone an account that was never verified loses its password and sessions. A client whose access
    // token is merely old has a session to show: it refreshes first, and the link is not spent.
    if (attempt instanceof AuthError && attempt.extensions.reason === 'TOKEN_EXPIRED') throw attempt;
    const keepsAll = !(attempt instanceof AuthError);

    await database.before(caller.deadline).transaction(async (tx) => {
      const { user, claimed } = await mailbox.prove(tx, token, { keepsAll });
      if (keepsAll) await rateLimits.succeeded(tx, attempt);
      await recordEvent(tx, {
        name: 'user_updated',
        outcome: 'success',
        at: clock.now(),
        userId: user.id,
        caller,
        details: {
          fields: ['emailVerified'],
          ...(claimed && { reason: 'first_proof', count: claimed.endedSessions }),
        },
      });
      // The way to a password of their own.
      if (claimed !== undefined)
        await oneTimeTokens.issue(
          tx,
          { purpose: RESET_PASSWORD, recipient: oneTimeTokens.recipientOf(user) },
          caller,
        );
    });
  }

  return {
    mintFirstAdministrator: firstAdministrator.mint,

    /**
     * Keeps a registration until its address is proven, in the place of the one before. The owner of an account gets a
     * notice instead, or the link that their own address still waits for; neither shows in the answer or its cost.
     *
     * @throws AuthError `UNAVAILABLE`
     */
    async beginRegistration(
      { email, ...registration }: Registration & { email: string },
      caller: Caller,
    ): Promise<void> {
      const user = await findUserByEmail(database.before(caller.deadline), canonicalEmail(email));
      const token: NewToken =
        user === undefined
          ? {
              purpose: REGISTRATION,
              recipient: oneTimeTokens.recipientOf({ email }),
              payload: JSON.stringify(registration),
            }
          : verificationOf(user, ADDRESS_TAKEN);
      await oneTimeTokens.send(token, caller);
    },

    /**
     * Mails the link of a registration or of an account once more.
     *
     * @returns how many seconds it works.
     * @throws AuthError `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`.
     */
    async request(email: string, caller: Caller): Promise<number> {
      await oneTimeTokens.beforeRequest(caller);
      const user = await findUserByEmail(database.before(caller.deadline), canonicalEmail(email));
      const recipient = oneTimeTokens.recipientOf({ email });
      const registration = await oneTimeTokens.findPending(recipient, REGISTRATION, caller);
      if (user !== undefined) return oneTimeTokens.send(verificationOf(user, 'nothing'), caller);
      return oneTimeTokens.send(
        registration === undefined
          ? { purpose: VERIFY_EMAIL, recipient, instead: 'nothing' }
          : { purpose: REGISTRATION, recipient, payload: registration.payload },
        caller,
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
      input: VerificationInput,
      { bearer, caller }: Pick<Shown, 'bearer' | 'caller'>,
    ): Promise<Grant | undefined> {
      const deviceName = parseLabel(input.deviceName, 'input.deviceName');
      const scope = readScope(input.scope);
      await passwords.assertRoom(caller);
      const token = await oneTimeTokens.present(
        input.token,
        [REGISTRATION, VERIFY_EMAIL, FIRST_ADMINISTRATOR],
        caller,
      );
      const { password } = input;
      if (token.purpose !== VERIFY_EMAIL.name)
        return finishRegistration(token, { password, caller, deviceName, scope });
      await verifyAccount(token, { bearer, password, caller });
      return undefined;
    },
  };
}
