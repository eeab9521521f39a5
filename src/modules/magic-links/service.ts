import type { Client } from '../../client.ts';
import type { Clock } from '../../clock.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { parseLabel } from '../../label.ts';
import type { Login } from '../login/service.ts';
import type { OneTimeTokens } from '../one-time-tokens/service.ts';
import type { OneTimeToken } from '../one-time-tokens/store.ts';
import { type Attempt, type RateLimits, UNCOUNTED } from '../rate-limits/service.ts';
import type { Grant } from '../sessions/service.ts';
import { canonicalEmail } from '../users/service.ts';
import { findUser, findUserByEmail, type UserRecord, verifyEmail } from '../users/store.ts';

export interface MagicLinksOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly rateLimits: RateLimits;
  readonly oneTimeTokens: OneTimeTokens;
  readonly login: Login;
  readonly isOn: boolean;
}

/** RFC 8176 §2: a secret that works once, whether it was followed as a link or typed as a code. */
const AMR = ['otp'];
const REFUSAL = 'INVALID_TOKEN';

export type MagicLinks = ReturnType<typeof createMagicLinks>;

/** Logging in by mail: with a link, or where the mail is read on another device, with the code beside it. */
export function createMagicLinks({
  database,
  clock,
  rateLimits,
  oneTimeTokens,
  login,
  isOn,
}: MagicLinksOptions) {
  /** @throws AuthError `FEATURE_DISABLED` */
  function requireOn(): void {
    if (!isOn) throw new AuthError('FEATURE_DISABLED');
  }

  /** The mail proves the address, too, which must still be the user's when the token is spent. */
  function complete(
    user: UserRecord,
    token: OneTimeToken,
    proven: { client: Client; deviceName: string | null; attempt: Attempt },
  ): Promise<Grant> {
    const { id } = user;
    return login.complete(user, {
      ...proven,
      amr: AMR,
      deviceId: undefined,
      refusal: REFUSAL,
      spend: async (sql) => {
        const { emailCanonical } = token;
        if ((await verifyEmail(sql, { id, emailCanonical, now: clock.now() })) === undefined)
          throw new AuthError(REFUSAL, { cause: 'not their address any more' });
        await oneTimeTokens.spend(sql, token);
      },
    });
  }

  return {
    /** How many seconds the link works. @throws AuthError `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`. */
    async request(email: string, client: Client): Promise<number> {
      requireOn();
      return oneTimeTokens.request('magic-link', email, client);
    },

    /** @throws AuthError `INVALID_TOKEN`, `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`, `BAD_USER_INPUT`. */
    async withLink(
      input: { token: string; deviceName?: string | null | undefined },
      client: Client,
    ): Promise<Grant> {
      requireOn();
      const deviceName = parseLabel(input.deviceName, 'input.deviceName');
      const token = await oneTimeTokens.present(input.token, ['magic-link'], client);
      const user = await findUser(database, token.subject);
      if (user === undefined) throw new AuthError('INVALID_TOKEN', { cause: 'the account is gone' });
      return complete(user, token, { client, deviceName, attempt: UNCOUNTED });
    },

    /** @throws AuthError `INVALID_TOKEN`, `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`, `BAD_USER_INPUT`. */
    async withCode(
      input: { email: string; code: string; deviceName?: string | null | undefined },
      client: Client,
    ): Promise<Grant> {
      requireOn();
      const deviceName = parseLabel(input.deviceName, 'input.deviceName');
      const emailCanonical = canonicalEmail(input.email);
      const user = await findUserByEmail(database, emailCanonical);
      const attempt = await rateLimits.beforeCode({ emailCanonical, actor: { client, userId: user?.id } });
      const recipient = oneTimeTokens.recipientOf(user ?? input);
      const token = await rateLimits.checking(attempt, () =>
        oneTimeTokens.tryCode(recipient, input.code.replaceAll(/\s/g, '')),
      );
      if (user === undefined || token === undefined)
        return login.refuse(user, { reason: 'wrong_code', client, attempt, refusal: REFUSAL });
      return complete(user, token, { client, deviceName, attempt });
    },
  };
}
