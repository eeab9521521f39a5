import { deleteStart } from '../../core/external-logins/start-store.ts';
import { findExternalLogin } from '../../core/external-logins/store.ts';
import type { Door } from '../../core/login/door.ts';
import { NETWORK_WINDOW_MS, type RateLimits, UNCOUNTED } from '../../core/rate-limits/service.ts';
import type { Roles } from '../../core/roles/service.ts';
import type { Grant } from '../../core/sessions/service.ts';
import { canonicalEmail } from '../../core/users/service.ts';
import { findUser, findUserByEmail, type UserRecord } from '../../core/users/store.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import {
  type Arrival,
  createEntries,
  type EntriesOptions,
  expired,
  hasLoginAt,
  Overtaken,
  type ProvenAddress,
  scopeOf,
} from './entries.ts';

/*
 * Whose account an answer of a provider opens. The identity, issuer and subject, is looked at first, and an address never
 * by itself:
 *
 *   the identity is linked               that account
 *   an address that is proven:           by the provider that is authoritative for it, or by the code that was mailed there
 *     no account has it                  a new one
 *     an account has it, unverified      that one, and whatever was made before the proof goes
 *     a verified account has it          that one, where the provider proved it and no other identity of that issuer is
 *                                        linked; else LINK_FIRST: its owner logs in and links
 *   no proof of an address               none: a code has to be mailed first
 */

/** Decisions that other requests can overtake. */
const TRIES = 3;

export interface AccountsOptions extends EntriesOptions {
  readonly database: Database;
  readonly rateLimits: Pick<RateLimits, 'takeBack' | 'checking' | 'networkWindow' | 'pass'>;
  readonly roles: Pick<Roles, 'assertOfNew'>;
  readonly door: Pick<Door, 'enter' | 'refuse'>;
  /** Whether the server makes accounts for strangers, and whether one without a verified address may log in. */
  readonly registration: 'open' | 'verify' | 'closed';
  /** Accounts that one network may make in five minutes. */
  readonly networkRegistrations: number;
}

/** Opens the account that an answer of a provider stands for. */
export function createAccounts(options: AccountsOptions) {
  const { database, rateLimits, roles, door, registration, networkRegistrations } = options;
  const registrationsOfNetwork = rateLimits.networkWindow({
    name: 'external-accounts',
    max: networkRegistrations,
    windowMs: NETWORK_WINDOW_MS,
  });
  const { enterLinked, register, claim, adopt } = createEntries(options);

  /** Ends it: each refusal is an event, and a client could bring the same code again and again. */
  async function refuse(
    { start, caller, attempt = UNCOUNTED }: Arrival,
    { user, cause }: { user: UserRecord; cause: keyof typeof REFUSALS },
  ): Promise<never> {
    await database.before(caller.deadline).transaction(async (tx) => {
      if ((await deleteStart(tx, start.id)) === 0) throw expired();
      // What was shown was right: it is no failure.
      await rateLimits.takeBack(tx, attempt);
    });
    const refusal = new AuthError('EXTERNAL_LOGIN_FAILED', { reason: REFUSALS[cause] });
    return door.refuse({ userId: user.id, reason: cause, caller, attempt: UNCOUNTED, refusal });
  }

  /** What was shown was right, so a refusal is no failure. */
  function assertMayRegister({ start, caller, attempt = UNCOUNTED }: Arrival): Promise<void> {
    return rateLimits.checking(attempt, async () => {
      if (registration === 'closed') throw new AuthError('REGISTRATION_CLOSED');
      roles.assertOfNew(scopeOf(start));
      // Who runs a domain has as many addresses there as they like, and each is proven.
      await rateLimits.pass({ checks: registrationsOfNetwork(caller) }, { caller });
    });
  }

  async function enterByAddress(arrival: Arrival, proven: ProvenAddress): Promise<Grant> {
    const sql = database.before(arrival.caller.deadline);
    const user = await findUserByEmail(sql, canonicalEmail(proven.email));
    if (user === undefined) {
      await assertMayRegister(arrival);
      return register(arrival, proven);
    }
    if (user.disabledAt !== null) return refuse(arrival, { user, cause: 'disabled' });
    if (user.emailVerifiedAt === null) return claim(arrival, user, proven);
    const isOther = await hasLoginAt(sql, user.id, arrival.start.issuer);
    if (proven.token === undefined && !isOther) return adopt(arrival, user, proven);
    return refuse(arrival, { user, cause: 'link_first' });
  }

  async function decide(arrival: Arrival): Promise<Grant | undefined> {
    const { start, caller, proven } = arrival;
    const sql = database.before(caller.deadline);
    const known = await findExternalLogin(sql, start);
    const user = known && (await findUser(sql, known.userId));
    if (known === undefined || user === undefined) return proven && enterByAddress(arrival, proven);
    if (user.disabledAt !== null) return refuse(arrival, { user, cause: 'disabled' });
    if (registration === 'verify' && user.emailVerifiedAt === null)
      return refuse(arrival, { user, cause: 'unverified' });
    return enterLinked(arrival, user, known);
  }

  return {
    /**
     * A session of the account; none where an address has to be proven first.
     *
     * @throws AuthError `EXTERNAL_LOGIN_FAILED`, `MFA_REQUIRED`, `REGISTRATION_CLOSED`, `BAD_USER_INPUT`,
     * `INVALID_TOKEN`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`.
     */
    async open(arrival: Arrival): Promise<Grant | undefined> {
      for (let left = TRIES; left > 0; left -= 1) {
        try {
          return await decide(arrival);
        } catch (error) {
          if (!(error instanceof Overtaken)) throw error;
        }
      }
      throw new AuthError('UNAVAILABLE', { retryAfter: 1, cause: 'overtaken again and again' });
    },
  };
}

/** Why an account is not opened, as the audit trail has it, and what the client is told. */
const REFUSALS = { disabled: 'DENIED', unverified: 'DENIED', link_first: 'LINK_FIRST' } as const;
