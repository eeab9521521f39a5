import { randomBytes } from 'node:crypto';
import { parseCookie, stringifySetCookie } from 'cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Grant, Sessions } from '../core/sessions/service.ts';
import { DEVICE_TOKEN_LIFETIME_SECONDS } from '../core/tokens/service.ts';
import { AuthError } from '../errors.ts';
import type { Delivered, TokenCookies } from '../graphql/context.ts';
import type { Caller } from '../platform/caller.ts';
import type { Clock } from '../platform/clock.ts';
import { MINUTE_SECONDS } from '../platform/durations.ts';
import { isLoopbackUrl } from '../platform/loopback.ts';

/*
 * Cookies that a browser keeps for a page, so that no script of it can carry a long-lived token away (WEB-1):
 *
 *   __Host-latchkey-refresh   the session's refresh token, until it expires
 *   __Host-latchkey-device    the proof of a known device
 *   __Host-latchkey-external  a secret that ties the end of an external login to its beginning. One for all logins of a
 *                             browser, so that two tabs do not undo each other. The provider sends the browser back
 *                             from another site, without this cookie: the callback does not need it
 *
 * `__Host-` (RFC 6265bis §4.1.3.2) binds them to this host: no subdomain can plant its own. SameSite=Strict keeps them
 * out of what other sites send, but a page on a sibling subdomain or another port is the same site. So a page that has
 * one read, set or dropped also needs an `Origin` of the list: browsers say it on every POST, and no page can forge it.
 * A request with neither `Origin` nor Fetch Metadata comes from no browser: a server that renders pages hands on the
 * cookie of its visitor so, and it could write any `Origin`. That the request is a POST with a preflight, which no
 * browser ever sent without an `Origin`, is Apollo's CSRF prevention's business (WEB-2).
 */
const REFRESH = '__Host-latchkey-refresh';
const DEVICE = '__Host-latchkey-device';
const EXTERNAL = '__Host-latchkey-external';
/** Longer than an external login and its registration take. */
const EXTERNAL_SECONDS = 45 * MINUTE_SECONDS;
const SECRET = /^[A-Za-z0-9_-]{43}$/;
const ATTRIBUTES = { path: '/', secure: true, httpOnly: true, sameSite: 'strict' } as const;
/** Browsers send them, and no page can take them away (https://www.w3.org/TR/fetch-metadata/). */
const FETCH_METADATA = ['sec-fetch-site', 'sec-fetch-mode', 'sec-fetch-dest'];
const NO_COOKIE =
  'No cookie with a refresh token came: send cookies along (`credentials: "include"`), or give `input.refreshToken`.';

export interface TokenCookiesOptions {
  readonly clock: Clock;
  readonly sessions: Pick<Sessions, 'endReplaced'>;
  readonly origins: ReadonlySet<string>;
  /** In development: the Sandbox, by whatever name and port this machine is asked for it. */
  readonly allowOwnPage: boolean;
}

/** The cookies of one request and its answer, for pages of `origins`. */
export function createTokenCookies({ clock, sessions, origins, allowOwnPage }: TokenCookiesOptions) {
  return ({ headers }: FastifyRequest, reply: FastifyReply, caller: Caller): TokenCookies => {
    const answered = new Map<string, string>();

    function isAllowed(): boolean {
      const { origin, host } = headers;
      if (origin === undefined) return !FETCH_METADATA.some((name) => name in headers);
      return origins.has(origin) || (allowOwnPage && isOwnPage(origin, host));
    }

    function requireAllowed(): void {
      if (!isAllowed()) throw new AuthError('FORBIDDEN', { reason: 'FOREIGN_ORIGIN' });
    }

    function read(name: string): string | undefined {
      return (headers.cookie && parseCookie(headers.cookie)[name]) || undefined;
    }

    function set(name: string, value: string, maxAge: number): void {
      answered.set(name, stringifySetCookie({ name, value, maxAge, ...ATTRIBUTES }));
      // Anew and whole: one document may log out and in again, and an answer has one cookie of a name (RFC 6265 §4.1.1).
      reply.removeHeader('set-cookie').header('set-cookie', [...answered.values()]);
    }

    async function hand({ refreshToken, deviceToken, ...grant }: Grant): Promise<Delivered> {
      const kept = read(REFRESH);
      if (kept !== undefined) await sessions.endReplaced(kept, { by: grant.session, caller });
      set(REFRESH, refreshToken, Math.floor((grant.refreshExpiresAt - clock.now()) / 1_000));
      if (deviceToken !== null) set(DEVICE, deviceToken, DEVICE_TOKEN_LIFETIME_SECONDS);
      return { ...grant, refreshToken: null, deviceToken: null };
    }

    return {
      async deliver(how, work) {
        if (how !== 'COOKIE') return work(undefined);
        requireAllowed();
        return hand(await work(read(DEVICE)));
      },
      async deliverIfAny(how, work) {
        if (how === 'COOKIE') requireAllowed();
        const granted = (await work()) ?? null;
        return granted !== null && how === 'COOKIE' ? hand(granted) : granted;
      },
      // A refusal leaves the cookie where it is: another tab may have logged in meanwhile, and it is theirs.
      async renew(work) {
        requireAllowed();
        const refreshToken = read(REFRESH);
        if (refreshToken === undefined)
          throw new AuthError('INVALID_REFRESH_TOKEN', { cause: 'no cookie', hint: NO_COOKIE });
        return hand(await work(refreshToken));
      },
      bind(how) {
        if (how !== 'COOKIE') return undefined;
        requireAllowed();
        const kept = read(EXTERNAL) ?? '';
        const secret = SECRET.test(kept) ? kept : randomBytes(32).toString('base64url');
        set(EXTERNAL, secret, EXTERNAL_SECONDS);
        return secret;
      },
      bound() {
        const secret = read(EXTERNAL);
        if (secret !== undefined) requireAllowed();
        return secret;
      },
      read() {
        const refreshToken = read(REFRESH);
        if (refreshToken !== undefined) requireAllowed();
        return refreshToken;
      },
      drop() {
        if (isAllowed() && read(REFRESH) !== undefined) set(REFRESH, '', 0);
      },
    };
  };
}

/** Of this server itself, by a name that leads nowhere else: any website could have one that leads here. */
function isOwnPage(origin: string, host: string | undefined): boolean {
  return origin === `http://${host}` && isLoopbackUrl(origin);
}

/** Where cookies are off: nothing is kept, and a client that asks for one is told. */
export const noCookies: TokenCookies = {
  async deliver(how, work) {
    if (how === 'COOKIE') throw cookiesAreOff();
    return work(undefined);
  },
  async deliverIfAny(how, work) {
    if (how === 'COOKIE') throw cookiesAreOff();
    return (await work()) ?? null;
  },
  async renew() {
    throw new AuthError('BAD_USER_INPUT', {
      field: 'input',
      hint: '`input` is required and was not given: without cookies it holds the refresh token.',
    });
  },
  bind(how) {
    if (how === 'COOKIE') throw cookiesAreOff();
    return undefined;
  },
  bound: () => undefined,
  read: () => undefined,
  drop() {},
};

function cookiesAreOff(): AuthError {
  return new AuthError('BAD_USER_INPUT', {
    field: 'input.delivery',
    hint: 'Set LATCHKEY_COOKIES=on, or leave `input.delivery` out.',
  });
}
