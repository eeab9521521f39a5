import { isIP, isIPv6 } from 'node:net';
import { z } from 'zod';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../platform/durations.ts';

/**
 * The kinds of value that a setting may have, each with its text form: decoded from the environment, encoded for
 * `latchkey doctor`. No problem quotes what was given, because anything may be a secret in the wrong variable.
 */
export type Kind<Value> = z.ZodType<Value, string>;

const UNITS_MS = { d: DAY_MS, h: HOUR_MS, m: MINUTE_MS, s: 1_000, ms: 1 };

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

/** A length of time as above, or `off`, which is 0. */
export const secondsOrOff = (range: { least: string; most: string }) =>
  kind<number>({
    read: (text, refuse) => {
      if (text === 'off') return 0;
      const value = readSeconds(text);
      if (
        !(value >= readSeconds(range.least) && value <= readSeconds(range.most)) ||
        !Number.isInteger(value)
      )
        refuse(`must be off, or whole seconds from ${range.least} to ${range.most} as in ${range.least}`);
      return value;
    },
    write: (value) => (value === 0 ? 'off' : writeSeconds(value)),
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

/**
 * An absolute http(s) URL without query and fragment (RFC 8414 §2). Its path is one that every server, proxy and router
 * spells alike, because the routes of this server begin with it.
 */
export const issuerUrl = () =>
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
      else if (!/^(\/[\w.~:-]+)*\/?$/.test(url.pathname))
        refuse('must have a path of letters, digits and - . _ ~ : between single slashes, or none');
      return text;
    },
    write: (value) => value,
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

/** Some of a few words, separated by commas. */
export const words = <Word extends string>(known: readonly Word[]) =>
  list(`must be one of ${known.join(', ')}, or several with commas between them`, (text): text is Word =>
    (known as readonly string[]).includes(text),
  );

/** Texts separated by commas, each of which `isItem` takes. */
export function list<Item extends string>(
  problem: string,
  isItem: (text: string) => text is Item,
): Kind<readonly Item[]>;
export function list(problem: string, isItem: (text: string) => boolean): Kind<readonly string[]>;
export function list(problem: string, isItem: (text: string) => boolean): Kind<readonly string[]> {
  return kind<readonly string[]>({
    read: (text, refuse) => {
      const items = text === '' ? [] : text.split(',').map((item) => item.trim());
      if (!items.every(isItem)) refuse(problem);
      return Object.freeze(items);
    },
    write: (items) => items.join(','),
  });
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

/** `undefined` when the text is no URL. */
export function readUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

export function isHttp(url: URL): boolean {
  return url.protocol === 'https:' || url.protocol === 'http:';
}
