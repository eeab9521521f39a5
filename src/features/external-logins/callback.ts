import type { RecordEvent } from '../../core/audit/store.ts';
import {
  type Answer,
  deleteStart,
  type StartRecord,
  takeState,
  writeAnswer,
} from '../../core/external-logins/start-store.ts';
import { sha256 } from '../../crypto/digest.ts';
import type { Database } from '../../database/database.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { MINUTE_MS } from '../../platform/durations.ts';
import type { Logger } from '../../platform/logger.ts';
import { nameOf, ProviderFault } from './identity.ts';
import type { Providers } from './providers.ts';
import { makeToken, type StartSecrets } from './secrets.ts';
import type { Starts } from './starts.ts';

/** Time for the page to load and to send the code. */
const CODE_LIFETIME_MS = 2 * MINUTE_MS;
/** RFC 6749 §4.1.2.1, and the words of LinkedIn and Apple for the same. */
const DENIALS: readonly string[] = ['access_denied', 'user_cancelled_login', 'user_cancelled_authorize'];

/**
 * Answers that one provider is being asked for. The memory of them has a bound, whatever a provider does (DOS-4). Each
 * provider has its own, so that a silent one keeps nobody from logging in with another.
 */
const MOST_UNDER_WAY = 100;

const WORDS = {
  DENIED: 'You did not let the provider sign you in here.',
  PROVIDER: 'The provider did not answer as it should. Try again, or sign in in another way.',
} as const;

export interface CallbackOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recordEvent: RecordEvent;
  readonly providers: Pick<Providers, 'clientOf'>;
  readonly starts: Pick<Starts, 'secretsOf' | 'refuseUnknown'>;
}

/** What a provider sends the browser back with. */
export function createCallback({ database, clock, logger, recordEvent, providers, starts }: CallbackOptions) {
  const underWay = new Map<string, number>();

  /** Ends it, and says so to the page that it began on. */
  async function fail(
    { id, redirectTo, userId, provider }: StartRecord,
    { reason, caller }: { reason: keyof typeof WORDS; caller: Caller },
  ): Promise<string> {
    await database.transaction(async (tx) => {
      await deleteStart(tx, id);
      await recordEvent(tx, {
        name: 'authn_login_fail',
        outcome: 'fail',
        at: clock.now(),
        userId: userId ?? undefined,
        caller,
        details: { reason: `external_${reason.toLowerCase()}`, provider },
      });
    });
    return withFragment(redirectTo, {
      error: 'EXTERNAL_LOGIN_FAILED',
      reason,
      error_description: WORDS[reason],
    });
  }

  async function exchange(
    provider: string,
    parameters: URLSearchParams,
    secrets: StartSecrets,
  ): Promise<Answer> {
    const before = underWay.get(provider) ?? 0;
    if (before >= MOST_UNDER_WAY) throw new ProviderFault('too many logins wait for it');
    underWay.set(provider, before + 1);
    try {
      const client = await providers.clientOf(provider);
      return await client.exchange(parameters, secrets);
    } finally {
      underWay.set(provider, (underWay.get(provider) ?? 0) - 1);
    }
  }

  return {
    /**
     * Asks the provider who logged in, keeps that for two minutes, and links and opens nothing: the page that began does,
     * with the code.
     *
     * @returns where the browser goes.
     * @throws AuthError `EXTERNAL_LOGIN_FAILED` where the page is not known that began: the state is unknown, has
     * expired, came before, or is another provider's; `TOO_MANY_REQUESTS`, `UNAVAILABLE`.
     */
    async answer(provider: string, parameters: URLSearchParams, caller: Caller): Promise<string> {
      const secrets = starts.secretsOf(parameters.get('state') ?? '');
      if (secrets === undefined) return starts.refuseUnknown(caller);
      const { stateHash } = secrets;
      const start = await takeState(database, { stateHash, provider, now: clock.now() });
      if (start === undefined) return starts.refuseUnknown(caller);
      const error = parameters.get('error');
      if (error !== null && DENIALS.includes(error)) return fail(start, { reason: 'DENIED', caller });
      try {
        const answer = await exchange(provider, parameters, secrets);
        const code = makeToken('lke_');
        await writeAnswer(database, {
          ...answer,
          name: answer.name ?? nameInForm(parameters.get('user')),
          id: start.id,
          codeHash: sha256(code),
          expiresAt: clock.now() + CODE_LIFETIME_MS,
        });
        return withFragment(start.redirectTo, { code });
      } catch (error) {
        if (!(error instanceof ProviderFault)) throw error;
        logger.warn({ provider, fault: error.message }, 'a login at a provider failed');
        return fail(start, { reason: 'PROVIDER', caller });
      }
    },
  };
}

/** A fragment goes to no server, and into no log. */
function withFragment(url: string, parameters: Record<string, string>): string {
  return `${url}#${new URLSearchParams(parameters)}`;
}

/** Apple says the name in the form of the first login, and in no token. It is what a person types, and proves nothing. */
function nameInForm(user: string | null): string | null {
  try {
    const { name } = JSON.parse(user ?? '{}') as { name?: { firstName?: unknown; lastName?: unknown } };
    return nameOf([name?.firstName, name?.lastName].filter((part) => typeof part === 'string').join(' '));
  } catch {
    return null;
  }
}
