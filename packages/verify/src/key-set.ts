import { type CryptoKey, importJWK } from 'jose';
import { fetchText, TIMEOUT_MS } from './fetch-text.ts';

/** What the server lets its key set be cached for (`max-age`). */
const MAX_AGE_MS = 300_000;
/** A set of this age was not asked for in a while: the next token waits for a new one, unless the issuer is away. */
const IDLE_AGE_MS = 600_000;
/** How often an unknown `kid`, which any client can send, may cause a request. */
const UNKNOWN_KID_PAUSE_MS = 30_000;
/** How soon a load that failed is tried again. */
const RETRY_PAUSE_MS = 1_000;
/** How long the last good set serves while the issuer is away. */
const LONGEST_OUTAGE_MS = 86_400_000;
/** A load ends itself in time. Who waits for it waits a moment longer. */
const GRACE_MS = 100;
const MAX_KEYS = 1_000;

/** A key that tokens are verified with. Its algorithm is ES256 (RFC 8725 §3.1). */
export interface VerificationKey {
  readonly kid: string;
  readonly publicKey: CryptoKey | Uint8Array;
  /** The point of the curve as the set spells it. */
  readonly point: string;
}

export type Keys = ReadonlyMap<string, VerificationKey>;

/** A key set as JSON has it. Its keys are of any kind (RFC 7517 §5). */
export interface JsonWebKeySet {
  readonly keys: readonly unknown[];
}

interface Load {
  readonly begunAt: number;
  readonly done: Promise<void>;
}

export interface KeySetOptions {
  /** The address of the set, or the set itself. */
  readonly source: URL | JsonWebKeySet;
  readonly fetch: typeof fetch;
  readonly onError: (error: Error) => void;
  /** Called before the first token is judged by other keys than before. */
  readonly onChange: () => void;
}

/**
 * The keys of the issuer. One request serves any number of callers. A set that cannot be renewed serves on.
 *
 * Elapsed time is read from a monotonic clock, so a change of the wall clock neither delays nor repeats a request.
 */
export function createKeySet({ source, fetch, onError, onChange }: KeySetOptions) {
  let keys: Keys = new Map();
  let loadedAt = Number.NEGATIVE_INFINITY;
  /** The last failure since the last success. */
  let failedAt: number | undefined;
  let askedForUnknownAt = Number.NEGATIVE_INFINITY;
  let loading: Load | undefined;
  /** How many loads have begun. */
  let loads = 0;

  const now = () => performance.now();
  const hasKeys = () => now() - loadedAt < LONGEST_OUTAGE_MS;
  const mayLoad = () => failedAt === undefined || now() - failedAt >= RETRY_PAUSE_MS;

  /** One request for all who wait. */
  function underWay(): Load {
    if (loading === undefined || now() - loading.begunAt >= TIMEOUT_MS) loading = begin();
    return loading;
  }

  function begin(): Load {
    loads += 1;
    const begun: Load = { begunAt: now(), done: loadKeys().finally(() => forget(begun)) };
    return begun;
  }

  /** Never rejects: what goes wrong is kept and reported. */
  async function loadKeys(): Promise<void> {
    try {
      const loaded = await (source instanceof URL ? fetchKeys(source, fetch) : readKeys(source));
      if (!isSameSet(keys, loaded)) onChange();
      keys = loaded;
      loadedAt = source instanceof URL ? now() : Number.POSITIVE_INFINITY;
      failedAt = undefined;
    } catch (cause) {
      failedAt = now();
      onError(cause instanceof Error ? cause : new Error('The key set cannot be loaded', { cause }));
    }
  }

  function forget(load: Load): void {
    if (loading === load) loading = undefined;
  }

  /**
   * The end of a load. Where a platform ends the work of a request with the request (Cloudflare Workers), a load that
   * another request began may never end, or its promise rejects. Then this request begins one of its own.
   */
  async function finished(begun: Load): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), begun.begunAt + TIMEOUT_MS + GRACE_MS - now());
    });
    const outcome = await Promise.race([begun.done, late]).catch(() => 'dead' as const);
    clearTimeout(timer);
    if (outcome === undefined) return;
    forget(begun);
    if (outcome === 'dead') await finished(underWay());
  }

  /** Asks for a new set when it is time. Gives a promise only where the caller must wait for it. */
  function renew(): Promise<void> | undefined {
    const age = now() - loadedAt;
    if (age < MAX_AGE_MS || !(loading || mayLoad())) return undefined;
    const isIssuerAway = failedAt !== undefined && now() - failedAt < IDLE_AGE_MS;
    const begun = underWay();
    return !hasKeys() || (age >= IDLE_AGE_MS && !isIssuerAway) ? finished(begun) : undefined;
  }

  /** Whether the set is to be loaded for a `kid` that is not in it. */
  function mayAskForUnknown(): boolean {
    const isPaused = failedAt === undefined && now() - askedForUnknownAt < UNKNOWN_KID_PAUSE_MS;
    return source instanceof URL && !isPaused && mayLoad();
  }

  return {
    renew,

    /** The key. `UNAVAILABLE` where the issuer could have it and does not answer. */
    async find(kid: string): Promise<VerificationKey | 'UNKNOWN' | 'UNAVAILABLE'> {
      const find = () => (hasKeys() ? keys.get(kid) : undefined);
      const loadsBefore = loads;
      await renew();
      if (find() === undefined && loading) await finished(loading);
      if (find() === undefined && hasKeys()) {
        // A set that was asked for after the token came is the answer already.
        const isAnswered = loads > loadsBefore && failedAt === undefined;
        const mayAsk = !isAnswered && mayAskForUnknown();
        if (isAnswered || mayAsk) askedForUnknownAt = now();
        if (mayAsk) await finished(underWay());
      }
      return find() ?? (hasKeys() && failedAt === undefined ? 'UNKNOWN' : 'UNAVAILABLE');
    },

    /** Whether there are keys to verify with. */
    hasKeys,
  };
}

async function fetchKeys(url: URL, fetch: typeof globalThis.fetch): Promise<Keys> {
  return readKeys(JSON.parse(await fetchText(url, fetch)));
}

/** @throws Error where the set has no key that can be used, or too many. */
async function readKeys(set: unknown): Promise<Keys> {
  const { keys: list } = Object(set) as { readonly keys?: unknown };
  if (!Array.isArray(list)) throw new Error('The key set has no list of keys');
  if (list.length > MAX_KEYS) throw new Error(`The key set has more than ${MAX_KEYS} keys`);
  const keys = new Map<string, VerificationKey>();
  for (const key of await Promise.all(list.map(readKey))) if (key) keys.set(key.kid, key);
  if (keys.size === 0) throw new Error('The key set has no key for ES256');
  return keys;
}

/** Ignores the keys that it does not understand, as RFC 7517 §5 asks: a later server may publish other types. */
async function readKey(jwk: unknown): Promise<VerificationKey | undefined> {
  const {
    kty,
    crv,
    x,
    y,
    kid,
    use = 'sig',
    alg = 'ES256',
    key_ops = ['verify'],
  } = Object(jwk) as Readonly<Record<string, unknown>>;
  if (kty !== 'EC' || crv !== 'P-256' || use !== 'sig' || alg !== 'ES256') return undefined;
  // RFC 7517 §4.3
  if (!Array.isArray(key_ops) || !key_ops.includes('verify')) return undefined;
  if (typeof kid !== 'string' || typeof x !== 'string' || typeof y !== 'string') return undefined;
  try {
    return { kid, publicKey: await importJWK({ kty, crv, x, y }, alg), point: `${x}.${y}` };
  } catch {
    return undefined;
  }
}

function isSameSet(one: Keys, other: Keys): boolean {
  return one.size === other.size && [...one].every(([kid, { point }]) => other.get(kid)?.point === point);
}
