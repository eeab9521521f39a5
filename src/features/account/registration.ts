import { randomUUID } from 'node:crypto';
import type { Door } from '../../core/login/door.ts';
import { provenByRegistration } from '../../core/login/proof.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { Passwords } from '../../core/passwords/service.ts';
import { type Attempt, NETWORK_WINDOW_MS, type RateLimits } from '../../core/rate-limits/service.ts';
import { type Roles, readScope } from '../../core/roles/service.ts';
import type { Grant } from '../../core/sessions/service.ts';
import { canonicalEmail } from '../../core/users/service.ts';
import { insertUser } from '../../core/users/store.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { parseLabel } from '../../platform/label.ts';

export interface RegistrationOptions {
  readonly clock: Clock;
  readonly rateLimits: Pick<RateLimits, 'networkWindow' | 'pass' | 'checking'>;
  readonly roles: Pick<Roles, 'assertOfNew'>;
  readonly passwords: Pick<Passwords, 'check' | 'assertRoom' | 'hash'>;
  readonly door: Pick<Door, 'enter'>;
  readonly oneTimeTokens: Pick<OneTimeTokens, 'beforeRequest' | 'isReserved'>;
  /** Keeps a registration until its address is proven. */
  readonly beginRegistration: (
    registration: { email: string; name: string | null },
    caller: Caller,
  ) => Promise<void>;
  readonly registration: 'open' | 'verify' | 'closed';
  /** Registrations from one network in five minutes. */
  readonly networkRegistrations: number;
}

/** How people come to have accounts. */
export function createRegistration({
  clock,
  rateLimits,
  roles,
  passwords,
  door,
  oneTimeTokens,
  beginRegistration,
  registration,
  networkRegistrations,
}: RegistrationOptions) {
  const registrationsOfNetwork = rateLimits.networkWindow({
    name: 'registrations',
    max: networkRegistrations,
    windowMs: NETWORK_WINDOW_MS,
  });

  /** @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`. */
  function beforeRegistration(caller: Caller): Promise<Attempt> {
    return rateLimits.pass({ checks: registrationsOfNetwork(caller) }, { caller });
  }

  return {
    /**
     * The first session; none where the address has to be verified first. There the password is set when the mailbox
     * is proven: a password that comes along now is not looked at, or a stranger could choose it.
     *
     * @throws AuthError `REGISTRATION_CLOSED`, `BAD_USER_INPUT`, `WEAK_PASSWORD`, `TOO_MANY_REQUESTS`, `EMAIL_TAKEN`,
     * `OVERLOADED`, `UNAVAILABLE`.
     */
    async register(
      input: {
        email: string;
        password?: string | null | undefined;
        name?: string | null | undefined;
        scope?: readonly string[] | null | undefined;
      },
      caller: Caller,
    ): Promise<Grant | undefined> {
      if (registration === 'closed') throw new AuthError('REGISTRATION_CLOSED');
      const name = parseLabel(input.name, 'input.name');
      const scope = readScope(input.scope);
      const { email, password } = input;
      if (registration === 'verify') {
        await beforeRegistration(caller);
        await oneTimeTokens.beforeRequest(caller);
        await beginRegistration({ email, name }, caller);
        return undefined;
      }

      if (password == null) throw new AuthError('BAD_USER_INPUT', { field: 'input.password' });
      passwords.check(password, { email, name });
      roles.assertOfNew(scope);
      await passwords.assertRoom(caller);
      const attempt = await beforeRegistration(caller);
      const passwordHash = await rateLimits.checking(attempt, () => passwords.hash(password, caller));
      const emailCanonical = canonicalEmail(email);
      const proof = provenByRegistration('password', async (tx) => {
        const row = { id: randomUUID(), email, emailCanonical, name, passwordHash, now: clock.now() };
        const user = await insertUser(tx, row);
        if (user === undefined || (await oneTimeTokens.isReserved(tx, emailCanonical)))
          throw new AuthError('EMAIL_TAKEN');
        return { user };
      });
      return door.enter(proof, { as: 'registration', caller, deviceName: null, scope });
    },
  };
}
