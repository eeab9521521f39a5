import type { Client } from '../../client.ts';
import type { Clock } from '../../clock.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { parseLabel } from '../../label.ts';
import type { Door } from '../login/door.ts';
import type { Mailbox } from '../login/mailbox.ts';
import { provenByMail } from '../login/proof.ts';
import type { OneTimeTokens } from '../one-time-tokens/service.ts';
import type { OneTimeToken } from '../one-time-tokens/store.ts';
import { type Attempt, type RateLimits, UNCOUNTED } from '../rate-limits/service.ts';
import type { Grant } from '../sessions/service.ts';
import { canonicalEmail } from '../users/service.ts';
import { findUser, findUserByEmail, recordLogin, type UserRecord } from '../users/store.ts';

export interface MagicLinksOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly rateLimits: RateLimits;
  readonly oneTimeTokens: OneTimeTokens;
  readonly mailbox: Mailbox;
  readonly door: Door;
  readonly isOn: boolean;
}

export type MagicLinks = ReturnType<typeof createMagicLinks>;

/** Logging in by mail: with a link, or where the mail is read on another device, with the code beside it. */
export function createMagicLinks({
  database,
  clock,
  rateLimits,
  oneTimeTokens,
  mailbox,
  door,
  isOn,
}: MagicLinksOptions) {
  /** @throws AuthError `FEATURE_DISABLED` */
  function requireOn(): void {
    if (!isOn) throw new AuthError('FEATURE_DISABLED');
  }

  /** The mail proves the address, too, which must still be the user's when the token is spent. */
  function enter(
    user: UserRecord,
    token: OneTimeToken,
    { client, deviceName, attempt }: { client: Client; deviceName: string | null; attempt: Attempt },
  ): Promise<Grant> {
    const proof = provenByMail({
      user,
      attempt,
      hold: async (tx) => {
        const proven = await mailbox.prove(tx, token, { keepsAll: false });
        const held = await recordLogin(tx, { ...proven.user, now: clock.now() });
        return held && { user: held };
      },
    });
    return door.enter(proof, { as: 'login', client, deviceName });
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
      const user = await findUser(database.before(client.deadline), token.subject);
      if (user === undefined) throw new AuthError('INVALID_TOKEN', { cause: 'the account is gone' });
      return enter(user, token, { client, deviceName, attempt: UNCOUNTED });
    },

    /** @throws AuthError `INVALID_TOKEN`, `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`, `BAD_USER_INPUT`. */
    async withCode(
      input: { email: string; code: string; deviceName?: string | null | undefined },
      client: Client,
    ): Promise<Grant> {
      requireOn();
      const deviceName = parseLabel(input.deviceName, 'input.deviceName');
      const emailCanonical = canonicalEmail(input.email);
      const user = await findUserByEmail(database.before(client.deadline), emailCanonical);
      const attempt = await rateLimits.beforeCode({ emailCanonical, user, client });
      const recipient = oneTimeTokens.recipientOf(user ?? input);
      const token = await rateLimits.checking(attempt, () =>
        oneTimeTokens.tryCode(recipient, input.code.replaceAll(/\s/g, ''), client),
      );
      if (user === undefined || token === undefined) {
        const refusal = 'INVALID_TOKEN';
        return door.refuse({ userId: user?.id, reason: 'wrong_code', client, attempt, refusal });
      }
      return enter(user, token, { client, deviceName, attempt });
    },
  };
}
