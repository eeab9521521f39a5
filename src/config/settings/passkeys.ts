import type { Settings } from '../setting.ts';
import { kind, list, readUrl } from '../values.ts';

export const PASSKEYS = {
  webauthnRpId: {
    name: 'LATCHKEY_WEBAUTHN_RP_ID',
    description:
      'The domain that passkeys work on, and all domains below it; the host of `LATCHKEY_ISSUER` unless given. A passkey never moves to another one. Without a domain, as where the issuer is an IP address, there are no passkeys',
    value: domain(),
  },
  webauthnOrigins: {
    name: 'LATCHKEY_WEBAUTHN_ORIGINS',
    default: '',
    description:
      'Origins whose pages may ask for passkeys, comma-separated, `https` or `http://localhost`; that of `LATCHKEY_ISSUER` unless given',
    value: list(
      'must be origins as browsers send them, https or http://localhost, as in https://app.example.com',
      isPasskeyOrigin,
    ),
  },
} as const satisfies Settings;

/** A name that WebAuthn takes as RP id. */
function domain() {
  return kind<string>({
    read: (text, refuse) => {
      if (!isDomain(text)) refuse('must be a domain in lower case, as in example.com');
      return text;
    },
    write: (value) => value,
  });
}

/** The last label begins with a letter, so no IP address is one. */
function isDomain(text: string): boolean {
  return /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text);
}

/** Browsers offer WebAuthn to secure contexts alone, and to domains alone. */
function isPasskeyOrigin(text: string): boolean {
  const url = readUrl(text);
  if (url === undefined || url.origin !== text || !isDomain(url.hostname)) return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && url.hostname === 'localhost');
}

/** What the issuer says of passkeys: none where its pages could have none. */
export function relyingPartyOf(issuer: string | undefined): { rpId: string; origin: string } | undefined {
  const url = readUrl(issuer ?? '');
  if (url === undefined || !isPasskeyOrigin(url.origin)) return undefined;
  return { rpId: url.hostname, origin: url.origin };
}

/** What is wrong between the two, and the issuer; `given` says which of them the operator gave. */
export function* passkeyProblems(
  {
    webauthnRpId: rpId,
    webauthnOrigins: origins,
  }: { webauthnRpId?: string; webauthnOrigins?: readonly string[] },
  given: { readonly rpId: boolean; readonly origins: boolean },
): Generator<string> {
  if (origins === undefined || (!given.rpId && !given.origins)) return;
  if (rpId === undefined)
    yield 'LATCHKEY_WEBAUTHN_RP_ID: required with LATCHKEY_WEBAUTHN_ORIGINS, because LATCHKEY_ISSUER has no domain that passkeys could work on';
  else if (origins.length === 0)
    yield 'LATCHKEY_WEBAUTHN_ORIGINS: required with LATCHKEY_WEBAUTHN_RP_ID, because no page of LATCHKEY_ISSUER can have passkeys';
  else if (!origins.every((origin) => isBelow(new URL(origin).hostname, rpId)))
    yield 'LATCHKEY_WEBAUTHN_RP_ID: must be the host of each of LATCHKEY_WEBAUTHN_ORIGINS, or a domain above it';
}

/** No browser lets a page have all of `com`, so a domain above it has two labels at least. */
function isBelow(host: string, domain: string): boolean {
  return host === domain || (domain.includes('.') && host.endsWith(`.${domain}`));
}
