import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CREDENTIALS, codeOf, refusal, scriptServer, URL_OF_SERVER } from './support/scripted-server.ts';

const PAGE = 'https://app.example.com/login?next=%2F#top';
const START = {
  authorizationUrl: 'https://provider.example.com/authorize?state=x',
  verifier: 'lkv_verifier',
  expiresAt: '2027-01-01T00:10:00.000Z',
};

/** A tab of a browser: an address, and what is kept while the tab goes from page to page. */
function openTab(address: string) {
  const kept = new Map<string, string>();
  const tab = {
    left: [] as string[],
    kept,
    goTo(href: string) {
      Object.assign(tab.location, { href, hash: new URL(href).hash });
    },
    location: {
      href: address,
      hash: new URL(address).hash,
      assign: (href: string) => void tab.left.push(href),
    },
    history: {
      state: { scroll: 10 },
      replaceState: (_state: unknown, _title: string, href: string) => tab.goTo(href),
    },
    sessionStorage: {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
      removeItem: (key: string) => void kept.delete(key),
    },
  };
  for (const name of ['location', 'history', 'sessionStorage'] as const)
    Object.defineProperty(globalThis, name, { configurable: true, value: tab[name] });
  return tab;
}

const NAMES = ['location', 'history', 'sessionStorage'] as const;
const own = NAMES.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);
const restore = () => {
  for (const [name, descriptor] of own) {
    Reflect.deleteProperty(globalThis, name);
    if (descriptor) Object.defineProperty(globalThis, name, descriptor);
  }
};

describe('a login at a provider', () => {
  let tab: ReturnType<typeof openTab>;
  beforeEach(() => {
    tab = openTab(PAGE);
  });
  afterEach(restore);

  it('the browser is led away, and the page that it comes back to completes the login', async () => {
    const { client, script, sent } = scriptServer();
    script('startExternalLogin', { data: { startExternalLogin: START } });
    await client().loginWith('google', { deviceName: 'Laptop' });
    expect(tab.left).toEqual([START.authorizationUrl]);
    expect(sent.at(-1)?.input).toEqual({
      provider: 'google',
      redirectTo: 'https://app.example.com/login?next=%2F',
      deviceName: 'Laptop',
      scope: null,
      delivery: 'BODY',
    });

    tab.goTo(`${PAGE.split('#')[0]}#code=lke_code`);
    const back = client();
    const auth = (await (await scriptedLogin()).json()).data.login;
    script('completeExternalLogin', {
      data: { completeExternalLogin: { auth, registrationToken: null, email: null } },
    });
    const result = await back.completeRedirect();
    expect(result).toMatchObject({ kind: 'login', registrationToken: null, auth: { user: { id: 'ada' } } });
    expect(JSON.stringify(result)).not.toContain('lkr_');
    expect(back.state.status).toBe('signedIn');
    expect(sent.at(-1)?.input).toEqual({ code: 'lke_code', verifier: START.verifier });
    expect(tab.location.href).toBe('https://app.example.com/login?next=%2F');
    expect(tab.kept.size).toBe(0);
    expect(await back.completeRedirect()).toBeUndefined();

    function scriptedLogin() {
      return scriptServer().fetch(URL_OF_SERVER, {
        method: 'POST',
        body: JSON.stringify({ query: 'mutation login($input:LoginInput!){login(input:$input){x}}' }),
      });
    }
  });

  it('a registration that needs an address opens no session', async () => {
    const { client, script } = scriptServer();
    tab.goTo(`${PAGE.split('#')[0]}#code=lke_code`);
    const registration = { auth: null, registrationToken: 'lkn_token', email: 'ada@example.com' };
    script('completeExternalLogin', { data: { completeExternalLogin: registration } });
    const auth = client();
    expect(await auth.completeRedirect()).toEqual({ kind: 'login', ...registration });
    expect(auth.state.status).toBe('signedOut');
  });

  it('a user who is signed in links a provider', async () => {
    const { client, script, sent } = scriptServer();
    const auth = client();
    await auth.login(CREDENTIALS);
    script('linkExternalLogin', { data: { linkExternalLogin: START } });
    await auth.linkWith('google', { redirectTo: new URL('https://app.example.com/account') });
    expect(sent.at(-1)?.authorization).toMatch(/^Bearer /);
    tab.goTo('https://app.example.com/account#code=lke_code');
    expect(await auth.completeRedirect()).toMatchObject({ kind: 'link', user: { id: 'ada' } });
    expect(sent.at(-1)?.name).toBe('completeExternalLink');
  });

  it('a failure at the provider is an error with its reason, and asks the server nothing', async () => {
    const { client, sent } = scriptServer();
    const auth = client();
    tab.goTo(`${PAGE.split('#')[0]}#error=EXTERNAL_LOGIN_FAILED&reason=DENIED&error_description=x`);
    await expect(auth.completeRedirect()).rejects.toMatchObject({
      code: 'EXTERNAL_LOGIN_FAILED',
      reason: 'DENIED',
    });
    tab.goTo(`${PAGE.split('#')[0]}#error=EXTERNAL_LOGIN_FAILED&reason=%3Cscript%3E`);
    await expect(auth.completeRedirect()).rejects.toMatchObject({ reason: undefined });
    expect(sent).toEqual([]);
    expect(tab.location.hash).toBe('');
  });

  it.each(['', '#top', '#code=of-something-else', '#error=access_denied', '#/route?code=lke_x'])(
    'the fragment "%s" is the app\'s own',
    async (fragment) => {
      const { client, sent } = scriptServer();
      tab.goTo(`https://app.example.com/${fragment}`);
      expect(await client().completeRedirect()).toBeUndefined();
      expect(tab.location.href).toBe(`https://app.example.com/${fragment}`);
      expect(sent).toEqual([]);
    },
  );

  it('what the server refuses leads the browser nowhere', async () => {
    const { client, script } = scriptServer();
    script('startExternalLogin', refusal('FEATURE_DISABLED'));
    expect(await codeOf(client().loginWith('google'))).toBe('FEATURE_DISABLED');
    expect(tab.left).toEqual([]);
    expect(tab.kept.size).toBe(0);
  });

  it('outside of a browser there is nobody to lead', async () => {
    restore();
    const { client, sent } = scriptServer();
    const auth = client();
    expect(await codeOf(auth.loginWith('google'))).toBe('BAD_REQUEST');
    expect(await codeOf(auth.completeRedirect())).toBe('BAD_REQUEST');
    expect(sent).toEqual([]);
  });
});
