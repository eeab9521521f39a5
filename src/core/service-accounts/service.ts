import { LRUCache } from 'lru-cache';
import { isSameHash, readApiKey } from '../../crypto/api-key.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import { sweepChore } from '../../platform/chore.ts';
import type { Clock } from '../../platform/clock.ts';
import { DAY_MS, MINUTE_MS } from '../../platform/durations.ts';
import type { Logger } from '../../platform/logger.ts';
import { sweep } from '../../platform/sweep.ts';
import { wordsOf } from '../../platform/words.ts';
import { networksOf } from '../rate-limits/networks.ts';
import { NETWORK_WINDOW_MS, type RateLimits } from '../rate-limits/service.ts';
import { type Roles, readScope, refusedScope } from '../roles/service.ts';
import type { MachineAccessToken } from '../tokens/access-token.ts';
import type { Tokens } from '../tokens/service.ts';
import type { Users } from '../users/service.ts';
import * as store from './store.ts';

export type { ApiKeyRecord, ServiceAccountRecord } from './store.ts';

/** The longest that a token of a machine lives. */
const LONGEST_TOKEN_MS = 10 * MINUTE_MS;
/** How long a process trusts that a key works (AT-9). */
const LIVENESS_TTL_MS = 1_000;
/** `last_used_at` is written once in this time, at most. */
const USE_EVERY_MS = MINUTE_MS;
/** Wrong keys of a network in five minutes. Each costs a look-up by the primary key. */
const MOST_WRONG_KEYS = 30;
/** Tokens of one key in a minute, in each process. */
const MOST_TOKENS = 600;
/** Keys are shown for a while after their end. */
const KEEP_ENDED_MS = 30 * DAY_MS;

export interface ServiceAccountsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn'>;
  readonly rateLimits: Pick<RateLimits, 'failures'>;
  readonly users: Pick<Users, 'owedBy'>;
  readonly roles: Pick<Roles, 'rightsOf'>;
  readonly tokens: Pick<Tokens, 'signAccessToken'>;
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

/** A program that asks, with a key that works. */
export interface MachineViewer {
  readonly kind: 'machine';
  readonly serviceAccountId: string;
  readonly keyId: string;
  /** What its token says, cut by what the key allows now. */
  readonly scope: readonly string[];
}

export type ServiceAccounts = ReturnType<typeof createServiceAccounts>;

/** Programs that have tokens of their own: the exchange of their keys, and whether a key works. */
export function createServiceAccounts({
  database,
  clock,
  logger,
  rateLimits,
  users,
  roles,
  tokens,
}: ServiceAccountsOptions) {
  /** A key has 256 random bits: what is counted bounds what wrong ones cost, and guards no secret. */
  const wrongKeys = rateLimits.failures({ name: 'api-keys', windowMs: NETWORK_WINDOW_MS });
  const tokensOfKey = rateLimits.failures({ name: 'api-key-tokens', windowMs: MINUTE_MS });
  /** The hashes of keys that were right here. They pass while wrong keys of their network are refused. */
  const right = new LRUCache<string, string>({ max: 10_000 });
  /** What a key allowed when it was last seen to work. */
  const seenLive = new LRUCache<string, { readonly at: number; readonly allowed: readonly string[] }>({
    max: 10_000,
  });
  /** Keys that this process revoked, for good: a query that began earlier may still find them. */
  const revoked = new LRUCache<string, true>({ max: 10_000 });

  /** The scopes of the key that its account and its maker's roles allow now; none where the maker owes a second factor. */
  function allowedBy({ scope, ceiling, roles: given, secondFactors }: store.LiveApiKey): readonly string[] {
    if (users.owedBy({ secondFactors }, { acr: 'aal2' }) !== undefined) return [];
    const most = ceiling === null ? undefined : wordsOf(ceiling);
    return roles
      .rightsOf({ roles: given, narrowedTo: scope })
      .scope.filter((name) => most === undefined || most.includes(name));
  }

  /** The key, if it works and all that was sent is right; wrong ones count for their network. */
  async function findRightKey(
    { key: text, clientIds }: ApiKeyExchange,
    caller: Caller,
  ): Promise<(store.LiveApiKey & { readonly id: string }) | undefined> {
    const parts = readApiKey(text);
    if (parts === undefined) return undefined;
    const { id, secretHash } = parts;
    const network = networksOf(caller, MOST_WRONG_KEYS);
    if (right.get(id) !== secretHash) await wrongKeys.assertFew(network, caller);
    const key = await store.findLiveApiKey(database.before(caller.deadline), { id, now: clock.now() });
    const isRight =
      key !== undefined &&
      isSameHash(secretHash, key.secretHash) &&
      clientIds.every((clientId) => clientId === key.serviceAccountId);
    if (isRight) {
      right.set(id, secretHash);
      return { ...key, id };
    }
    right.delete(id);
    wrongKeys.add(network);
    return undefined;
  }

  /** Not waited for: a token is good without it. */
  function noteUse({ id, lastUsedAt }: Pick<store.ApiKeyRecord, 'id' | 'lastUsedAt'>): void {
    const now = clock.now();
    if (lastUsedAt !== null && Math.abs(now - lastUsedAt) < USE_EVERY_MS) return;
    store
      .noteUse(database, { id, now, everyMs: USE_EVERY_MS })
      .catch((error: unknown) => logger.warn({ err: error }, 'the use of an API key was not noted'));
  }

  async function findViewer(bearer: MachineAccessToken, now: number): Promise<MachineViewer> {
    const { sessionId: id, userId } = bearer;
    const key = revoked.has(id) ? undefined : await store.findLiveApiKey(database, { id, now });
    if (key?.serviceAccountId !== userId || revoked.has(id))
      throw new AuthError('UNAUTHENTICATED', {
        reason: 'TOKEN_INVALID',
        cause: 'the API key has ended',
      });
    const allowed = allowedBy(key);
    seenLive.set(id, { at: now, allowed });
    return viewerOf(bearer, allowed);
  }

  /** Deletes keys that ended long ago; how many. */
  function prune(): Promise<number> {
    const endedBefore = clock.now() - KEEP_ENDED_MS;
    return sweep((limit) => store.deleteEndedApiKeys(database, { endedBefore, limit }));
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
      const sources = [{ name: key.id, most: MOST_TOKENS }];
      await tokensOfKey.assertFew(sources, caller);
      tokensOfKey.add(sources);
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
      noteUse(key);
      return { accessToken: text, expiresInSeconds: lifetimeSeconds, scope };
    },

    /**
     * The program behind a proven bearer, if its key works. A change of the key, of its account or of its maker counts
     * within a second.
     *
     * @throws AuthError `UNAUTHENTICATED`; `UNAVAILABLE` when the key could not be looked up.
     */
    authenticate(bearer: MachineAccessToken): MachineViewer | Promise<MachineViewer> {
      // Counted from before the query is sent, so that the answer is never older than it looks.
      const now = clock.now();
      const seen = seenLive.get(bearer.sessionId);
      return seen !== undefined && now - seen.at < LIVENESS_TTL_MS
        ? viewerOf(bearer, seen.allowed)
        : findViewer(bearer, now);
    },

    /** Inside the transaction that revokes the key. This process knows at once, the others within a second. */
    keyRevoked(tx: Transaction, id: string): void {
      tx.afterCommit(() => {
        revoked.set(id, true);
        seenLive.delete(id);
      });
    },

    /** Revokes the keys of all accounts; how many. */
    revokeAll(): Promise<number> {
      const now = clock.now();
      return sweep((limit) => store.revokeApiKeys(database, { limit, now }));
    },

    prune,
    chores: [sweepChore('ended API keys', prune)],
  };
}

function viewerOf(
  { userId, sessionId, scope }: MachineAccessToken,
  allowed: readonly string[],
): MachineViewer {
  return {
    kind: 'machine',
    serviceAccountId: userId,
    keyId: sessionId,
    scope: wordsOf(scope).filter((name) => allowed.includes(name)),
  };
}
