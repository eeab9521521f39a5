import { randomUUID } from 'node:crypto';
import {
  type AnsweredStart,
  findByCode,
  insertStart,
  type StartRecord,
} from '../../core/external-logins/start-store.ts';
import { networksOf } from '../../core/rate-limits/networks.ts';
import { NETWORK_WINDOW_MS, type RateLimits } from '../../core/rate-limits/service.ts';
import { readScope } from '../../core/roles/service.ts';
import type { OwnSession } from '../../core/users/service.ts';
import { constantTimeEqual, sha256 } from '../../crypto/digest.ts';
import { createKeyring } from '../../crypto/keyring.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { MINUTE_MS } from '../../platform/durations.ts';
import { parseLabel } from '../../platform/label.ts';
import type { Logger } from '../../platform/logger.ts';
import { ProviderFault } from './identity.ts';
import type { Providers } from './providers.ts';
import { createRedirects, type RedirectsOptions } from './redirects.ts';
import { createStartSecrets, makeToken, type StartSecrets } from './secrets.ts';

/** Time to log in at the provider, and to find a phone for it. */
const LIFETIME_MS = 10 * MINUTE_MS;
/** Bad states, codes and registration tokens of one network in five minutes. */
const MOST_FAILURES = 30;
const CODE = /^lke_[A-Za-z0-9_-]{43}$/;

export interface StartsOptions extends RedirectsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly secrets: readonly Buffer[];
  readonly rateLimits: Pick<RateLimits, 'networkWindow' | 'pass' | 'failures'>;
  readonly providers: Pick<Providers, 'require' | 'speaksFor' | 'clientOf'>;
  /** Logins and links that one network may begin in a minute. */
  readonly networkChecks: number;
}

export interface StartInput {
  readonly provider: string;
  readonly redirectTo: string;
  readonly delivery?: StartRecord['delivery'] | undefined;
  readonly deviceName?: string | null | undefined;
  readonly scope?: readonly string[] | null | undefined;
}

/** A login or a link that was begun. */
export interface Start {
  readonly authorizationUrl: string;
  /** Null where the browser keeps it in a cookie. */
  readonly verifier: string | null;
  readonly expiresAt: Date;
}

/** The secrets of who began it: what a client sends, and what a browser keeps. */
export interface Holder {
  readonly verifier?: string | null | undefined;
  /** @throws AuthError `FORBIDDEN` for a page that may not use the cookie. */
  readonly kept: () => string | undefined;
}

export type Starts = ReturnType<typeof createStarts>;

/** Begins logins and links at a provider, and knows them again. */
export function createStarts(options: StartsOptions) {
  const { database, clock, logger, secrets, rateLimits, providers, networkChecks } = options;
  const redirects = createRedirects(options);
  const startSecrets = createStartSecrets(createKeyring(secrets, 'external-logins'));
  const startsOfNetwork = rateLimits.networkWindow({
    name: 'external-starts',
    max: networkChecks,
    windowMs: MINUTE_MS,
  });
  const failures = rateLimits.failures({ name: 'external-logins', windowMs: NETWORK_WINDOW_MS });

  /** @throws AuthError `EXTERNAL_LOGIN_FAILED` when the provider is away. */
  async function authorizationUrl(provider: string, made: StartSecrets): Promise<string> {
    try {
      return await (await providers.clientOf(provider)).authorizationUrl(made);
    } catch (error) {
      if (!(error instanceof ProviderFault)) throw error;
      logger.warn({ provider, fault: error.message }, 'a provider cannot be used');
      throw new AuthError('EXTERNAL_LOGIN_FAILED', { reason: 'PROVIDER', cause: error.message });
    }
  }

  /** What cannot be guessed needs no count. The limit keeps bad ones cheap, and good ones get in all the same. */
  async function refuseUnknown(caller: Caller): Promise<never> {
    const networks = networksOf(caller, MOST_FAILURES);
    await failures.count(networks, caller);
    throw new AuthError('EXTERNAL_LOGIN_FAILED', { reason: 'EXPIRED' });
  }

  /** Whether the provider that answered is still in the file: the operator may have removed it in a hurry. */
  function isCurrent({ provider, issuer }: AnsweredStart): boolean {
    return providers.speaksFor(provider, issuer);
  }

  /** Whether a client is who began it. A code or a token alone is of no use: it may have been caught on its way. */
  function isHeldBy({ delivery, bindingHash }: AnsweredStart, { verifier, kept }: Holder): boolean {
    const secret = (delivery === 'COOKIE' ? kept() : verifier) ?? '';
    return constantTimeEqual(Buffer.from(sha256(secret)), Buffer.from(bindingHash));
  }

  return {
    secretsOf: startSecrets.of,
    refuseUnknown,
    isCurrent,
    isHeldBy,

    /**
     * @param owner whose account the login is to be linked to, if it is.
     * @param kept the secret in the cookie of the browser, where it holds that.
     * @throws AuthError `FEATURE_DISABLED`, `BAD_USER_INPUT`, `TOO_MANY_REQUESTS`, `EXTERNAL_LOGIN_FAILED`,
     * `UNAVAILABLE`.
     */
    async begin(
      input: StartInput,
      { owner, kept, caller }: { owner?: OwnSession; kept: string | undefined; caller: Caller },
    ): Promise<Start> {
      const { provider, delivery = 'BODY' } = input;
      providers.require(provider);
      const redirectTo = redirects.require(input.redirectTo);
      const deviceName = parseLabel(input.deviceName, 'input.deviceName');
      const scope = readScope(input.scope)?.join(' ') ?? null;
      await rateLimits.pass({ checks: startsOfNetwork(caller) }, { caller, userId: owner?.userId });
      const made = startSecrets.make();
      const url = await authorizationUrl(provider, made);
      const verifier = kept ?? makeToken('');
      const now = clock.now();
      const expiresAt = now + LIFETIME_MS;
      await insertStart(database.before(caller.deadline), {
        id: randomUUID(),
        stateHash: made.stateHash,
        ...{ provider, redirectTo, delivery, deviceName, scope },
        bindingHash: sha256(verifier),
        userId: owner?.userId ?? null,
        sessionId: owner?.sessionId ?? null,
        ...{ now, expiresAt },
      });
      return {
        authorizationUrl: url,
        verifier: delivery === 'COOKIE' ? null : verifier,
        expiresAt: new Date(expiresAt),
      };
    },

    /**
     * The start that a code of a redirect belongs to, for who began it and for nobody else. It is not spent yet.
     *
     * @throws AuthError `EXTERNAL_LOGIN_FAILED`, `TOO_MANY_REQUESTS`, `FORBIDDEN`, `UNAVAILABLE`.
     */
    async present(code: string, holder: Holder, caller: Caller): Promise<AnsweredStart> {
      const start = CODE.test(code)
        ? await findByCode(database.before(caller.deadline), { codeHash: sha256(code), now: clock.now() })
        : undefined;
      const isGood = start !== undefined && isCurrent(start) && isHeldBy(start, holder);
      return isGood ? start : refuseUnknown(caller);
    },
  };
}
