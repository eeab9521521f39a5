import { AuthError } from '../../errors.ts';

const LONGEST = 2_000;

export interface RedirectsOptions {
  /** Its origin has the pages of this server. */
  readonly issuer: string;
  /** Origins of pages, and whole addresses of apps. */
  readonly redirectOrigins: readonly string[];
}

/** Where a browser may be led at the end of a login: nowhere that the operator has not named. */
export function createRedirects({ issuer, redirectOrigins }: RedirectsOptions) {
  const allowed = new Set([new URL(issuer).origin, ...redirectOrigins]);

  /** Whole addresses are compared as text: for URL, every origin of an app's own scheme is `null`. */
  function isAllowed(text: string): boolean {
    if (allowed.has(text)) return true;
    if (!URL.canParse(text)) return false;
    const { protocol, origin, username, password } = new URL(text);
    const isPage = protocol === 'https:' || protocol === 'http:';
    return isPage && username === '' && password === '' && allowed.has(origin);
  }

  return {
    /** The address without ambiguity. @throws AuthError `BAD_USER_INPUT` */
    require(redirectTo: string): string {
      const href = URL.canParse(redirectTo) ? new URL(redirectTo).href : '';
      // Percent-encoding makes it up to nine times as long, and proxies limit the headers of an answer.
      const isTooLong = redirectTo.length > LONGEST || href.length > LONGEST;
      if (isTooLong || redirectTo.includes('#') || !isAllowed(redirectTo))
        throw new AuthError('BAD_USER_INPUT', {
          field: 'input.redirectTo',
          hint: 'Add its origin to LATCHKEY_REDIRECT_ORIGINS, and give it without a fragment.',
        });
      return href;
    },
  };
}
