/** RFC 6750 §2.1, RFC 9110 §11.1: the case of the scheme does not matter. Exactly one token follows it. */
const BEARER = /^Bearer +(\S+)$/i;

const AUTHORIZATION = 'authorization';

interface HeadersLike {
  get(name: string): string | null | undefined;
}

type HeaderRecord = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A token or the value of its header, `Headers` or an object of headers, a `Request`, or a request of Node.js. */
export type TokenSource =
  | string
  | null
  | undefined
  | HeadersLike
  | HeaderRecord
  | { readonly headers: HeadersLike | HeaderRecord };

/** The token, or why there is none. @throws Error where the source throws when it is read. */
export function readToken(
  source: unknown,
): { token: string } | { reason: 'TOKEN_MISSING' | 'TOKEN_INVALID' } {
  // No token has a space, so a text with one is the value of the header.
  if (typeof source === 'string' && source !== '' && !source.includes(' ')) return { token: source };
  if (source !== undefined && source !== null && typeof source !== 'string' && typeof source !== 'object')
    return { reason: 'TOKEN_INVALID' };

  const authorization = typeof source === 'object' ? readAuthorization(source) : source;
  if (authorization === undefined || authorization === null || authorization === '')
    return { reason: 'TOKEN_MISSING' };
  // Two headers are a list in some servers, and joined by a comma in `Headers`. Neither is one token.
  const token = typeof authorization === 'string' ? BEARER.exec(authorization)?.[1] : undefined;
  return token === undefined ? { reason: 'TOKEN_INVALID' } : { token };
}

function readAuthorization(source: object | null): unknown {
  const headers =
    source !== null && 'headers' in source && isObject(source.headers) ? source.headers : source;
  if (headers === null) return undefined;
  if ('get' in headers && typeof headers.get === 'function') return headers.get('authorization');
  // Node.js drops all but the first of them.
  if (source !== null && isSentTwice(source)) return [];
  // RFC 9110 §5.1: names have no case. Node.js writes them small, and some gateways as they came.
  const values = Object.entries(headers)
    .filter(([name]) => name.length === AUTHORIZATION.length && name.toLowerCase() === AUTHORIZATION)
    .map(([, value]) => value);
  return values.length > 1 ? values : values[0];
}

/** Whether a request of Node.js, or one of Fastify around it, came with two headers. */
function isSentTwice(source: object): boolean {
  const { rawHeaders, raw } = source as { rawHeaders?: unknown; raw?: unknown };
  const list = rawHeaders ?? (isObject(raw) && 'rawHeaders' in raw ? raw.rawHeaders : undefined);
  if (!Array.isArray(list)) return false;
  const isName = (text: unknown, index: number) =>
    index % 2 === 0 && typeof text === 'string' && text.toLowerCase() === AUTHORIZATION;
  return list.filter(isName).length > 1;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
