import { LRUCache } from 'lru-cache';
import { isSameHash, readApiKey } from '../../crypto/api-key.ts';
import type { Database } from '../../database/database.ts';
import { atMost } from '../../platform/bounded.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { MINUTE_MS } from '../../platform/durations.ts';
import type { Logger } from '../../platform/logger.ts';
import { networksOf, type Source } from '../rate-limits/networks.ts';
import { NETWORK_WINDOW_MS, type RateLimits } from '../rate-limits/service.ts';
import { readScope, refusedScope } from '../roles/service.ts';
import type { Tokens } from '../tokens/service.ts';
import { findLiveApiKey, type LiveApiKey, noteUse } from './store.ts';

/** The longest that a token of a machine lives. */
const LONGEST_TOKEN_MS = 10 * MINUTE_MS;
/** `last_used_at` is written once in this time, at most. */
const USE_EVERY_MS = MINUTE_MS;
/** Wrong keys of a network in five minutes. Each costs a look-up by the primary key. */
const MOST_WRONG_KEYS = 30;
/** Tokens of one key in a minute, in each process. */
const MOST_TOKENS = 600;

export interface ExchangeOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn'>;
  readonly rateLimits: Pick<RateLimits, 'failures'>;
  readonly tokens: Pick<Tokens, 'signAccessToken'>;
  /** What a key allows now. */
  readonly allowedBy: (key: LiveApiKey) => readonly string[];
}

/** What a program sends for a token. */
export interface ApiKeyExchange {
  /** `lka_…` */
  readonly key: string;
  /** Each has to be the account of the key. */
  readonly clientIds: readonly string[];
  /** Null is all that the key allows. */
  readonly scope: readonly string[] | null;
}

export interface MachineGrant {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly scope: readonly string[];
}

/** Exchanges API keys for access tokens. */
export function createExchange({ database, clock, logger, rateLimits, tokens, allowedBy }: ExchangeOptions) {
  /** A key has 256 random bits: what is counted bounds what wrong ones cost, and guards no secret. */
  const wrongKeys = rateLimits.failures({ name: 'api-keys', windowMs: NETWORK_WINDOW_MS });
  const tokensOfKey = rateLimits.failures({ name: 'api-key-tokens', windowMs: MINUTE_MS });
  /** The hashes of keys that were right here. They pass while wrong keys of their network are refused. */
  const right = new LRUCache<string, string>(atMost(10_000));

  /** When this process last began to write `last_used_at`: a slow or failing write is not begun again for each token. */
  const notedAt = new LRUCache<string, number>(atMost(10_000));

  /** The key, if it works and all that was sent is right; wrong ones count for their network. Limits come before the look-up. */
  async function findRightKey(
    { key: text, clientIds }: ApiKeyExchange,
    caller: Caller,
  ): Promise<(LiveApiKey & { readonly id: string }) | undefined> {
    const parts = readApiKey(text);
    if (parts === undefined) return undefined;
    const { id, secretHash } = parts;
    const network = networksOf(caller, MOST_WRONG_KEYS);
    const isKnown = right.get(id) === secretHash;
    await (isKnown ? tokensOfKey.assertFew(tokensOf(id), caller) : wrongKeys.assertFew(network, caller));
    const key = await findLiveApiKey(database.before(caller.deadline), { id, now: clock.now() });
    const isRight =
      key !== undefined &&
      isSameHash(secretHash, key.secretHash) &&
      clientIds.every((clientId) => clientId === key.serviceAccountId);
    if (isRight) {
      right.set(id, secretHash);
      return { ...key, id };
    }
    // The id is no secret. A client that sends it with a wrong secret takes nothing from the right one.
    if (isKnown) right.delete(id);
    wrongKeys.add(network);
    return undefined;
  }

  /** Not waited for: a token is good without it. */
  function note({ id, lastUsedAt }: Pick<LiveApiKey, 'lastUsedAt'> & { readonly id: string }): void {
    const now = clock.now();
    const isRecent = (at: number) => Math.abs(now - at) < USE_EVERY_MS;
    if ([lastUsedAt, notedAt.get(id)].some((at) => at != null && isRecent(at))) return;
    notedAt.set(id, now);
    noteUse(database, { id, now, everyMs: USE_EVERY_MS }).catch((error: unknown) =>
      logger.warn({ err: error }, 'the use of an API key was not noted'),
    );
  }

  return {
    /**
     * Exchanges a key for a token (RFC 6749 §4.4).
     *
     * @returns `undefined` for a key that does not work, whatever the reason.
     * @throws AuthError `BAD_USER_INPUT` of `input.scope` when the key allows less, or nothing any more;
     * `TOO_MANY_REQUESTS`; `UNAVAILABLE`.
     */
    async exchange(request: ApiKeyExchange, caller: Caller): Promise<MachineGrant | undefined> {
      const asked = readScope(request.scope);
      const key = await findRightKey(request, caller);
      if (key === undefined) return undefined;
      tokensOfKey.add(tokensOf(key.id));
      const allowed = allowedBy(key);
      const scope = asked === null ? allowed : allowed.filter((name) => asked.includes(name));
      // Nothing is left where the maker lost the roles: a token that allows nothing would fail later, and tell nobody why.
      if (scope.length === 0 || (asked !== null && scope.length < asked.length)) throw refusedScope();

      const { serviceAccountId } = key;
      const { text, lifetimeSeconds } = tokens.signAccessToken({
        kind: 'machine',
        userId: serviceAccountId,
        clientId: serviceAccountId,
        sessionId: key.id,
        scope: scope.join(' '),
        sessionEndsAt: Math.min(key.expiresAt ?? Number.POSITIVE_INFINITY, clock.now() + LONGEST_TOKEN_MS),
      });
      note(key);
      return { accessToken: text, expiresInSeconds: lifetimeSeconds, scope };
    },
  };
}

function tokensOf(id: string): Source[] {
  return [{ name: id, most: MOST_TOKENS }];
}
