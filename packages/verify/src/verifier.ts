import { checkAccessToken, type TokenRefusal, type Viewer } from './access-token.ts';
import { readToken, type TokenSource } from './bearer.ts';
import { createBoundedCache } from './bounded-cache.ts';
import { createKeySet, type JsonWebKeySet } from './key-set.ts';

export type { MachineViewer, UserViewer, Viewer } from './access-token.ts';
export type { TokenSource } from './bearer.ts';
export type { JsonWebKeySet } from './key-set.ts';

const JWKS_PATH = '/.well-known/jwks.json';

export interface VerifierOptions {
  /** The issuer's URL, as the server's `LATCHKEY_ISSUER` spells it. */
  readonly issuer: string;
  /** Whom tokens are for. The issuer unless given. */
  readonly audience?: string | undefined;
  /** Where the keys are. The issuer's `/.well-known/jwks.json` unless given. */
  readonly jwksUri?: string | URL | undefined;
  /** The keys themselves. No request is made then. */
  readonly jwks?: JsonWebKeySet | undefined;
  /** How far this machine's clock may be off: for `exp` and `nbf`. 10 unless given. */
  readonly clockToleranceSeconds?: number | undefined;
  /** Scopes that a token must have, all of them. */
  readonly requireScopes?: readonly string[] | undefined;
  /** Roles that a token must have, all of them. */
  readonly requireRoles?: readonly string[] | undefined;
  /** How strong the authentication must be. `aal3` is enough for `aal2`, and `aal2` for `aal1`. */
  readonly requireAcr?: string | undefined;
  /** How long ago the user may have authenticated. */
  readonly maxAuthAgeSeconds?: number | undefined;
  /** Whether tokens of service accounts are taken. Without it they are `TOKEN_INVALID`. */
  readonly acceptMachines?: boolean | undefined;
  /** Makes the requests for the keys. The platform's `fetch` unless given. */
  readonly fetch?: typeof fetch | undefined;
  /** How many verified tokens are remembered. 10,000 unless given; 0 for none. */
  readonly cacheSize?: number | undefined;
  /** Hears of each load of the keys that failed. What it throws is ignored. */
  readonly onKeySetError?: ((error: Error) => void) | undefined;
}

/**
 * Why a request proves no viewer. `INSUFFICIENT_SCOPE` is 403, `UNAVAILABLE` (no keys could be had) is 503, and all
 * others are 401.
 */
export type Refusal = TokenRefusal | 'TOKEN_MISSING' | 'INSUFFICIENT_SCOPE' | 'REAUTHENTICATION_REQUIRED';

export type Verdict =
  | { readonly viewer: Viewer; readonly reason: undefined }
  | { readonly viewer: undefined; readonly reason: Refusal };

export interface Verifier {
  /** Who asks, or why that is not proven. Never rejects. */
  verify(source: TokenSource): Promise<Verdict>;
  /** Loads the keys before the first token needs them. True when there are keys; never rejects. */
  warmUp(): Promise<boolean>;
}

/**
 * Verifies Latchkey's access tokens. Make one for a process, because it keeps the keys and the verified tokens.
 *
 * @throws TypeError for options that cannot be right.
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const { issuer, cacheSize = 10_000, clockToleranceSeconds = 10, onKeySetError } = options;
  assertText(issuer, 'issuer');
  const { audience = issuer, acceptMachines = false } = options;
  assertText(audience, 'audience');
  assertCount(cacheSize, 'cacheSize');
  assertCount(clockToleranceSeconds, 'clockToleranceSeconds');
  if (options.maxAuthAgeSeconds !== undefined) assertCount(options.maxAuthAgeSeconds, 'maxAuthAgeSeconds');

  const expected = { issuer, audience, clockToleranceSeconds, acceptMachines };
  const verified = createBoundedCache<Viewer>(cacheSize);
  /** How often the keys have changed. A token judged by the keys of before is not remembered. */
  let changes = 0;
  const keySet = createKeySet({
    source: sourceOf(options),
    // Looked up for each request, so that what replaces the platform's function is used.
    fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)),
    onChange() {
      changes += 1;
      verified.clear();
    },
    // A failure of the listener is not one of the key set.
    onError: (error) =>
      void Promise.resolve(error)
        .then(onKeySetError)
        .catch(() => {}),
  });

  async function verifyToken(token: string): Promise<Viewer | TokenRefusal> {
    let known = verified.get(token);
    if (known !== undefined) {
      const renewed = keySet.renew();
      if (renewed !== undefined) {
        await renewed;
        known = verified.get(token);
      }
    }
    if (known !== undefined && keySet.hasKeys()) {
      if (nowSeconds() < known.expiresAt + clockToleranceSeconds) return known;
      verified.delete(token);
      return 'TOKEN_EXPIRED';
    }
    let seen = changes;
    const { viewer, reason } = await checkAccessToken(token, {
      ...expected,
      readSeconds: nowSeconds,
      async findKey(kid) {
        const key = await keySet.find(kid);
        seen = changes;
        return key;
      },
    });
    if (viewer === undefined) return reason;
    if (seen === changes) verified.set(token, viewer);
    return viewer;
  }

  return {
    async verify(source) {
      const read = readSafely(source);
      if ('reason' in read) return refuse(read.reason);
      try {
        const viewer = await verifyToken(read.token);
        if (typeof viewer === 'string') return refuse(viewer);
        const missing = missingFrom(viewer, options);
        return missing === undefined ? { viewer, reason: undefined } : refuse(missing);
      } catch {
        // A fault of this machine signs no user out.
        return refuse('UNAVAILABLE');
      }
    },

    async warmUp() {
      await keySet.renew();
      return keySet.hasKeys();
    },
  };
}

/** What the viewer lacks of what every request needs. */
function missingFrom(
  { scope, roles, acr, authenticatedAt }: Viewer,
  { requireScopes = [], requireRoles = [], requireAcr, maxAuthAgeSeconds }: VerifierOptions,
): Refusal | undefined {
  const hasAll =
    requireScopes.every((name) => scope.includes(name)) && requireRoles.every((name) => roles.includes(name));
  if (!hasAll) return 'INSUFFICIENT_SCOPE';
  const isStrong = requireAcr === undefined || (acr !== undefined && isAtLeast(acr, requireAcr));
  const isRecent =
    maxAuthAgeSeconds === undefined ||
    (authenticatedAt !== undefined && nowSeconds() - authenticatedAt <= maxAuthAgeSeconds);
  return isStrong && isRecent ? undefined : 'REAUTHENTICATION_REQUIRED';
}

/** NIST SP 800-63B's levels have an order. Other values are compared exactly. */
function isAtLeast(acr: string, required: string): boolean {
  const isLevel = (value: string) => /^aal[123]$/.test(value);
  return acr === required || (isLevel(acr) && isLevel(required) && acr > required);
}

function readSafely(source: unknown): ReturnType<typeof readToken> {
  try {
    return readToken(source);
  } catch {
    return { reason: 'TOKEN_INVALID' };
  }
}

function refuse(reason: Refusal): Verdict {
  return { viewer: undefined, reason };
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}

function sourceOf({ issuer, jwks, jwksUri }: VerifierOptions): URL | JsonWebKeySet {
  if (jwks !== undefined) {
    if (jwksUri !== undefined) throw new TypeError('Give jwks or jwksUri, not both');
    return jwks;
  }
  const address = String(jwksUri ?? `${issuer.replace(/\/$/, '')}${JWKS_PATH}`);
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!/^https?:$/.test(url?.protocol ?? '')) throw new TypeError(`The keys cannot be at ${address}`);
  return url as URL;
}

function assertText(value: unknown, name: string): void {
  if (typeof value !== 'string' || value === '') throw new TypeError(`${name} must be text`);
}

function assertCount(value: number, name: string): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${name} must be a whole number`);
}
