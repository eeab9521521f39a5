import type { Database } from '../../database/database.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { parseLabel } from '../../platform/label.ts';
import type { Guesses } from '../passwords/guesses.ts';
import type { Passwords } from '../passwords/service.ts';
import { findCredentialByEmail } from '../passwords/store.ts';
import type { RateLimits } from '../rate-limits/service.ts';
import { readScope } from '../roles/service.ts';
import type { Grant } from '../sessions/service.ts';
import type { Tokens } from '../tokens/service.ts';
import { canonicalEmail } from '../users/service.ts';
import { recordFirstFactor, type UserRecord } from '../users/store.ts';
import type { Door } from './door.ts';
import { provenByPassword } from './proof.ts';

export interface LoginOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly rateLimits: Pick<RateLimits, 'checking'>;
  readonly guesses: Pick<Guesses, 'beforeLogin'>;
  readonly tokens: Pick<Tokens, 'deviceTokens'>;
  readonly passwords: Pick<Passwords, 'assertRoom' | 'verify' | 'upgrade'>;
  readonly door: Pick<Door, 'enter' | 'refuse'>;
  /** Whether an account whose address is not verified may not log in. */
  readonly requireVerification: boolean;
}

export type Login = ReturnType<typeof createLogin>;

/** Logging in with an address and a password. */
export function createLogin({
  database,
  clock,
  rateLimits,
  guesses,
  tokens,
  passwords,
  door,
  requireVerification,
}: LoginOptions) {
  function mayLogIn(user: UserRecord): boolean {
    return user.disabledAt === null && (user.emailVerifiedAt !== null || !requireVerification);
  }

  function deviceOf(user: UserRecord | undefined, proof: string | null | undefined): string | undefined {
    if (user === undefined || proof == null) return undefined;
    return tokens.deviceTokens.deviceOf(proof, {
      userId: user.id,
      passwordVersion: user.passwordVersion,
      nowSeconds: Math.floor(clock.now() / 1_000),
    });
  }

  return {
    /** @throws AuthError `INVALID_CREDENTIALS`, `MFA_REQUIRED`, `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`, `BAD_USER_INPUT`. */
    async withPassword(
      input: {
        email: string;
        password: string;
        deviceName?: string | null | undefined;
        deviceToken?: string | null | undefined;
        scope?: readonly string[] | null | undefined;
      },
      caller: Caller,
    ): Promise<Grant> {
      const deviceName = parseLabel(input.deviceName, 'input.deviceName');
      const scope = readScope(input.scope);
      await passwords.assertRoom(caller);
      const emailCanonical = canonicalEmail(input.email);
      const credential = await findCredentialByEmail(database.before(caller.deadline), emailCanonical);
      const user = credential?.user;
      const deviceId = deviceOf(user, input.deviceToken);
      const attempt = await guesses.beforeLogin({ emailCanonical, user, deviceId, caller });
      const matches = await rateLimits.checking(attempt, () =>
        passwords.verify(credential, input.password, caller),
      );
      if (credential === undefined || user === undefined || !matches || !mayLogIn(user))
        return door.refuse({ userId: user?.id, reason: reasonOf(user, matches), caller, attempt });

      await passwords.upgrade(credential, input.password, caller);
      const proof = provenByPassword({
        user,
        attempt,
        hold: async (tx) => {
          const held = await recordFirstFactor(tx, { ...user, now: clock.now() });
          return held && { user: held };
        },
      });
      return door.enter(proof, { as: 'login', caller, deviceName, deviceId, scope });
    },
  };
}

function reasonOf(user: UserRecord | undefined, matches: boolean): string {
  if (user === undefined) return 'unknown_account';
  if (!matches) return 'wrong_password';
  return user.disabledAt !== null ? 'disabled' : 'unverified';
}
