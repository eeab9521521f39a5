import { checkAccessToken, type TokenRefusal, type Viewer } from './access-token.ts';
import { readToken, type TokenSource } from './bearer.ts';
import { createBoundedCache } from './bounded-cache.ts';
import { createKeySet, type JsonWebKeySet } from './key-set.ts';
import { type Reason, type Refusal, refusalOf } from './refusal.ts';
import {
  assertCount,
  assertNamed,
  assertRequirements,
  lackOf,
  REQUIREMENT_NAMES,
  type Requirements,
} from './requirements.ts';

export type { MachineViewer, UserViewer, Viewer } from './access-token.ts';
export type { TokenSource } from './bearer.ts';
export type { JsonWebKeySet } from './key-set.ts';
export type { Reason, Refusal } from './refusal.ts';
export type { Requirements } from './requirements.ts';

const JWKS_PATH = '/.well-known/jwks.json';

/** The requirements hold for every token. */
export interface VerifierOptions extends Requirements {
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
  /** Whether tokens of service accounts are taken. Without it they are `TOKEN_INVALID`. */
  readonly acceptMachines?: boolean | undefined;
  /** Makes the requests for the keys. The platform's `fetch` unless given. */
  readonly fetch?: typeof fetch | undefined;
  /** How many verified tokens are remembered. 10,000 unless given; 0 for none. */
  readonly cacheSize?: number | undefined;
  /** Hears of each load of the keys that failed. What it throws is ignored. */
  readonly onKeySetError?: ((error: Error) => void) | undefined;
}

export type Verdict =
  | { readonly viewer: Viewer; readonly reason?: undefined; readonly refusal?: undefined }
  | {
      readonly viewer?: undefined;
      readonly reason: Reason;
      /** What to answer over HTTP. */
      readonly refusal: Refusal;
    };

export interface Verifier {
  /**
   * Who asks, or why that is not proven. No source makes it reject.
   *
   * @param requirements What this request needs, beside what every request does.
   * @throws TypeError for requirements that cannot be right.
   */
  verify(source: TokenSource, requirements?: Requirements): Promise<Verdict>;
  /** Loads the keys before the first token needs them. True when there are keys; never rejects. */
  warmUp(): Promise<boolean>;
}

/**
 * Verifies Latchkey's access tokens. Make one for a process, because it keeps the keys and the verified tokens.
 *
 * @throws TypeError for options that cannot be right.
 */
export function createVerifier(options: VerifierOptions): Verifier {
  assertOptions(options);
  const { issuer, cacheSize = 10_000, clockToleranceSeconds = 10, onKeySetError } = options;
  const { audience = issuer, acceptMachines = false } = options;
  const required = requirementsOf(options);

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
    async verify(source, requirements) {
      if (requirements !== undefined) assertRequirements(requirements);
      const read = readSafely(source);
      if ('reason' in read) return refuse(read.reason);
      try {
        const viewer = await verifyToken(read.token);
        if (typeof viewer === 'string') return refuse(viewer);
        for (const needed of requirements === undefined ? [required] : [required, requirements]) {
          const lack = lackOf(viewer, needed);
          if (lack !== undefined) return refuse(lack, needed);
        }
        return { viewer };
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

function readSafely(source: unknown): ReturnType<typeof readToken> {
  try {
    return readToken(source);
  } catch {
    return { reason: 'TOKEN_INVALID' };
  }
}

function refuse(reason: Reason, requirements?: Requirements): Verdict {
  return { reason, refusal: refusalOf(reason, requirements) };
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}

function sourceOf({ issuer, jwks, jwksUri }: VerifierOptions): URL | JsonWebKeySet {
  if (jwks !== undefined) return jwks;
  return new URL(String(jwksUri ?? `${issuer.replace(/\/$/, '')}${JWKS_PATH}`));
}

const OPTION_NAMES = [
  ...REQUIREMENT_NAMES,
  ...['issuer', 'audience', 'jwksUri', 'jwks', 'clockToleranceSeconds', 'acceptMachines', 'fetch'],
  ...['cacheSize', 'onKeySetError'],
];

function requirementsOf({
  requireScopes,
  requireRoles,
  requireAcr,
  maxAuthAgeSeconds,
}: Requirements): Requirements {
  return { requireScopes, requireRoles, requireAcr, maxAuthAgeSeconds };
}

/** @throws TypeError for options that cannot be right. */
function assertOptions(options: VerifierOptions): void {
  assertNamed(options, OPTION_NAMES);
  const {
    issuer,
    audience = issuer,
    cacheSize = 0,
    clockToleranceSeconds = 0,
    acceptMachines = false,
  } = options;
  for (const [name, value] of Object.entries({ issuer, audience }))
    if (typeof value !== 'string' || value === '') throw new TypeError(`${name} must be text`);
  assertCount(cacheSize, 'cacheSize');
  assertCount(clockToleranceSeconds, 'clockToleranceSeconds');
  if (typeof acceptMachines !== 'boolean') throw new TypeError('acceptMachines must be true or false');
  for (const name of ['fetch', 'onKeySetError'] as const)
    if (!['function', 'undefined'].includes(typeof options[name]))
      throw new TypeError(`${name} must be a function`);
  assertRequirements(requirementsOf(options));
  assertSource(options);
}

function assertSource({ issuer, jwks, jwksUri }: VerifierOptions): void {
  if (jwks !== undefined) {
    if (jwksUri !== undefined) throw new TypeError('Give jwks or jwksUri, not both');
    const { keys } = Object(jwks) as { keys?: unknown };
    if (!Array.isArray(keys) || keys.length === 0) throw new TypeError('jwks must have a list of keys');
    return;
  }
  const address = String(jwksUri ?? issuer);
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw new TypeError('The keys must be at an http(s) address without a user and a password');
}
