import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { AuthClient, AuthClientError, AuthState } from '../../packages/client/src/client.ts';
import { connectionParams } from '../../packages/client/src/ws.ts';
import { gate } from '../support/gate.ts';
import {
  CREDENTIALS,
  codeOf,
  inTime,
  lost,
  refusal,
  scriptServer,
  standStill,
  unauthenticated,
} from './support/scripted-server.ts';

const DAY_MS = 86_400_000;

beforeEach(() => {
  standStill();
});

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

async function signedIn(options: Parameters<ReturnType<typeof scriptServer>['client']>[0] = {}) {
  const server = scriptServer();
  const auth = server.client(options);
  await auth.login(CREDENTIALS);
  return { server, auth };
}

function statesOf(auth: AuthClient): AuthState['status'][] {
  const seen: AuthState['status'][] = [];
  auth.subscribe(({ status }) => seen.push(status));
  return seen;
}

const ME = JSON.stringify({ query: '{ me { id } }' });
const postMe = (auth: AuthClient, body = ME) =>
  auth.fetch('https://auth.example.com/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });

describe('the session of a client', () => {
  it('a client in memory is signed out at first, and a login signs it in', async () => {
    const server = scriptServer();
    const auth = server.client();
    expect(auth.state).toEqual({ status: 'signedOut' });
    const seen = statesOf(auth);
    const answer = await auth.login(CREDENTIALS);
    expect(auth.state).toEqual({
      status: 'signedIn',
      user: { id: 'ada', email: CREDENTIALS.email, name: null },
      expiresAt: Date.UTC(2027, 0, 1, 0, 10),
    });
    expect(Object.keys(answer).sort()).toEqual(['scope', 'session', 'user']);
    expect(await auth.getAccessToken()).toBe('access-ada-1');
    expect(auth.state).toBe(auth.state);
    expect(seen).toEqual(['signedIn']);
    expect(server.sent.map(({ name, authorization }) => [name, authorization])).toEqual([['login', null]]);
  });

  it('a listener hears no more once it stopped, and one that throws keeps no other from hearing', async () => {
    jest.spyOn(console, 'error').mockImplementation(() => {});
    const auth = scriptServer().client();
    auth.subscribe(() => {
      throw new Error('of a listener');
    });
    const first: string[] = [];
    const stop = auth.subscribe(({ status }) => first.push(status));
    const second = statesOf(auth);
    await auth.login(CREDENTIALS);
    stop();
    await auth.logout();
    expect(first).toEqual(['signedIn']);
    expect(second).toEqual(['signedIn', 'signedOut']);
  });

  it('a listener that another one has stopped does not hear of that change', async () => {
    const auth = scriptServer().client();
    let stop = () => {};
    auth.subscribe(() => stop());
    const heard: string[] = [];
    stop = auth.subscribe(({ status }) => heard.push(status));
    await auth.login(CREDENTIALS);
    expect(heard).toEqual([]);
  });

  it('a login proves the device that logged in before', async () => {
    const { server, auth } = await signedIn();
    await auth.logout();
    await auth.login(CREDENTIALS);
    const [first, second] = server.sent.filter(({ name }) => name === 'login');
    expect(first?.input).toEqual({ ...CREDENTIALS, delivery: 'BODY' });
    expect(second?.input).toEqual({ ...CREDENTIALS, delivery: 'BODY', deviceToken: 'lkd_device' });
  });
});

describe('a refresh', () => {
  it('a hundred operations that are refused at once cause one refresh, and each is sent again once', async () => {
    const { server, auth } = await signedIn();
    server.expire();
    const users = await Promise.all(Array.from({ length: 100 }, () => auth.me()));
    expect(users.map(({ id }) => id)).toEqual(Array(100).fill('ada'));
    expect(server.count('refreshToken')).toBe(1);
    expect(server.count('me')).toBe(200);
  });

  it('an operation that was sent with an older token is sent again without a refresh', async () => {
    const { server, auth } = await signedIn();
    const { open, opened } = gate();
    server.expire();
    server.script('me', async () => {
      await opened;
      return unauthenticated;
    });
    const slow = auth.me();
    await auth.me();
    expect(server.count('refreshToken')).toBe(1);
    open();
    expect((await slow).id).toBe('ada');
    expect(server.count('refreshToken')).toBe(1);
  });

  it('an operation that is refused twice fails with the error of the server', async () => {
    const { server, auth } = await signedIn();
    server.script('me', unauthenticated, refusal('UNAUTHENTICATED', { reason: 'TOKEN_INVALID' }));
    await expect(auth.me()).rejects.toMatchObject({ code: 'UNAUTHENTICATED', reason: 'TOKEN_INVALID' });
    expect(server.count('me')).toBe(2);
    expect(auth.state.status).toBe('signedIn');
  });

  it('a mutation whose answer was lost is never sent again', async () => {
    const { server, auth } = await signedIn();
    server.script('updateMe', lost());
    expect(await codeOf(auth.updateMe({ name: 'Ada' }))).toBe('NETWORK_ERROR');
    expect(server.count('updateMe')).toBe(1);
    expect(server.count('refreshToken')).toBe(0);
  });

  it('a token is renewed ahead of its end, and nobody waits for that', async () => {
    const { server, auth } = await signedIn();
    jest.advanceTimersByTime(560_000);
    await auth.getAccessToken();
    expect(server.count('refreshToken')).toBe(0);
    jest.advanceTimersByTime(26_000);
    const tokens = await Promise.all(Array.from({ length: 100 }, () => auth.getAccessToken()));
    expect(new Set(tokens)).toEqual(new Set(['access-ada-1']));
    await jest.advanceTimersByTimeAsync(1);
    expect(await auth.getAccessToken()).toBe('access-ada-2');
    expect(server.count('refreshToken')).toBe(1);
  });

  it('past its end a token is renewed before anything is sent', async () => {
    const { server, auth } = await signedIn();
    jest.advanceTimersByTime(600_000);
    server.expire();
    await auth.me();
    expect(server.sent.map(({ name }) => name)).toEqual(['login', 'refreshToken', 'me']);
  });

  it('the life of a token is counted from when it was asked for', async () => {
    const server = scriptServer();
    const auth = server.client();
    const { open, opened } = gate();
    server.script('login', async () => {
      await opened;
      return undefined;
    });
    const login = auth.login(CREDENTIALS);
    await jest.advanceTimersByTimeAsync(20_000);
    open();
    await login;
    jest.advanceTimersByTime(579_000);
    expect(auth.accessToken).toBe('access-ada-1');
    jest.advanceTimersByTime(2_000);
    expect(auth.accessToken).toBeUndefined();
  });

  it('a wall clock that jumps ahead costs one refresh, and one that falls back costs nothing', async () => {
    const { server, auth } = await signedIn();
    const seen = statesOf(auth);
    jest.setSystemTime(Date.now() - DAY_MS);
    expect(await auth.getAccessToken()).toBe('access-ada-1');
    jest.setSystemTime(Date.now() + 3 * DAY_MS);
    for (let call = 0; call < 3; call += 1) expect(await auth.getAccessToken()).toBe('access-ada-2');
    jest.setSystemTime(Date.now() - DAY_MS);
    expect(await auth.getAccessToken()).toBe('access-ada-2');
    expect(server.count('refreshToken')).toBe(1);
    expect(seen).toEqual([]);
  });

  it('after the sleep of a machine whose clock stood still, a token that expired is renewed before it is used', async () => {
    const { server, auth } = await signedIn();
    jest.setSystemTime(Date.now() + 700_000);
    expect(await connectionParams(auth)()).toEqual({ authorization: 'Bearer access-ada-2' });
    jest.setSystemTime(Date.now() + 700_000);
    server.script('refreshToken', lost());
    // The server is away, and the token may be good.
    expect(await auth.getAccessToken()).toBe('access-ada-2');
    expect(await auth.getAccessToken()).toBe('access-ada-2');
    expect(server.count('refreshToken')).toBe(2);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(await auth.getAccessToken()).toBe('access-ada-3');
  });

  it('a machine whose clock stood still in its sleep learns from the server that the token expired', async () => {
    const { server, auth } = await signedIn();
    server.expire();
    expect((await auth.me()).id).toBe('ada');
    expect(server.count('refreshToken')).toBe(1);
    expect(auth.state.status).toBe('signedIn');
  });

  it.each<[string, () => object]>([
    ['no network', lost],
    ['the page of a proxy', () => new Response('<h1>Bad Gateway</h1>', { status: 502 })],
    ['no data', () => ({ data: null })],
    ['JSON that breaks off', () => new Response('{"data":{"refreshToken":{"acc')],
    ['half of the tokens', () => ({ data: { refreshToken: { accessToken: 'a.b.c' } } })],
    ['a redirect', () => new Response(null, { status: 307, headers: { location: 'https://evil.example' } })],
    ['UNAVAILABLE', () => refusal('UNAVAILABLE')],
    ['OVERLOADED', () => refusal('OVERLOADED', { retryAfter: 2 })],
  ])('after %s the same refresh token is sent again, and the user stays signed in', async (_, fault) => {
    const { server, auth } = await signedIn();
    const seen = statesOf(auth);
    server.expire();
    server.script('refreshToken', ...[1, 2, 3].map(() => fault as () => object));
    expect((await inTime(auth.me())).id).toBe('ada');
    const refreshes = server.sent.filter(({ name }) => name === 'refreshToken');
    expect(refreshes.map(({ input }) => input)).toEqual(Array(4).fill({ refreshToken: 'lkr_ada-1' }));
    expect(seen).toEqual([]);
  });

  it('all tries end within the retry window; then all calls fail, the session stays, and the next call tries again', async () => {
    const { server, auth } = await signedIn();
    const began = performance.now();
    const moments: number[] = [];
    const script = () => {
      moments.push(performance.now() - began);
      return lost();
    };
    server.expire();
    server.script('refreshToken', ...Array(6).fill(script));
    const calls = Array.from({ length: 20 }, () => codeOf(auth.me()));
    expect(await inTime(Promise.all(calls))).toEqual(Array(20).fill('NETWORK_ERROR'));
    expect(moments.length).toBe(6);
    expect(moments.at(-1)).toBeGreaterThan(15_000);
    expect(moments.at(-1)).toBeLessThan(25_000);
    expect(auth.state.status).toBe('signedIn');
    expect((await auth.me()).id).toBe('ada');
  });

  it('a server that never answers costs five seconds a try', async () => {
    const { server, auth } = await signedIn();
    server.expire();
    server.script('refreshToken', () => new Promise<never>(() => {}));
    expect((await inTime(auth.me(), 7_000)).id).toBe('ada');
    expect(server.count('refreshToken')).toBe(2);
  });

  it('an outage ahead of the end of a token is no concern of who asks for it, and costs a try every two seconds', async () => {
    const { server, auth } = await signedIn();
    jest.advanceTimersByTime(590_000);
    server.script('refreshToken', ...Array(3).fill(lost()));
    for (let call = 0; call < 30; call += 1) {
      expect(await auth.getAccessToken()).toBe('access-ada-1');
      await jest.advanceTimersByTimeAsync(100);
    }
    expect(server.count('refreshToken')).toBe(2);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(await inTime(auth.getAccessToken())).toBe('access-ada-2');
    expect(server.count('refreshToken')).toBe(4);
  });

  it('a caller that joins an early renewal has as many tries as any other', async () => {
    const { server, auth } = await signedIn();
    jest.advanceTimersByTime(590_000);
    server.script('refreshToken', ...Array(3).fill(lost()));
    await auth.getAccessToken();
    expect(await inTime(auth.refresh())).toBe('access-ada-2');
    expect(server.count('refreshToken')).toBe(4);
  });

  it.each(['FORBIDDEN', 'BAD_USER_INPUT'])(
    '%s is a fault of the set-up, so it is told at once',
    async (code) => {
      const { server, auth } = await signedIn();
      server.expire();
      server.script('refreshToken', refusal(code));
      expect(await codeOf(auth.me())).toBe(code);
      expect(auth.state.status).toBe('signedIn');
    },
  );

  it('INVALID_REFRESH_TOKEN signs out, and the operation fails with its own refusal', async () => {
    const { server, auth } = await signedIn();
    const seen = statesOf(auth);
    server.expire();
    server.script('refreshToken', refusal('INVALID_REFRESH_TOKEN'));
    expect(await codeOf(auth.me())).toBe('UNAUTHENTICATED');
    expect(auth.state).toEqual({ status: 'signedOut' });
    expect(seen).toEqual(['signedOut']);
    expect(await auth.getAccessToken()).toBeUndefined();
    expect(server.count('refreshToken')).toBe(1);
  });
});

describe('a sign-out', () => {
  it.each(['memory', 'cookie'] as const)(
    'with %s a login that follows a logout at once comes after it, and its session stays',
    async (tokens) => {
      const { server, auth } = await signedIn({ tokens });
      const leaving = auth.logout();
      server.be('grace');
      await auth.login(CREDENTIALS);
      expect(await leaving).toEqual({ revokedSessions: 1 });
      expect(server.sent.map(({ name }) => name)).toEqual(['login', 'logout', 'login']);
      expect(auth.state.user?.id).toBe('grace');
    },
  );

  it('a logout while a refresh is under way stays a logout', async () => {
    const { server, auth } = await signedIn();
    const { open, opened } = gate();
    server.script('refreshToken', async () => {
      await opened;
      return undefined;
    });
    const refreshing = auth.refresh();
    const leaving = auth.logout();
    expect(auth.state.status).toBe('signedOut');
    open();
    expect(await refreshing).toBeUndefined();
    expect(await leaving).toEqual({ revokedSessions: 1 });
    expect(auth.state.status).toBe('signedOut');
    expect(await auth.getAccessToken()).toBeUndefined();
  });

  it('a login while a refresh is under way wins, and ends its tries', async () => {
    const { server, auth } = await signedIn();
    const { open, opened } = gate();
    server.script('refreshToken', async () => {
      await opened;
      return lost();
    });
    const refreshing = codeOf(auth.refresh());
    server.be('grace');
    const login = auth.login(CREDENTIALS);
    open();
    await login;
    expect(await refreshing).toBe('NETWORK_ERROR');
    expect(auth.state.user?.id).toBe('grace');
    expect(server.count('refreshToken')).toBe(1);
  });

  it('a login that is answered after a logout opens no session, and the one of the server is ended', async () => {
    const server = scriptServer();
    const auth = server.client();
    const { open, opened } = gate();
    server.script('login', async () => {
      await opened;
      return undefined;
    });
    const login = codeOf(auth.login(CREDENTIALS));
    const leaving = auth.logout();
    open();
    expect(await login).toBe('SIGNED_OUT');
    await leaving;
    expect(auth.state.status).toBe('signedOut');
    expect(server.sent.at(-1)).toMatchObject({ name: 'logout', input: { refreshToken: 'lkr_ada-1' } });
  });

  it('a logout that cannot reach the server drops the tokens here and says so', async () => {
    const { server, auth } = await signedIn();
    server.script('logout', lost());
    expect(await codeOf(auth.logout())).toBe('NETWORK_ERROR');
    expect(auth.state.status).toBe('signedOut');
    expect(await auth.getAccessToken()).toBeUndefined();
  });

  it('a logout of all sessions needs an access token, gets one after the tokens here are gone, and tells when it cannot', async () => {
    const { server, auth } = await signedIn();
    await auth.logout({ scope: 'ALL' });
    expect(server.sent.at(-1)).toMatchObject({
      name: 'logout',
      authorization: 'Bearer access-ada-1',
      input: { scope: 'ALL', refreshToken: 'lkr_ada-1' },
    });
    for (const fault of [undefined, lost()]) {
      await auth.login(CREDENTIALS);
      jest.advanceTimersByTime(700_000);
      server.expire();
      server.script('logout', unauthenticated);
      server.script('refreshToken', fault);
      const leaving = codeOf(auth.logout({ scope: 'ALL' }));
      expect(auth.state.status).toBe('signedOut');
      expect(await leaving).toBe(fault ? 'NETWORK_ERROR' : 'OK');
    }
    const logouts = server.sent.filter(({ name, input }) => name === 'logout' && input.scope === 'ALL');
    expect(logouts.map(({ authorization, input }) => [authorization, input.refreshToken])).toEqual([
      ['Bearer access-ada-1', 'lkr_ada-1'],
      ['Bearer access-ada-2', 'lkr_ada-2'],
      ['Bearer access-ada-4', 'lkr_ada-3'],
      ['Bearer access-ada-5', 'lkr_ada-4'],
    ]);
    expect(auth.state.status).toBe('signedOut');
  });

  it('a logout of the other sessions keeps this one', async () => {
    const { server, auth } = await signedIn();
    expect(await auth.logout({ scope: 'OTHERS' })).toEqual({ revokedSessions: 1 });
    expect(auth.state.status).toBe('signedIn');
    expect(server.sent.at(-1)?.authorization).toBe('Bearer access-ada-1');
  });

  it('nothing is sent again in the name of another user', async () => {
    const { server, auth } = await signedIn();
    const { open, opened } = gate();
    server.script('updateMe', async () => {
      await opened;
      return unauthenticated;
    });
    const update = codeOf(auth.updateMe({ name: 'Ada' }));
    await jest.advanceTimersByTimeAsync(1);
    server.be('grace');
    await auth.login(CREDENTIALS);
    open();
    expect(await update).toBe('UNAUTHENTICATED');
    expect(server.count('updateMe')).toBe(1);
  });

  it.each<[string, (auth: AuthClient) => Promise<unknown>]>([
    ['the end of its own session', (auth) => auth.revokeSession({ id: 'session-ada' })],
    ['the end of its account', (auth) => auth.deleteMe({ password: CREDENTIALS.password })],
  ])('%s signs a client out', async (_, end) => {
    const { auth } = await signedIn();
    await end(auth);
    expect(auth.state.status).toBe('signedOut');
  });

  it('the slow end of an account leaves a user alone who signed in meanwhile', async () => {
    const { server, auth } = await signedIn();
    const { open, opened } = gate();
    server.script('deleteMe', async () => {
      await opened;
      return { data: { deleteMe: { id: 'ada' } } };
    });
    const ending = auth.deleteMe({ password: CREDENTIALS.password });
    await jest.advanceTimersByTimeAsync(1);
    server.be('grace');
    await auth.login(CREDENTIALS);
    open();
    await ending;
    expect(auth.state.user?.id).toBe('grace');
    expect((await auth.me()).id).toBe('grace');
  });

  it.each<[string, (auth: AuthClient) => Promise<unknown>]>([
    ['a password', (auth) => auth.reauthenticate({ password: CREDENTIALS.password })],
    ['a new password', (auth) => auth.changePassword({ currentPassword: 'a', newPassword: 'b' })],
    ['a proven address', (auth) => auth.verifyEmail({ token: 'x' })],
  ])('%s that waits for the login of another user is not sent in their name', async (_, open) => {
    const { server, auth } = await signedIn();
    server.be('grace');
    const login = auth.login(CREDENTIALS);
    const code = codeOf(open(auth));
    await login;
    expect(await code).toBe('SIGNED_OUT');
    expect(server.sent.map(({ name }) => name)).toEqual(['login', 'login']);
    expect(auth.state.user?.id).toBe('grace');
  });

  it('the end of another session signs nobody out', async () => {
    const { auth } = await signedIn();
    await auth.revokeSession({ id: 'another' });
    expect(auth.state.status).toBe('signedIn');
  });
});

describe('the addresses of a client', () => {
  it.each([
    'https://user:planted@auth.example.com/graphql',
    'https://planted@auth.example.com/graphql',
    '//user:planted@auth.example.com/graphql',
    'https://planted:x:y/',
  ])('%s is refused at once, and not repeated', (url) => {
    const { code, message, cause, stack } = failureOf({ url });
    expect(code).toBe('BAD_REQUEST');
    expect(`${message} ${stack} ${cause}`).not.toContain('planted');
  });

  it.each([
    'api.example.com',
    'api.example.com:8443',
    '',
    '/',
    '//api.example.com',
    'null',
    '*',
    'https://*.example.com/x',
    'https://api.example.com/graphql',
    'https://user:planted@api.example.com',
    'wss://api.example.com',
    'data:,x',
  ])('%j is no origin, also in a page', (origin) => {
    const page = Object.assign(globalThis, { document: { baseURI: 'https://app.example.com/' } });
    try {
      expect(failureOf({ origins: ['https://good.example.com', origin] }).code).toBe('BAD_REQUEST');
    } finally {
      Reflect.deleteProperty(page, 'document');
    }
  });

  it('an origin may end with a slash and name the port of its scheme', () => {
    const auth = scriptServer().client({
      origins: ['https://api.example.com:443/', 'http://localhost:3000'],
    });
    const urls = ['https://api.example.com/x', 'http://localhost:3000/', 'http://api.example.com/'];
    expect(urls.map(auth.trusts)).toEqual([true, true, false]);
  });

  it.each(['wss:', 'WSS:', 'Wss:'])('a socket of %s has the token', async (scheme) => {
    const { auth } = await signedIn();
    const params = connectionParams(auth, `${scheme}//auth.example.com/graphql`);
    expect(await params()).toEqual({ authorization: 'Bearer access-ada-1' });
  });

  function failureOf(options: Parameters<ReturnType<typeof scriptServer>['client']>[0]) {
    try {
      scriptServer().client(options);
    } catch (error) {
      return error as AuthClientError;
    }
    throw new Error('No failure');
  }
});

describe('what a client says of failures', () => {
  it('a failure of a client has the code and the details of the server, and none of the secrets', async () => {
    const { server, auth } = await signedIn();
    const password = 'hunter2-planted-secret';
    const echo = {
      message: password,
      extensions: { code: 'WEAK_PASSWORD', reason: 'TOO_SHORT', minLength: 15, field: password },
    };
    server.script('changePassword', { errors: [echo] });
    const failure = await auth
      .changePassword({ currentPassword: password, newPassword: password })
      .catch(Object);
    expect(failure).toMatchObject({
      name: 'AuthClientError',
      code: 'WEAK_PASSWORD',
      reason: 'TOO_SHORT',
      minLength: 15,
    });
    expect(failure.field).toBeUndefined();
    expect(`${failure.message} ${failure.stack} ${JSON.stringify(failure)}`).not.toContain('planted');
  });

  it('a token that no header can hold is a bad answer, and named nowhere', async () => {
    const server = scriptServer();
    server.script('login', () => ({
      data: {
        login: {
          accessToken: 'planted\nsecret',
          refreshToken: 'r',
          expiresIn: 1,
          user: { id: 'a' },
          session: { id: 's' },
        },
      },
    }));
    const failure = await server.client().login(CREDENTIALS).catch(Object);
    expect(failure.code).toBe('BAD_RESPONSE');
    expect(`${failure.stack} ${JSON.stringify(failure)}`).not.toContain('planted');
  });

  it.each(['600', true, [600], -1, 0, null])('a lifetime of %j is a bad answer', async (expiresIn) => {
    const server = scriptServer();
    server.liveFor(expiresIn as number);
    expect(await codeOf(server.client().login(CREDENTIALS))).toBe('BAD_RESPONSE');
  });

  it('too many tries are told with the seconds to wait, by GraphQL and by a proxy', async () => {
    const { server, auth } = await signedIn();
    server.script('login', refusal('TOO_MANY_REQUESTS', { retryAfter: 7 }));
    await expect(auth.login(CREDENTIALS)).rejects.toMatchObject({ code: 'TOO_MANY_REQUESTS', retryAfter: 7 });
    server.script('login', () => new Response('busy', { status: 503, headers: { 'retry-after': '9' } }));
    await expect(auth.login(CREDENTIALS)).rejects.toMatchObject({ code: 'BAD_RESPONSE', retryAfter: 9 });
  });

  it('a relative address outside of a page is told when it is used, and not before', async () => {
    const auth = scriptServer().client({ url: '/graphql' });
    expect(await codeOf(auth.login(CREDENTIALS))).toBe('BAD_REQUEST');
  });

  it('the answer of the fetch of a client comes as it is', async () => {
    const { auth } = await signedIn();
    const response = await postMe(auth);
    expect(await response.json()).toMatchObject({ data: { me: { id: 'ada' } } });
  });
});
