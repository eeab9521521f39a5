import { randomBytes } from 'node:crypto';
import type { Argon2Cost } from '../../crypto/argon2.ts';
import { isOnlyMatch } from '../../crypto/bcrypt.ts';
import { hashPassword, isOutdated, verifyPassword } from '../../crypto/password-hash.ts';
import type { Database, Sql } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { type Caller, networkOf } from '../../platform/caller.ts';
import { isLongerThan } from '../../platform/code-points.ts';
import { NO_DEADLINE } from '../../platform/deadline.ts';
import { createWorkQueue, type Requester } from '../../platform/work-queue.ts';
import { everyRow } from '../users/service.ts';
import type { UserWithRoles } from '../users/store.ts';
import { bitsToGuess } from './guessability.ts';
import { type Credential, listCredentials, replacePasswordHash } from './store.ts';

/** NIST SP 800-63B-4 §3.1.1.2: long passwords are welcome; a limit only keeps hashing bounded. */
const PASSWORD_MAX_LENGTH = 128;

/** A hundred million guesses: what zxcvbn calls safely unguessable where guesses are throttled. */
const LEAST_BITS = Math.log2(1e8);

export interface PasswordsOptions {
  readonly database: Database;
  /** Hashes that are begun at once, and the threads there are for them. */
  readonly concurrency: number;
  readonly threads: number;
  /** Characters (code points). */
  readonly minLength: number;
  /** Of a new hash. */
  readonly hashCost?: Argon2Cost | undefined;
  /** For accounts that were imported from Firebase. */
  readonly firebaseSignerKey?: Buffer | undefined;
}

/** Whose password it is to be. */
export interface Owner {
  readonly email: string;
  readonly name?: string | null | undefined;
}

export type Passwords = ReturnType<typeof createPasswords>;

/** What a password must be, and whether one is right. Hashing is queued: it is the costliest thing there is. */
export function createPasswords({
  database,
  concurrency,
  threads,
  minLength,
  hashCost,
  firebaseSignerKey,
}: PasswordsOptions) {
  const queue = createWorkQueue({
    concurrency,
    threads,
    capacity: 64,
    maxWaitMs: 1_500,
    capacityPerSource: 16,
  });
  // Verified when no account matches, so an unknown address costs as much as a wrong password (LOG-2).
  const decoy = hashPassword(randomBytes(16).toString('base64url'), hashCost);

  /** @param caller whom the work is for; none for the operator. */
  function hash(password: string, caller?: Caller): Promise<string> {
    return queue.run(requesterOf(caller), () => hashPassword(password, hashCost));
  }

  return {
    hash,
    load: queue.load,

    /**
     * Asked before the throttles count: a password that is not going to be checked must not count as a failure.
     *
     * @throws AuthError `OVERLOADED`
     */
    assertRoom: (caller: Caller): Promise<void> => queue.assertRoom(requesterOf(caller)),

    /**
     * Offline, without composition rules (NIST SP 800-63B-4 §3.1.1.2, ASVS 6.2.4, 6.2.11): the length, and whether
     * common pieces and the owner's own words are all there is to it (PW-6).
     *
     * @throws AuthError `WEAK_PASSWORD` with the reason and `minLength`.
     */
    check(password: string, owner: Owner): void {
      if (isLongerThan(password, PASSWORD_MAX_LENGTH))
        throw new AuthError('WEAK_PASSWORD', { reason: 'TOO_LONG', minLength });
      if (!isLongerThan(password, minLength - 1))
        throw new AuthError('WEAK_PASSWORD', { reason: 'TOO_SHORT', minLength });
      // Lone surrogates all become one character in UTF-8: two passwords would have one hash.
      if (!password.isWellFormed()) throw new AuthError('WEAK_PASSWORD', { reason: 'MALFORMED', minLength });
      if (bitsToGuess(password) < LEAST_BITS)
        throw new AuthError('WEAK_PASSWORD', { reason: 'TOO_COMMON', minLength });
      if (bitsToGuess(password, ownWords(owner)) < LEAST_BITS)
        throw new AuthError('WEAK_PASSWORD', { reason: 'CONTAINS_PERSONAL_INFO', minLength });
    },

    /**
     * Whether the password is the user's; costs the same when there is no user or they have no password. A hash from
     * elsewhere costs what it costs, until `upgrade` replaces it.
     */
    async verify(credential: Credential | undefined, password: string, caller: Caller): Promise<boolean> {
      const stored = credential?.passwordHash ?? undefined;
      const phc = stored ?? (await decoy);
      const origin = { isForeign: credential?.isForeign ?? false, firebaseSignerKey };
      const matches = await queue.run(requesterOf(caller), () => verifyPassword(phc, password, origin));
      return matches && stored !== undefined;
    },

    /**
     * After a right password: replaces a hash of weaker parameters or from elsewhere. A login never fails for it (PW-2).
     * What only happens to match must not become the password, so such a hash stays.
     */
    async upgrade(credential: Credential, password: string, caller: Caller): Promise<void> {
      const { user, passwordHash: asRead } = credential;
      if (asRead === null || !isOutdated(asRead, credential, hashCost) || !isOnlyMatch(asRead, password))
        return;
      try {
        const passwordHash = await hash(password, caller);
        await replacePasswordHash(database, { id: user.id, asRead, passwordHash });
      } catch (error) {
        if (!(error instanceof AuthError)) throw error;
      }
    },
  };
}

/** Every user with the hash of their password, by id, read a page at a time: for the operator's export alone. */
export function everyCredential(sql: Sql): AsyncGenerator<Credential<UserWithRoles>> {
  return everyRow(
    (page) => listCredentials(sql, page),
    ({ user }) => user.id,
  );
}

/** No one network may fill the queue, and nothing waits in it past its operation's deadline (GQL-6, DOS-1). */
function requesterOf(caller: Caller | undefined): Requester {
  if (caller === undefined) return { source: 'operator', deadline: NO_DEADLINE, connection: {} };
  return { source: networkOf(caller.ip), deadline: caller.deadline, connection: caller.connection };
}

/** What an attacker who knows the account tries first: the address and the name, whole and word by word. */
function ownWords({ email, name }: Owner): string[] {
  const wholes = [email, ...email.split('@'), name ?? ''];
  return wholes.flatMap((whole) => [whole, ...whole.split(/[^\p{L}\p{N}]+/u)]);
}
