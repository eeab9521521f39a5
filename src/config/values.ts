import { isIP, isIPv6 } from 'node:net';
import querystring from 'node:querystring';
import { z } from 'zod';
import type { FirebaseParameters } from '../crypto/foreign-hashes.ts';
import { maskDatabaseUrl, readDatabaseUrl } from '../database/url.ts';
import { parseEmailAddress } from '../platform/email-address.ts';
import { isLoopback } from '../platform/loopback.ts';
import type { Mailbox, SmtpServer } from '../platform/mailer.ts';

/**
 * The kinds of value that a setting may have, each with its text form: decoded from the environment, encoded for
 * `latchkey doctor`. No problem quotes what was given, because anything may be a secret in the wrong variable.
 */
export type Kind<Value> = z.ZodType<Value, string>;

const UNITS_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** One of a few words. */
export const word = <const Words extends readonly [string, ...string[]]>(...words: Words) =>
  z.enum(words, { error: `must be one of ${words.join(', ')}` });

/** `on` or `off`. */
export const flag = () =>
  kind<boolean>({
    read: (text, refuse) => {
      if (text !== 'on' && text !== 'off') refuse('must be on or off');
      return text === 'on';
    },
    write: (value) => (value ? 'on' : 'off'),
  });

/** A whole number from `least` to `most`, or the word `auto` where this machine knows one. */
export const integer = ({ least, most, auto }: { least: number; most: number; auto?: () => number }) =>
  kind<number>({
    read: (text, refuse) => {
      if (auto !== undefined && text === 'auto') return Math.min(auto(), most);
      const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
      if (!(value >= least && value <= most))
        refuse(`must be a whole number from ${least} to ${most}${auto === undefined ? '' : ', or auto'}`);
      return value;
    },
    write: String,
  });

/** A length of time in whole seconds, written as a whole number with its unit. */
export const seconds = ({ least, most }: { least: string; most: string }) =>
  kind<number>({
    read: (text, refuse) => {
      const value = readSeconds(text);
      if (!(value >= readSeconds(least) && value <= readSeconds(most)) || !Number.isInteger(value))
        refuse(
          `must be whole seconds from ${least} to ${most}, a number with its unit (ms, s, m, h, d) as in 10m`,
        );
      return value;
    },
    write: writeSeconds,
  });

/** Plain text on one line. */
export const line = ({ most }: { most: number }) =>
  kind<string>({
    read: (text, refuse) => {
      if (text.length > most || /[\p{Cc}]/u.test(text))
        refuse(`must be one line of at most ${most} characters`);
      return text;
    },
    write: (value) => value,
  });

/** An address or a host name to listen on. An IPv6 address may have the brackets that it has in a URL. */
export const host = () =>
  kind<string>({
    read: (text, refuse) => {
      const [, bracketed = ''] = /^\[(.*)\]$/.exec(text) ?? [];
      const address = isIPv6(bracketed) ? bracketed : text;
      if (isIP(address) === 0 && !/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(address))
        refuse('must be an IP address or a host name');
      return address;
    },
    write: (value) => value,
  });

/** An absolute http(s) URL that others begin with, or an issuer's: no query and no fragment (RFC 8414 §2). */
export const baseUrl = () =>
  kind<string>({
    read: (text, refuse) => {
      const url = readUrl(text);
      if (
        url === undefined ||
        !isHttp(url) ||
        url.username !== '' ||
        url.password !== '' ||
        /[?#\s]/.test(text)
      )
        refuse('must be an absolute http(s) URL without credentials, query and fragment');
      return text;
    },
    write: (value) => value,
  });

/**
 * Where links in mail lead: the URL of an app, which may end in the fragment of its router, or a template with `{page}`
 * and `{token}`. A token stands behind the #, because a browser sends that to no server (OTT-5).
 */
export const appUrl = () =>
  kind<string>({
    read: (text, refuse) => {
      const [, fragment] = text.split('#');
      const isTemplate = /[{}]/.test(text);
      const url = readUrl(text);
      const isComplete = text.includes('{page}') && fragment?.includes('{token}');
      if (
        url === undefined ||
        !isHttp(url) ||
        url.username !== '' ||
        url.password !== '' ||
        /\s|#.*#/.test(text) ||
        /[{}]/.test(url.host + text.replace('{page}', '').replace('{token}', '')) ||
        (isTemplate ? !isComplete : text.includes('?'))
      )
        refuse(
          'must be an absolute http(s) URL, as in https://app.example.com or https://app.example.com/#/auth, or a template with {page} and, behind the #, {token}, as in https://app.example.com/#/{page}?token={token}',
        );
      return text;
    },
    write: (value) => value,
  });

/** Where the data is: an SQLite file or a PostgreSQL server. Shown without its password. */
export const databaseUrl = () =>
  kind<string>({
    read: (text, refuse) => {
      try {
        readDatabaseUrl(text);
      } catch (error) {
        refuse((error as Error).message);
      }
      return text;
    },
    write: maskDatabaseUrl,
  });

/** A mail server: `smtp://`, which must offer TLS unless it is on this machine or `?tls=off` says so, or `smtps://`. */
export const smtpUrl = () =>
  kind<SmtpServer>({
    read: (text, refuse) => {
      const url = readUrl(text) ?? new URL('none:');
      const { protocol, hostname, pathname, search, hash } = url;
      const isPlain = protocol === 'smtp:' && search === '?tls=off';
      if (
        !/^smtps?:$/.test(protocol) ||
        hostname === '' ||
        pathname.length > 1 ||
        (search !== '' && !isPlain) ||
        hash !== ''
      )
        refuse(
          'must be smtp://user:password@host:port, which may end in ?tls=off, or smtps://…; in the user and the password, / ? # @ : and % are percent-encoded, as in %2F for /',
        );
      const host = hostname.replace(/^\[|\]$/g, '');
      const isSecure = protocol === 'smtps:';
      return {
        host,
        port: Number(url.port) || (isSecure ? 465 : 587),
        tls: isSecure ? 'from the start' : isPlain || isLoopback(host) ? 'off' : 'starttls',
        login:
          url.username === ''
            ? undefined
            : { user: querystring.unescape(url.username), pass: querystring.unescape(url.password) },
      };
    },
    write: ({ host, port, tls, login }) => {
      const address = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
      const user = login === undefined ? '' : `${encodeURIComponent(login.user)}:***@`;
      const query = tls === 'off' && !isLoopback(host) ? '?tls=off' : '';
      return `${tls === 'from the start' ? 'smtps' : 'smtp'}://${user}${address}${query}`;
    },
  });

/** One mail address, with a name or without (RFC 5322 §3.4). */
export const mailbox = () =>
  kind<Mailbox>({
    read: (text, refuse) => {
      const [, phrase = '', inBrackets, bare] = MAILBOX.exec(text.trim()) ?? [];
      const address = parseEmailAddress(inBrackets ?? bare);
      if (address === undefined)
        refuse(
          'must be one mail address, as in Example <accounts@example.com> or "Acme, Inc." <a@example.com>',
        );
      return { name: readPhrase(phrase), address: address ?? '' };
    },
    write: ({ name, address }) => {
      if (name === '') return address;
      const phrase = IS_SPECIAL.test(name) ? `"${name.replace(/["\\]/g, '\\$&')}"` : name;
      return `${phrase} <${address}>`;
    },
  });

/** A name of words and quoted texts before an address in angle brackets, or an address alone. */
const MAILBOX = /^(?:((?:[^<>"@,;:\\\p{Cc}]|"(?:[^"\\\p{Cc}]|\\[^\p{Cc}])*")*)<([^<>]+)>|([^<>]+))$/u;
const QUOTED = /"((?:[^"\\]|\\.)*)"/gu;
/** What stands in a name only between quotes. */
const IS_SPECIAL = /[<>"@,;:\\]/;

function readPhrase(phrase: string): string {
  const unquoted = phrase.replace(QUOTED, (_, text: string) => text.replace(/\\(.)/gu, '$1'));
  return unquoted.trim().replace(/\s+/g, ' ');
}

/** Origins exactly as browsers and WebViews send them (RFC 6454 §6.2), separated by commas. */
export const origins = () =>
  list(
    'must be origins as browsers send them, as in https://app.example.com,http://localhost:3000,capacitor://localhost',
    (text) => {
      if (APP_ORIGIN.test(text)) return true;
      const url = readUrl(text);
      return url !== undefined && isHttp(url) && url.origin === text && !text.includes('*');
    },
  );

/** Of a WebView or an extension. For URL, every origin of such a scheme is `null`. */
const APP_ORIGIN =
  /^(?:capacitor|ionic|tauri|app|(?:chrome|moz|safari-web)-extension):\/\/[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?$/i;

/** IP addresses and CIDR blocks, separated by commas. A block of every address there is would trust everybody. */
export const networks = () =>
  list('must be IP addresses and CIDR blocks, as in 10.0.0.0/8,::1', (text) => {
    const [address = '', prefix, ...rest] = text.split('/');
    const version = address.includes('%') ? 0 : isIP(address);
    if (version === 0 || rest.length > 0) return false;
    if (prefix === undefined) return true;
    return /^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128);
  });

/** The password hash parameters of a Firebase project, as its console shows them. The signer key is a secret. */
export const firebaseScrypt = () =>
  kind<FirebaseParameters>({
    read: (text, refuse) => {
      const pairs = text.matchAll(/\b(base64_\w+|rounds|mem_cost)\s*[:=]\s*([A-Za-z0-9+/=_-]+)/g);
      const given = Object.fromEntries([...pairs].map(([, name, value]) => [name, value]));
      const signerKey = Buffer.from(given.base64_signer_key ?? '', 'base64');
      const saltSeparator = Buffer.from(given.base64_salt_separator ?? '', 'base64');
      const [rounds, memCost] = [Number(given.rounds), Number(given.mem_cost)];
      if (
        signerKey.length < 32 ||
        saltSeparator.length === 0 ||
        !isFrom1To(8, rounds) ||
        !isFrom1To(14, memCost)
      )
        refuse(
          'must be the base64_signer_key, base64_salt_separator, rounds and mem_cost that the Firebase console shows',
        );
      return Object.freeze({ signerKey, saltSeparator, rounds, memCost });
    },
    write: () => '***',
  });

/** Any kind of value: `read` calls `refuse` once for each problem, and what it returns then is dropped. */
export function kind<Value>(text: {
  read(text: string, refuse: (problem: string) => void): Value;
  write(value: Value): string;
}) {
  return z.codec(z.string(), z.custom<Value>(), {
    decode: (given, context) =>
      text.read(given, (message) => context.issues.push({ code: 'custom', message, input: undefined })),
    encode: text.write,
  });
}

function list(problem: string, isItem: (text: string) => boolean) {
  return kind<readonly string[]>({
    read: (text, refuse) => {
      const items = text === '' ? [] : text.split(',').map((item) => item.trim());
      if (!items.every(isItem)) refuse(problem);
      return Object.freeze(items);
    },
    write: (items) => items.join(','),
  });
}

function isFrom1To(most: number, value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most;
}

/** Not a number when the text is no length of time. */
function readSeconds(text: string): number {
  const [, amount, unit] = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text) ?? [];
  return (Number(amount) * UNITS_MS[unit as keyof typeof UNITS_MS]) / 1_000;
}

function writeSeconds(value: number): string {
  const ms = value * 1_000;
  const [unit, size] = Object.entries(UNITS_MS).find(([, size]) => ms >= size && ms % size === 0) ?? [
    's',
    1_000,
  ];
  return `${ms / size}${unit}`;
}

function readUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function isHttp(url: URL): boolean {
  return url.protocol === 'https:' || url.protocol === 'http:';
}
