import { AuthClientError } from './errors.ts';

/** @throws AuthClientError where a relative address has no page to be relative to */
export function absolute(address: string | URL): URL {
  const { document } = globalThis as { document?: { baseURI: string } };
  return parseAddress(address, document?.baseURI);
}

/**
 * The origin that an absolute address names and nothing more, as in `https://api.example.com`.
 *
 * @throws AuthClientError for a relative address: in a page, it would name the origin of the page
 */
export function readOrigin(address: string): string {
  const { origin, href, protocol } = parseAddress(address);
  if (!/^https?:$/.test(protocol) || href !== `${origin}/`) throw badAddress();
  return origin;
}

/**
 * An address with a password in it is never sent to, and platforms repeat it in their errors.
 *
 * @throws AuthClientError which does not repeat it
 */
export function assertEndpoint(address: string | URL, base = 'https://relative.invalid'): void {
  const { username, password } = parseAddress(address, base);
  if (username || password) throw badAddress();
}

function parseAddress(address: string | URL, base?: string): URL {
  try {
    return new URL(address, base);
  } catch {
    throw badAddress();
  }
}

function badAddress(): AuthClientError {
  return new AuthClientError('BAD_REQUEST', 'An address is wrong, relative, or has a password');
}
