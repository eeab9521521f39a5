import { isIPv6 } from 'node:net';
import querystring from 'node:querystring';
import { parseEmailAddress } from '../../platform/email-address.ts';
import { isLoopback } from '../../platform/loopback.ts';
import type { Mailbox, SmtpServer } from '../../platform/mailer.ts';
import type { Settings } from '../setting.ts';
import { isHttp, kind, line, readUrl } from '../values.ts';

/** A name of words and quoted texts before an address in angle brackets, or an address alone. */
const MAILBOX = /^(?:((?:[^<>"@,;:\\\p{Cc}]|"(?:[^"\\\p{Cc}]|\\[^\p{Cc}])*")*)<([^<>]+)>|([^<>]+))$/u;
const QUOTED = /"((?:[^"\\]|\\.)*)"/gu;
/** What stands in a name only between quotes. */
const IS_SPECIAL = /[<>"@,;:\\]/;

export const MAIL = {
  smtp: {
    name: 'LATCHKEY_SMTP_URL',
    description:
      'The mail server: `smtps://user:password@host`, or `smtp://…` with STARTTLS (without TLS on this machine, or with `?tls=off`). In development without one, mail is shown at `/dev/mail`',
    value: smtpUrl(),
  },
  mailFrom: {
    name: 'LATCHKEY_MAIL_FROM',
    developmentDefault: 'Latchkey <latchkey@localhost>',
    description:
      'Who mail is from, as in `Example <accounts@example.com>` or `"Acme, Inc." <accounts@example.com>`',
    value: mailbox(),
  },
  appUrl: {
    name: 'LATCHKEY_APP_URL',
    description:
      'What the links in mail begin with: the URL of your app, or a template as in `https://app.example.com/#/{page}?token={token}`. https in production. `/account` of the issuer where `LATCHKEY_PAGES` is on, and otherwise `http://localhost:3000` in development',
    value: appUrl(),
  },
  templates: {
    name: 'LATCHKEY_TEMPLATES',
    description: 'A folder with texts of mail that replace the built-in ones, file by file',
    value: line({ most: 4_096 }),
  },
} as const satisfies Settings;

/**
 * Where links in mail lead: the URL of an app, which may end in the fragment of its router, or a template with `{page}`
 * and `{token}`. A token stands behind the #, because a browser sends that to no server (OTT-5).
 */
function appUrl() {
  return kind<string>({
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
}

/** A mail server: `smtp://`, which must offer TLS unless it is on this machine or `?tls=off` says so, or `smtps://`. */
function smtpUrl() {
  return kind<SmtpServer>({
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
}

/** One mail address, with a name or without (RFC 5322 §3.4). */
function mailbox() {
  return kind<Mailbox>({
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
}

function readPhrase(phrase: string): string {
  const unquoted = phrase.replace(QUOTED, (_, text: string) => text.replace(/\\(.)/gu, '$1'));
  return unquoted.trim().replace(/\s+/g, ' ');
}
