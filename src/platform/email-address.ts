import { domainToASCII, domainToUnicode } from 'node:url';

/** RFC 5321 §4.5.3.1.3: a path has 256 characters at most, two of them its angle brackets. */
const LONGEST = 254;
/** HTML's definition (https://html.spec.whatwg.org/#valid-e-mail-address). It is ASCII. */
const HTML =
  /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

/**
 * The address as it was typed, without the spaces around it, or `undefined` when it is none: HTML's definition, at most
 * 254 characters, where the domain may be an internationalised one (`info@bücher.example`). What stands before the @ is
 * ASCII: few mail servers take anything else.
 */
export function parseEmailAddress(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const address = value.trim();
  if (address.length > LONGEST) return undefined;
  const ascii = asciiAddress(address);
  return ascii !== undefined && ascii.length <= LONGEST && HTML.test(ascii) ? address : undefined;
}

/**
 * The address as it is known to mail servers, its domain in Punycode (RFC 5891); `undefined` when the domain has no such
 * form, or is another spelling of one: no look-alike, nothing that nobody can see.
 */
export function asciiAddress(address: string): string | undefined {
  const at = address.lastIndexOf('@') + 1;
  const domain = address.slice(at);
  // Node would read an ASCII domain as the host of a URL, where 1 is 0.0.0.1 and %41 is A.
  if (/^\p{ASCII}*$/u.test(domain)) return address;
  const ascii = domainToASCII(domain);
  return domainToUnicode(ascii) === domain.normalize('NFC').toLowerCase()
    ? address.slice(0, at) + ascii
    : undefined;
}
