/** RFC 6750 §2.1, RFC 9110 §11.1: the case of the scheme does not matter. Exactly one token follows it. */
const BEARER = /^Bearer +(\S+)$/i;

interface HeadersLike {
  get(name: string): string | null | undefined;
}

type HeaderRecord = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What a token can be read from: a bare token, `Headers`, a `Request`, or a request of Node.js. */
export type TokenSource =
  | string
  | null
  | undefined
  | HeadersLike
  | { readonly headers: HeadersLike | HeaderRecord };

/** The token, or why there is none. @throws Error where the source throws when it is read. */
export function readToken(
  source: unknown,
): { token: string } | { reason: 'TOKEN_MISSING' | 'TOKEN_INVALID' } {
  if (typeof source === 'string' && source !== '') return { token: source };
  if (source === undefined || source === null || source === '') return { reason: 'TOKEN_MISSING' };
  if (typeof source !== 'object') return { reason: 'TOKEN_INVALID' };

  const authorization = readAuthorization('headers' in source ? source.headers : source);
  if (authorization === undefined || authorization === null || authorization === '')
    return { reason: 'TOKEN_MISSING' };
  // Two headers are a list in some servers, and joined by a comma in `Headers`. Neither is one token.
  const token = typeof authorization === 'string' ? BEARER.exec(authorization)?.[1] : undefined;
  return token === undefined ? { reason: 'TOKEN_INVALID' } : { token };
}

function readAuthorization(headers: unknown): unknown {
  if (typeof headers !== 'object' || headers === null) return undefined;
  if ('get' in headers && typeof headers.get === 'function') return headers.get('authorization');
  return Object.hasOwn(headers, 'authorization') ? (headers as HeaderRecord).authorization : undefined;
}
