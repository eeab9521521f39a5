import { AuthClientError } from './errors.ts';

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Browsers say where a request comes from, and no page can forge it. A request that says nothing comes from no browser.
 */
export function assertOwnSite(request: Request, origin?: string): void {
  const { method, headers } = request;
  if (SAFE_METHODS.includes(method)) return;
  const site = headers.get('sec-fetch-site');
  const page = headers.get('origin');
  const isOwn =
    site === null
      ? page === null || page === (origin ?? ownOrigin(request, page))
      : site === 'same-origin' || site === 'none';
  if (!isOwn)
    throw new AuthClientError('FORBIDDEN', `A ${method} of another site is refused`, {
      reason: 'FOREIGN_ORIGIN',
    });
}

/** What a page of this site sends as its origin. */
function ownOrigin({ headers, url }: Request, page: string): string | undefined {
  const { protocol, host } = new URL(url);
  // TLS may end before this server: the address then says http: where the browser says https:.
  const scheme = protocol === 'http:' && page.startsWith('https:') ? 'https:' : protocol;
  const own = `${scheme}//${headers.get('host') ?? host}`;
  return URL.canParse(own) ? new URL(own).origin : undefined;
}
