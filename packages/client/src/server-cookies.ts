/** What each kind of token is called. */
export type CookieNames = Readonly<Record<'access' | 'refresh' | 'device' | 'ended', string>>;
type Values = { readonly [Kind in keyof CookieNames]?: string | undefined };

/** What a token can be made of (RFC 6265 §4.1.1). Anything else was not set here. */
const TOKEN = /^[\w.~+/-]{1,8192}=*$/;

/** The characters of a name and its value that a browser keeps. */
const LONGEST = 4_096;

/** The tokens in a Cookie header. */
export function cookiesOf(header: string, names: CookieNames): Values {
  const pairs = new Map(header.split(';').map((part) => splitPair(part)));
  const tokenOf = (name: string) => {
    const value = pairs.get(name) ?? '';
    return TOKEN.test(value) ? value : undefined;
  };
  return {
    access: tokenOf(names.access),
    refresh: tokenOf(names.refresh),
    device: tokenOf(names.device),
    ended: tokenOf(names.ended),
  };
}

/** A Cookie header with these tokens and no older ones. All other cookies stay as they are. */
export function withCookies(header: string, names: CookieNames, values: Values): string {
  const own = Object.values(names);
  const others = header
    .split(';')
    .map(trim)
    .filter((part) => part !== '' && !own.includes(splitPair(part)[0]));
  const kinds = Object.keys(names) as (keyof CookieNames)[];
  const tokens = kinds.flatMap((kind) => (values[kind] ? [`${names[kind]}=${values[kind]}`] : []));
  return [...others, ...tokens].join('; ');
}

export function setCookie(name: string, value: string, maxAgeSeconds: number): string {
  // No browser keeps a longer one (RFC 6265bis §5.6), so none is set, and an older one goes.
  const [kept, seconds] = name.length + value.length > LONGEST ? ['', 0] : [value, maxAgeSeconds];
  return `${name}=${kept}; Path=/; Max-Age=${seconds}; Secure; HttpOnly; SameSite=Lax`;
}

function splitPair(part: string): [string, string] {
  const at = part.indexOf('=');
  return at < 0 ? [trim(part), ''] : [trim(part.slice(0, at)), trim(part.slice(at + 1))];
}

/** Spaces and tabs only. A name that begins with any other blank is another name. */
function trim(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, '');
}
