import type { ExternalLoginResult, ExternalLoginStart, Mutations, User } from './api.ts';
import { AuthClientError } from './errors.ts';

/*
 * A login at a provider leaves the page. `sessionStorage` keeps until the way back what the browser was led away for, and
 * the verifier where no cookie has it: it outlives the page and no other tab reads it.
 */

export interface RedirectOptions {
  /** Where the browser goes at the end. This page unless given. */
  readonly redirectTo?: string | URL | undefined;
}

export interface LoginRedirectOptions extends RedirectOptions {
  readonly deviceName?: string | undefined;
  /** The scopes to narrow the session to. */
  readonly scope?: readonly string[] | undefined;
}

/** What a browser came back with: a login, or a user who has linked a provider. */
export type RedirectResult =
  | ({ readonly kind: 'login' } & ExternalLoginResult)
  | { readonly kind: 'link'; readonly user: User };

export interface ExternalRedirects {
  /**
   * Leads the browser to a provider, as in `loginWith('google')`. The page that it comes back to calls `completeRedirect`.
   *
   * @throws AuthClientError `BAD_REQUEST` outside of a browser, or what the server refuses
   */
  loginWith(provider: string, options?: LoginRedirectOptions): Promise<void>;
  /** The same for the user who is signed in. The tokens must outlive the page, so they are not in `memory`. */
  linkWith(provider: string, options?: RedirectOptions): Promise<void>;
  /**
   * Completes what `loginWith` or `linkWith` began, with the code in the address of this page, and removes the code from
   * it. Undefined for an address without one.
   *
   * @throws AuthClientError `EXTERNAL_LOGIN_FAILED` with its `reason`, `MFA_REQUIRED`, or what else the server refuses
   */
  completeRedirect(): Promise<RedirectResult | undefined>;
}

interface Pending {
  readonly kind: RedirectResult['kind'];
  readonly verifier: string | null;
}

export function createExternalRedirects(
  auth: Pick<
    Mutations,
    'startExternalLogin' | 'linkExternalLogin' | 'completeExternalLogin' | 'completeExternalLink'
  >,
  readUrl: () => string,
): ExternalRedirects {
  const key = () => `latchkey-external:${readUrl()}`;

  async function leave(
    kind: Pending['kind'],
    start: (redirectTo: string) => Promise<ExternalLoginStart>,
    redirectTo?: string | URL,
  ): Promise<void> {
    const { location, sessionStorage } = browser();
    const { authorizationUrl, verifier } = await start(String(redirectTo ?? location.href.split('#')[0]));
    sessionStorage.setItem(key(), JSON.stringify({ kind, verifier } satisfies Pending));
    location.assign(authorizationUrl);
  }

  return {
    loginWith: (provider, { redirectTo, deviceName = null, scope = null } = {}) =>
      leave(
        'login',
        (address) => auth.startExternalLogin({ provider, redirectTo: address, deviceName, scope }),
        redirectTo,
      ),
    linkWith: (provider, { redirectTo } = {}) =>
      leave('link', (address) => auth.linkExternalLogin({ provider, redirectTo: address }), redirectTo),
    async completeRedirect() {
      const { location, history, sessionStorage } = browser();
      const answer = new URLSearchParams(location.hash.slice(1));
      const code = answer.get('code');
      const error = answer.get('error');
      if (!code?.startsWith('lke_') && error !== FAILED) return undefined;
      // Before anything else: the page may be reloaded, and others may read its address.
      history.replaceState(history.state, '', location.href.split('#')[0]);
      const { kind, verifier } = readPending(sessionStorage.getItem(key()));
      sessionStorage.removeItem(key());
      if (!code) throw refused(answer.get('reason'));
      if (kind === 'link') return { kind, user: await auth.completeExternalLink({ code, verifier }) };
      return { kind, ...(await auth.completeExternalLogin({ code, verifier })) };
    },
  };
}

const FAILED = 'EXTERNAL_LOGIN_FAILED';

/** Anybody can lead a browser to an address, so what stands there is not believed. */
function refused(reason: string | null): AuthClientError {
  const known = /^[A-Z_]{2,64}$/.exec(reason ?? '')?.[0];
  return new AuthClientError(FAILED, 'The login at the provider failed', { reason: known });
}

/** Without it, a browser that keeps the verifier in a cookie completes a login all the same. */
function readPending(text: string | null): Pending {
  return text === null ? { kind: 'login', verifier: null } : JSON.parse(text);
}

function browser(): Pick<Window, 'location' | 'history' | 'sessionStorage'> {
  if (!('location' in globalThis) || !('sessionStorage' in globalThis))
    throw new AuthClientError('BAD_REQUEST', 'There is no browser that could be led to a provider');
  return globalThis as unknown as Window;
}
