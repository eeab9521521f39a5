import { afterEach, expect, it, jest } from '@jest/globals';
import { createVerifier } from '../../packages/verify/src/verifier.ts';
import { LOGOUT, refresh, register } from '../support/documents.ts';
import { describeApp, START, type TestApp } from '../support/start-app.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

/** An API beside the server, which reaches the keys by an injected `fetch` and follows the server's clock. */
function startApi(app: TestApp) {
  let requests = 0;
  jest.spyOn(Date, 'now').mockImplementation(app.clock.now);
  jest.spyOn(performance, 'now').mockImplementation(() => app.clock.now() - START);
  const verifier = createVerifier({
    issuer: app.config.issuer,
    async fetch(url) {
      requests += 1;
      const { statusCode, payload } = await app.server.inject(new URL(String(url)).pathname);
      return new Response(payload, { status: statusCode });
    },
  });
  return {
    requests: () => requests,
    verify: (token: string) => verifier.verify({ headers: { authorization: `Bearer ${token}` } }),
  };
}

describeApp('an API that is protected by the verifier', (start) => {
  it('a token of the server says who its user is', async () => {
    const app = await start();
    const { verify, requests } = startApi(app);
    const { accessToken, session, user } = await register(app);
    const { viewer } = await verify(accessToken);
    expect(viewer).toMatchObject({
      kind: 'user',
      userId: user.id,
      sessionId: session.id,
      clientId: 'first-party',
      scope: [],
      roles: [],
      amr: ['pwd'],
      acr: 'aal1',
      authenticatedAt: START / 1_000,
      expiresAt: START / 1_000 + 600,
    });
    expect(requests()).toBe(1);
    app.clock.travel(610_000);
    expect((await verify(accessToken)).reason).toBe('TOKEN_EXPIRED');
  });

  it('other services trust a signature until the token expires, also after a logout', async () => {
    const app = await start();
    const { verify } = startApi(app);
    const { accessToken, user } = await register(app);
    await app.send(LOGOUT, {}, { token: accessToken });
    expect((await verify(accessToken)).viewer?.userId).toBe(user.id);
  });

  it('a rotation of the signing keys refuses no token', async () => {
    const app = await start();
    const { verify } = startApi(app);
    let auth = await register(app);
    await app.tokens.rotateKeys();
    for (let minute = 0; minute < 15; minute += 1) {
      expect((await verify(auth.accessToken)).viewer?.userId).toBe(auth.user.id);
      app.clock.travel(60_000);
      auth = { ...auth, ...(await refresh(app, auth.refreshToken)).data.refreshToken };
    }
  });

  it('an emergency rotation refuses no new token, and ends the old ones with the next load of the set', async () => {
    const app = await start();
    const { verify } = startApi(app);
    const before = await register(app);
    expect((await verify(before.accessToken)).reason).toBeUndefined();
    app.clock.travel(40_000);
    await app.tokens.rotateKeys({ emergency: true });
    const { data } = await refresh(app, before.refreshToken);
    expect((await verify(data.refreshToken.accessToken)).reason).toBeUndefined();
    expect((await verify(before.accessToken)).reason).toBe('TOKEN_INVALID');
  });
});
