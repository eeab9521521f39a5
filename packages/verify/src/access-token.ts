import { base64url, compactVerify, errors } from 'jose';
import type { VerificationKey } from './key-set.ts';

/** RFC 9068 §2.1: what keeps other JWTs from passing for access tokens. */
const TYPE = 'at+jwt';
const ALGORITHM = 'ES256';
const MAX_LENGTH = 8 * 1024;
/** FAPI 2.0 §5.3.2.1: refuse tokens from 60 s in the future. */
const FUTURE_LIMIT_SECONDS = 60;
/** RFC 6750 §5.3: one hour or less. */
const MAX_LIFETIME_SECONDS = 3_600;
/** Parameters that let a header bring its own key or change what is signed (RFC 8725 §3.10, RFC 7515 §4.1.11). */
const REFUSED_PARAMETERS = ['crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c', 'x5t', 'x5t#S256', 'zip'];

/**
 * Base64url without padding whose spare bits are zero. RFC 7515 §2: other spellings of the same bytes are not the
 * token.
 */
const CANONICAL = /^(?:[\w-]{4})*(?:[\w-]{4}|[\w-][AQgw]|[\w-]{2}[AEIMQUYcgkosw048])$/;

/** RFC 7519 §7.2: bytes that are no UTF-8 are refused; replaced, two subjects could become one. */
const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What ids of service accounts begin with, and no other id of a subject or a client does. */
const SERVICE_ACCOUNT_PREFIX = 'svc_';
/** What the tokens of users say, and the token of a machine must not: no token is of both kinds. */
const OF_USERS = ['auth_time', 'amr', 'acr', 'roles', 'act'];

interface Identity {
  /** The claim `sub`: the account, or the service account of a machine. */
  readonly userId: string;
  /** The claim `sid`: the session, or the API key of a machine. */
  readonly sessionId: string;
  readonly clientId: string;
  readonly scope: readonly string[];
  /** The highest first (RFC 9068 §2.2.3.1). Empty for a machine. */
  readonly roles: readonly string[];
  /** How the user authenticated (RFC 8176). Empty for a machine. */
  readonly amr: readonly string[];
  /** Seconds since 1970, as in the claim `exp`. */
  readonly expiresAt: number;
  /**
   * Every claim of the token, by its own name. `act` is there where an operator sees what the user sees: such a token
   * should change nothing.
   */
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface UserViewer extends Identity {
  readonly kind: 'user';
  /** How strong the authentication was. */
  readonly acr: string;
  /** Seconds since 1970, as in the claim `auth_time`. */
  readonly authenticatedAt: number;
}

export interface MachineViewer extends Identity {
  readonly kind: 'machine';
  readonly acr: undefined;
  readonly authenticatedAt: undefined;
}

/** Who asks, as a token proves it. Frozen, because requests with the same token share it. */
export type Viewer = UserViewer | MachineViewer;

type Authentication = Authenticated<UserViewer> | Authenticated<MachineViewer>;
type Authenticated<V extends Viewer> = Pick<V, 'kind' | 'roles' | 'amr' | 'acr' | 'authenticatedAt'>;

export interface Expectations {
  /** Whom tokens are from and for; both are compared exactly. */
  readonly issuer: string;
  readonly audience: string;
  readonly clockToleranceSeconds: number;
  readonly acceptMachines: boolean;
}

export type FoundKey = VerificationKey | 'UNKNOWN' | 'UNAVAILABLE';

export type TokenRefusal = 'TOKEN_EXPIRED' | 'TOKEN_INVALID' | 'UNAVAILABLE';

export type Checked =
  | { readonly viewer: Viewer; readonly reason?: undefined }
  | { readonly viewer?: undefined; readonly reason: TokenRefusal };

const INVALID: Checked = { reason: 'TOKEN_INVALID' };

/**
 * The checks of the server, to the letter. jose checks the signature; everything it is lax about (types, lifetimes,
 * spelling, header parameters) is checked here. A token is judged expired only when all else about it holds.
 */
export async function checkAccessToken(
  text: string,
  {
    findKey,
    readSeconds,
    ...expected
  }: Expectations & { findKey: (kid: string) => Promise<FoundKey>; readSeconds: () => number },
): Promise<Checked> {
  if (text.length > MAX_LENGTH) return INVALID;
  const segments = text.split('.');
  const [headerText = '', claimsText = ''] = segments;
  if (segments.length !== 3 || !segments.every((segment) => CANONICAL.test(segment))) return INVALID;

  const header = parseObject(headerText);
  if (header === undefined || header.typ !== TYPE || header.alg !== ALGORITHM) return INVALID;
  if (typeof header.kid !== 'string') return INVALID;
  if (REFUSED_PARAMETERS.some((parameter) => parameter in header)) return INVALID;
  const key = await findKey(header.kid);
  if (key === 'UNAVAILABLE') return { reason: 'UNAVAILABLE' };
  if (key === 'UNKNOWN') return INVALID;

  try {
    await compactVerify(text, key.publicKey, { algorithms: [ALGORITHM] });
  } catch (error) {
    // Other errors are faults of the runtime, and say nothing about the token.
    if (error instanceof errors.JOSEError) return INVALID;
    throw error;
  }
  const claims = parseObject(claimsText);
  const nowSeconds = readSeconds();
  const viewer = claims && readClaims(claims, { nowSeconds, ...expected });
  if (viewer === undefined) return INVALID;
  if (nowSeconds >= viewer.expiresAt + expected.clockToleranceSeconds) return { reason: 'TOKEN_EXPIRED' };
  return { viewer };
}

function readClaims(
  claims: Record<string, unknown>,
  { nowSeconds, ...expected }: Expectations & { nowSeconds: number },
): Viewer | undefined {
  const { iss, sub, aud, exp, iat, nbf, jti, sid, client_id, scope } = claims;
  // RFC 9068 §4: `aud` could be a list with other services in it; Latchkey's names one alone.
  if (iss !== expected.issuer || aud !== expected.audience) return undefined;
  if (!isText(sub) || !isText(jti) || !isText(sid) || !isText(client_id) || typeof scope !== 'string')
    return undefined;
  if (!isSeconds(exp) || !isSeconds(iat) || !(nbf === undefined || isSeconds(nbf))) return undefined;
  if (exp <= iat || exp - iat > MAX_LIFETIME_SECONDS) return undefined;
  if (Math.max(iat, nbf ?? iat) >= nowSeconds + FUTURE_LIMIT_SECONDS) return undefined;
  if (nbf !== undefined && nbf > nowSeconds + expected.clockToleranceSeconds) return undefined;

  const isMachine = isServiceAccount(sub) || isServiceAccount(client_id);
  const authentication = isMachine ? readMachine(claims, expected) : readAuthentication(claims);
  if (authentication === undefined) return undefined;
  return deepFreeze({
    ...authentication,
    userId: sub,
    sessionId: sid,
    clientId: client_id,
    scope: scope.split(' ').filter((name) => name !== ''),
    expiresAt: exp,
    claims,
  });
}

/** A machine is its own client (RFC 9068 §2.2), and did not authenticate as people do. */
function readMachine(
  claims: Record<string, unknown>,
  { acceptMachines }: Pick<Expectations, 'acceptMachines'>,
): Authentication | undefined {
  const isMachine = claims.sub === claims.client_id && !OF_USERS.some((name) => name in claims);
  return acceptMachines && isMachine
    ? { kind: 'machine', roles: [], amr: [], acr: undefined, authenticatedAt: undefined }
    : undefined;
}

/** How a user authenticated. */
function readAuthentication({
  auth_time,
  amr,
  act,
  ...claims
}: Record<string, unknown>): Authentication | undefined {
  // The version before issued neither, and its tokens live for an hour.
  const { roles = [], acr = 'aal1' } = claims;
  if (!isSeconds(auth_time) || !isTexts(amr) || !isText(acr) || !isTexts(roles)) return undefined;
  if (act !== undefined && !isActor(act)) return undefined;
  return { kind: 'user', roles, amr, acr, authenticatedAt: auth_time };
}

/** Ids of users are UUIDs. */
function isServiceAccount(id: string): boolean {
  return id.startsWith(SERVICE_ACCOUNT_PREFIX);
}

/** A JSON object without a prototype, so that no claim is ever inherited; `undefined` for all other text. */
function parseObject(segment: string): Record<string, unknown> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(UTF_8.decode(base64url.decode(segment)));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.assign(Object.create(null), value) as Record<string, unknown>;
}

/** RFC 8693 §4.1: who acts in the place of the subject. */
function isActor(value: unknown): boolean {
  return typeof value === 'object' && value !== null && isText((value as { sub?: unknown }).sub);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText);
}

function isSeconds(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
