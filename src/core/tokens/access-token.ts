import type { KeyObject } from 'node:crypto';
import { randomUUID, sign } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { AuthError } from '../../errors.ts';
import { HOUR_SECONDS } from '../../platform/durations.ts';

/** RFC 9068 §2.1: what keeps other JWTs from passing for access tokens. */
const TYPE = 'at+jwt';
const MAX_LENGTH = 8 * 1024;
/** Proxies and servers take headers of 8 KiB together, and some no more than 4 KiB of one. */
export const MAX_ISSUED_LENGTH = 4 * 1024;
const ES256_SIGNATURE_LENGTH = 86;
/** FAPI 2.0 §5.3.2.1: accept clocks up to 10 s off, refuse tokens from 60 s in the future. */
export const CLOCK_TOLERANCE_SECONDS = 10;
const FUTURE_LIMIT_SECONDS = 60;
/** RFC 6750 §5.3: one hour or less. */
export const MAX_LIFETIME_SECONDS = HOUR_SECONDS;
/** What ids of service accounts begin with, and no other id of a subject or a client does. */
export const SERVICE_ACCOUNT_PREFIX = 'svc_';
/** Parameters that let a header bring its own key or change what is signed (RFC 8725 §3.10, RFC 7515 §4.1.11). */
const REFUSED_PARAMETERS = ['crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c', 'x5t', 'x5t#S256', 'zip'];

/** RFC 7519 §7.2: bytes that are no UTF-8 are refused; replaced, two subjects could become one. */
const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A key that tokens are verified with, bound to one algorithm (RFC 8725 §3.1). */
export interface VerificationKey {
  readonly kid: string;
  readonly algorithm: 'ES256';
  readonly publicKey: KeyObject;
}

export interface SigningKey extends VerificationKey {
  readonly privateKey: KeyObject;
}

/** What every access token says, once it is proven. Moments are seconds since 1970, as in the claims. */
interface AnyToken {
  readonly id: string;
  /** The claim `sub`: the account, or the service account of a machine. */
  readonly userId: string;
  /** The claim `sid`: the session, or the API key of a machine. */
  readonly sessionId: string;
  readonly clientId: string;
  /** Space-separated, as routers and gateways read it (RFC 9068 §2.2.3). */
  readonly scope: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** What the claims say of an authentication of a person. */
interface Authentication {
  /** Of an impersonation: the account of the operator, the claim `act` (RFC 8693 §4.1). */
  readonly actor?: string;
  readonly amr: readonly string[];
  /** How strong the authentication was. */
  readonly acr: string;
  /** The highest first (RFC 9068 §2.2.3.1). */
  readonly roles: readonly string[];
  readonly authenticatedAt: number;
}

export interface UserAccessToken extends AnyToken, Authentication {
  readonly kind: 'user';
}

/** A program has its token in its own name (RFC 9068 §2.2: `sub` is the client), and did not authenticate as people do. */
export interface MachineAccessToken extends AnyToken {
  readonly kind: 'machine';
}

export type AccessToken = UserAccessToken | MachineAccessToken;

/** Whom tokens are from and for; both are compared exactly. */
export interface Parties {
  readonly issuer: string;
  readonly audience: string;
}

type MadeAtIssue = 'id' | 'issuedAt' | 'expiresAt';

/** What the token of a user is to say, but for the moments of its own life. */
export interface UserTokenContent extends Omit<UserAccessToken, MadeAtIssue> {
  /** More claims, for other servers. None of them has the name of one of this server's own. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** What the token of a machine is to say. Claims for other servers rest on an account and its roles: it has neither. */
type MachineTokenContent = Omit<MachineAccessToken, MadeAtIssue>;

export type AccessTokenContent = UserTokenContent | MachineTokenContent;

/**
 * A JWT of RFC 9068's profile, in compact form (RFC 7515 §7.1). Signed here, as jsonwebtoken takes a fifth longer.
 *
 * @throws AuthError `UNAVAILABLE` when it would be larger than other servers take in a header.
 */
export function signAccessToken(
  token: AccessTokenContent,
  times: Parties & Pick<AccessToken, 'issuedAt' | 'expiresAt'>,
  key: SigningKey,
): string {
  const input = signingInput(token, times, key);
  assertFits(lengthOf(input));
  // RFC 7518 §3.4: the two numbers of the signature, one after the other.
  const signature = sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

/** How many characters the token would have. Names of keys are of one length, and so are moments. */
export function accessTokenLength(token: AccessTokenContent, parties: Parties): number {
  const moment = 1_700_000_000;
  const key = { algorithm: 'ES256', kid: 'k'.repeat(43) } as const;
  return lengthOf(signingInput(token, { ...parties, issuedAt: moment, expiresAt: moment }, key));
}

/** @throws AuthError `UNAVAILABLE` */
export function assertFits(length: number): void {
  if (length > MAX_ISSUED_LENGTH)
    throw new AuthError('UNAVAILABLE', {
      retryAfter: 60,
      cause: `an access token would have ${length} characters, and ${MAX_ISSUED_LENGTH} is the most`,
    });
}

function lengthOf(input: string): number {
  return input.length + 1 + ES256_SIGNATURE_LENGTH;
}

function signingInput(
  token: AccessTokenContent,
  { issuer, audience, issuedAt, expiresAt }: Parties & Pick<AccessToken, 'issuedAt' | 'expiresAt'>,
  key: Pick<SigningKey, 'algorithm' | 'kid'>,
): string {
  const claims = {
    ...(token.kind === 'user' && token.claims),
    iss: issuer,
    sub: token.userId,
    aud: audience,
    exp: expiresAt,
    iat: issuedAt,
    jti: randomUUID(),
    sid: token.sessionId,
    client_id: token.clientId,
    ...(token.kind === 'user' && { auth_time: token.authenticatedAt, amr: token.amr, acr: token.acr }),
    scope: token.scope,
    ...(token.kind === 'user' && { roles: token.roles }),
    ...(token.kind === 'user' && token.actor !== undefined && { act: { sub: token.actor } }),
  };
  return `${base64url({ alg: key.algorithm, typ: TYPE, kid: key.kid })}.${base64url(claims)}`;
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/**
 * The only door for access tokens. jsonwebtoken checks the signature, the issuer and the audience; everything it
 * is lax about (types, lifetimes, spelling, header parameters) is checked here. A token is judged expired only
 * when all else about it holds.
 *
 * @throws AuthError `UNAUTHENTICATED` with reason `TOKEN_EXPIRED` or `TOKEN_INVALID`.
 */
export function checkAccessToken(
  text: string,
  options: { findKey: (kid: string) => VerificationKey | undefined; nowSeconds: number } & Parties,
): AccessToken {
  if (text.length > MAX_LENGTH) throw invalid();
  const segments = text.split('.');
  if (segments.length !== 3 || !segments.every(isCanonical)) throw invalid();

  const header = parseObject(segments[0] ?? '');
  if (header.typ !== TYPE || typeof header.kid !== 'string') throw invalid();
  if (REFUSED_PARAMETERS.some((parameter) => parameter in header)) throw invalid();
  const key = options.findKey(header.kid);
  if (key === undefined || header.alg !== key.algorithm) throw invalid();

  try {
    jwt.verify(text, key.publicKey, {
      algorithms: [key.algorithm],
      issuer: options.issuer,
      audience: options.audience,
      clockTimestamp: options.nowSeconds,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      ignoreExpiration: true,
    });
  } catch (cause) {
    throw invalid(cause);
  }
  const token = readClaims(parseObject(segments[1] ?? ''), options);
  if (options.nowSeconds >= token.expiresAt + CLOCK_TOLERANCE_SECONDS) {
    throw new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_EXPIRED' });
  }
  return token;
}

function readClaims(
  claims: Record<string, unknown>,
  { nowSeconds, ...parties }: { nowSeconds: number } & Parties,
): AccessToken {
  const { iss, sub, aud, exp, iat, nbf, jti, sid, client_id, scope } = claims;
  // RFC 9068 §4: `aud` could be a list with other services in it; ours names this one alone.
  if (iss !== parties.issuer || aud !== parties.audience) throw invalid();
  if (!isText(sub) || !isText(jti) || !isText(sid) || !isText(client_id) || typeof scope !== 'string')
    throw invalid();
  if (!isSeconds(exp) || !isSeconds(iat) || !(nbf === undefined || isSeconds(nbf))) throw invalid();
  if (exp <= iat || exp - iat > MAX_LIFETIME_SECONDS) throw invalid();
  if (Math.max(iat, nbf ?? iat) >= nowSeconds + FUTURE_LIMIT_SECONDS) throw invalid();
  const token = {
    id: jti,
    userId: sub,
    sessionId: sid,
    clientId: client_id,
    scope,
    issuedAt: iat,
    expiresAt: exp,
  };
  if (!isServiceAccount(sub) && !isServiceAccount(client_id))
    return { kind: 'user', ...token, ...readAuthentication(claims) };
  if (sub !== client_id || OF_USERS.some((name) => name in claims)) throw invalid();
  return { kind: 'machine', ...token };
}

/** What the tokens of users say, and the token of a machine must not: no token is of both kinds. */
const OF_USERS = ['auth_time', 'amr', 'acr', 'roles', 'act'];

function readAuthentication({ auth_time, amr, act, ...claims }: Record<string, unknown>): Authentication {
  // The version before issued neither, and its tokens live for an hour.
  const { roles = [], acr = 'aal1' } = claims;
  if (!isSeconds(auth_time) || !isText(acr) || !isTexts(amr) || !isTexts(roles)) throw invalid();
  if (act !== undefined && !isActor(act)) throw invalid();
  return { amr, acr, roles, authenticatedAt: auth_time, ...(act !== undefined && { actor: act.sub }) };
}

/** Ids of users are UUIDs. */
function isServiceAccount(id: string): boolean {
  return id.startsWith(SERVICE_ACCOUNT_PREFIX);
}

/** RFC 7515 §2: other spellings of the same bytes are not the token (the last character has bits to spare). */
function isCanonical(segment: string): boolean {
  return segment !== '' && Buffer.from(segment, 'base64url').toString('base64url') === segment;
}

/** A JSON object without a prototype, so that no claim is ever inherited. */
function parseObject(segment: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(UTF_8.decode(Buffer.from(segment, 'base64url')));
  } catch {
    throw invalid();
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid();
  return Object.assign(Object.create(null), value) as Record<string, unknown>;
}

/** RFC 8693 §4.1: who acts in the place of the subject. */
function isActor(value: unknown): value is { readonly sub: string } {
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

function invalid(cause?: unknown): AuthError {
  return new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_INVALID', cause });
}
