import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { eventsOf } from '../../support/events.ts';
import { type EvilProvider, providerOf, startEvilProvider, type Twist } from '../../support/evil-provider.ts';
import {
  begin,
  comeBack,
  complete,
  loginBy,
  PAGE,
  refusalOf,
  START_EXTERNAL,
  visit,
  writtenIn,
} from '../../support/external-logins.ts';
import { createFrozenClock, describeApp, type TestApp } from '../../support/start-app.ts';

/*
 * What a provider, or who stands between, can do wrong. Each is refused with a code, no account and no session comes of
 * it, and the browser is told in words.
 */

const ADA = { sub: 'ada-1', email: 'ada@example.com', email_verified: true };
const NOTHING = { users: 0, sessions: 0, external_logins: 0, mfa_challenges: 0, mails: 0 };
const clock = createFrozenClock();
const seconds = () => Math.floor(clock.now() / 1_000);
let evil: EvilProvider;
let other: EvilProvider;
beforeAll(async () => {
  evil = await startEvilProvider(clock.now);
  other = await startEvilProvider(clock.now);
});
afterAll(() => Promise.all([evil.close(), other.close()]));
afterEach(() => {
  evil.state.twist = {};
});

function options() {
  const provider = (name: string, { origin }: EvilProvider) =>
    providerOf(name, { issuer: origin, authoritativeFor: ['example.com'] });
  return {
    clock,
    // The other one is at a port of its own: the address decides which of the two is asked.
    fetchOfProviders: ((url, init) =>
      (url.startsWith(other.origin) ? other : evil).fetch(url, init)) as typeof evil.fetch,
    config: {
      providers: [provider('work', evil), provider('other', other)],
      redirectOrigins: ['https://app.example.com'],
    },
  };
}

const claims = (change: Record<string, unknown>): Twist => ({ claims: (usual) => ({ ...usual, ...change }) });
const redirecting = (_: unknown, response: ServerResponse) => {
  response.writeHead(302, { location: `${other.origin}/jwks` }).end();
};
const silent = () => {};
const endless = (_: unknown, response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  const timer = setInterval(() => response.write(' '.repeat(1_024)), 1);
  response.on('close', () => clearInterval(timer));
};

const ANSWERS: readonly (readonly [what: string, twist: () => Twist])[] = [
  ['another iss', () => claims({ iss: 'https://evil.example' })],
  ['an iss with a slash more', () => claims({ iss: `${evil.origin}/` })],
  ['no iss', () => claims({ iss: undefined })],
  ['another aud', () => claims({ aud: 'another-client' })],
  ['an aud of several clients, without azp', () => claims({ aud: ['latchkey', 'another-client'] })],
  ['an azp that is another client', () => claims({ azp: 'another-client' })],
  ['an azp of another client among several', () => claims({ aud: ['latchkey', 'x'], azp: 'x' })],
  ['another nonce', () => claims({ nonce: 'x'.repeat(43) })],
  ['no nonce', () => claims({ nonce: undefined })],
  ['an ID token that has expired', () => claims({ exp: seconds() - 120 })],
  ['no exp', () => claims({ exp: undefined })],
  ['an exp that is a text', () => claims({ exp: String(seconds() + 60) })],
  ['an exp in a hundred years', () => claims({ exp: seconds() + 3_000_000_000 })],
  ['an iat of yesterday', () => claims({ iat: seconds() - 86_400 })],
  ['an iat in an hour', () => claims({ iat: seconds() + 3_600 })],
  ['no iat', () => claims({ iat: undefined })],
  ['an nbf in an hour', () => claims({ nbf: seconds() + 3_600 })],
  ['no subject', () => claims({ sub: undefined })],
  ['a subject that is a number', () => claims({ sub: 12_345 })],
  ['an empty subject', () => claims({ sub: '' })],
  ['a subject of 256 characters', () => claims({ sub: 'a'.repeat(256) })],
  ['a subject of 10 kB', () => claims({ sub: 'a'.repeat(10_000) })],
  ['a subject with U+0000', () => claims({ sub: 'a\0b' })],
  ['a subject that is an object', () => claims({ sub: { a: 1 } })],
  ['alg none', () => ({ signer: 'none' })],
  [
    'alg none, which its document lists',
    () => ({ signer: 'none', document: { id_token_signing_alg_values_supported: ['none', 'RS256'] } }),
  ],
  ['HS256 by its public key', () => ({ signer: 'HS256 by the public key' })],
  [
    'HS256 by its public key, which its document lists',
    () => ({
      signer: 'HS256 by the public key',
      document: { id_token_signing_alg_values_supported: ['HS256', 'RS256'] },
    }),
  ],
  [
    'HS256 by the client secret, which its document lists',
    () => ({
      signer: 'HS256 by the secret',
      document: { id_token_signing_alg_values_supported: ['HS256', 'RS256'] },
    }),
  ],
  ['the signature of another key', () => ({ signer: 'another key' })],
  ['the signature of another key with the kid of its own', () => ({ signer: 'the kid of another key' })],
  ['a garbled signature', () => ({ signer: 'garbled' })],
  ['no ID token', () => ({ token: ({ id_token: _, ...rest }) => rest })],
  ['an access token that is a number', () => ({ token: (usual) => ({ ...usual, access_token: 1 }) })],
  ['a token answer that is a list', () => ({ token: (usual) => [usual] })],
  ['a token answer with a refusal', () => ({ at: { '/token': refusing } })],
  ['a token endpoint that redirects', () => ({ at: { '/token': redirecting } })],
  ['a token endpoint that is silent', () => ({ isSlow: true, at: { '/token': silent } })],
  ['a token endpoint without an end', () => ({ at: { '/token': endless } })],
  ['a key set that redirects', () => ({ at: { '/jwks': redirecting } })],
  ['a key set that is silent', () => ({ isSlow: true, at: { '/jwks': silent } })],
  ['a key set without an end', () => ({ at: { '/jwks': endless } })],
  ['a key set that is no JSON', () => ({ at: { '/jwks': (_, response) => void response.end('<html>') } })],
  [
    'the subject of somebody else at the user endpoint',
    () => ({
      claims: ({ email: _, email_verified: __, ...rest }) => rest,
      userinfo: { sub: 'eve', email: 'ada@example.com', email_verified: true },
    }),
  ],
];

function refusing(_: unknown, response: ServerResponse): void {
  response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_client"}');
}

const DOCUMENTS: readonly (readonly [what: string, twist: () => Twist])[] = [
  ['names another issuer', () => ({ document: { issuer: 'https://evil.example' } })],
  ['names no issuer', () => ({ document: { issuer: undefined } })],
  ['has no token endpoint', () => ({ document: { token_endpoint: undefined } })],
  ['has no key set', () => ({ document: { jwks_uri: undefined } })],
  [
    'leads the browser to a script',
    () => ({ document: { authorization_endpoint: 'javascript:alert(1)//' } }),
  ],
  [
    'knows no signature by a public key',
    () => ({ document: { id_token_signing_alg_values_supported: ['HS256'] } }),
  ],
  [
    'has a text for the list of signatures',
    () => ({ document: { id_token_signing_alg_values_supported: 'RS256' } }),
  ],
  [
    'has a number for the list of ways to send a secret',
    () => ({ document: { token_endpoint_auth_methods_supported: 5 } }),
  ],
  [
    'takes no client secret',
    () => ({ document: { token_endpoint_auth_methods_supported: ['private_key_jwt', null] } }),
  ],
  ['redirects', () => ({ at: { '/.well-known/openid-configuration': redirecting } })],
  ['is silent', () => ({ isSlow: true, at: { '/.well-known/openid-configuration': silent } })],
  ['has no end', () => ({ at: { '/.well-known/openid-configuration': endless } })],
  [
    'is no JSON',
    () => ({ at: { '/.well-known/openid-configuration': (_, response) => void response.end('<') } }),
  ],
];

describeApp('an evil provider', (start) => {
  let app: TestApp;

  it('answers as it should without a twist (control)', async () => {
    app = await start(options());
    expect((await loginBy(app, evil, ADA)).code).toBe('OK');
    expect(await writtenIn(app)).toMatchObject({ users: 1, sessions: 1, external_logins: 1 });
  });

  it.each(ANSWERS)('an answer with %s opens nothing (EXT-3)', async (_what, twist) => {
    app = await start(options());
    evil.state.twist = twist();
    const begun = await begin(app);
    const back = await visit(app, evil, begun, ADA);
    expect(back).toMatchObject({
      status: 303,
      code: undefined,
      reason: 'PROVIDER',
      words: expect.stringMatching(/^The provider did not answer as it should\./),
    });
    expect(back.location?.split('#')[0]).toBe(PAGE);
    expect(await writtenIn(app)).toEqual(NOTHING);
    expect(await app.database.all('SELECT id FROM external_starts')).toEqual([]);
    const [event] = await eventsOf(app, 'authn_login_fail');
    expect(JSON.parse(event?.details ?? '')).toEqual({ reason: 'external_provider', provider: 'work' });
  });

  it.each(DOCUMENTS)('a discovery document that %s begins nothing', async (_what, twist) => {
    app = await start(options());
    evil.state.twist = twist();
    const answer = await app.send(START_EXTERNAL, { input: { provider: 'work', redirectTo: PAGE } });
    expect(refusalOf(answer)).toBe('EXTERNAL_LOGIN_FAILED PROVIDER');
    expect(await app.database.all('SELECT id FROM external_starts')).toEqual([]);
    // The other provider goes on, and this one does once it is well again and a moment has passed.
    expect((await loginBy(app, other, ADA, { provider: 'other' })).code).toBe('OK');
    evil.state.twist = {};
    clock.travel(5_000);
    await begin(app);
  });

  it('a provider that is away is asked once in five seconds, and the document of before goes on', async () => {
    app = await start(options());
    const documents = () => evil.state.requests.filter(({ path }) => path.includes('well-known')).length;
    const before = documents();
    evil.state.twist = { isSlow: true, at: { '/.well-known/openid-configuration': silent } };
    const starts = Array.from({ length: 5 }, () =>
      app.send(START_EXTERNAL, { input: { provider: 'work', redirectTo: PAGE } }),
    );
    for (const answer of await Promise.all(starts))
      expect(refusalOf(answer)).toBe('EXTERNAL_LOGIN_FAILED PROVIDER');
    expect(refusalOf(await app.send(START_EXTERNAL, { input: { provider: 'work', redirectTo: PAGE } }))).toBe(
      'EXTERNAL_LOGIN_FAILED PROVIDER',
    );
    expect(documents() - before).toBe(1);
    evil.state.twist = {};
    clock.travel(5_000);
    await begin(app);
    evil.state.twist = { isSlow: true, at: { '/.well-known/openid-configuration': silent } };
    clock.travel(3_600_000);
    await begin(app);
  });

  it('an ID token is compared with the clock of now, also where the document is of before a jump of it', async () => {
    app = await start(options());
    await begin(app);
    clock.travel(50 * 60_000);
    evil.state.twist = { claims: (usual) => ({ ...usual, nbf: usual.iat }) };
    expect((await loginBy(app, evil, ADA)).code).toBe('OK');
    clock.travel(-100 * 60_000);
    expect((await loginBy(app, evil, ADA)).code).toBe('OK');
    clock.travel(50 * 60_000);
  });

  it.each([
    ['a denied consent', 'access_denied', 'DENIED', /^You did not let the provider sign you in here\./],
    ['an error', 'server_error', 'PROVIDER', /^The provider did not answer/],
    ['an error with a script in it', '<script>alert(1)</script>', 'PROVIDER', /^The provider did not answer/],
  ])('an answer with %s goes back to the page in words', async (_what, error, reason, words) => {
    app = await start(options());
    const { authorizationUrl } = await begin(app);
    const state = new URL(authorizationUrl).searchParams.get('state') ?? '';
    const back = await comeBack(app, 'work', {
      error,
      error_description: 'planted',
      state,
      iss: evil.origin,
    });
    expect(back).toMatchObject({ status: 303, code: undefined, reason, words: expect.stringMatching(words) });
    expect(back.location).not.toMatch(/planted|<|%3C/);
    expect(await writtenIn(app)).toEqual(NOTHING);
  });

  it.each([
    ['another issuer', 'http://127.0.0.1:1'],
    ['none, though it promised one', undefined],
  ])('an answer whose iss is %s is a mix-up, and opens nothing (EXT-2)', async (_what, iss) => {
    app = await start(options());
    const begun = await begin(app);
    const { iss: _, ...answer } = evil.authorize(begun.authorizationUrl, ADA);
    const before = evil.state.requests.length;
    const back = await comeBack(app, 'work', { ...answer, ...(iss && { iss }) });
    expect(back).toMatchObject({ code: undefined, reason: 'PROVIDER' });
    // The code did not leave.
    expect(evil.state.requests.slice(before)).toEqual([]);
  });

  it('the code of another provider is refused at the callback of this one, and this one at that one', async () => {
    app = await start(options());
    const [one, two] = [await begin(app, 'work'), await begin(app, 'other')];
    const foreign = other.authorize(two.authorizationUrl, ADA);
    const before = other.state.requests.length;
    // The state of one provider at the callback of the other.
    const crossed = await comeBack(app, 'work', foreign);
    expect(crossed).toMatchObject({ status: 400, location: undefined });
    expect(crossed.body).toContain('This sign-in took too long, or was used before.');
    // A code of the other provider with the state of this one.
    const stateOfOne = new URL(one.authorizationUrl).searchParams.get('state') ?? '';
    const mixed = await comeBack(app, 'work', { ...foreign, state: stateOfOne, iss: evil.origin });
    expect(mixed).toMatchObject({ code: undefined, reason: 'PROVIDER' });
    expect(other.state.requests.length).toBe(before);
    expect(await writtenIn(app)).toEqual(NOTHING);
  });

  it.each(['GET', 'POST'] as const)(
    'a state works once and an unknown one not at all, by %s (EXT-2)',
    async (how) => {
      app = await start(options());
      const begun = await begin(app);
      const answer = evil.authorize(begun.authorizationUrl, ADA);
      expect((await comeBack(app, 'work', answer, how)).code).toMatch(/^lke_/);
      const replayed = evil.authorize(begun.authorizationUrl, ADA);
      for (const state of [replayed.state, 'x', '', 'A'.repeat(48), `${replayed.state}x`]) {
        const back = await comeBack(app, 'work', { ...replayed, state: state ?? '' }, how);
        expect(back).toMatchObject({ status: 400, location: undefined });
        expect(back.body).toContain('<h1>The sign-in did not work</h1>');
      }
      const without = await comeBack(app, 'nowhere', answer, how);
      expect(without.status).toBe(400);
      expect(await writtenIn(app)).toEqual(NOTHING);
    },
  );

  it.each([
    ['no form', 'application/json', '{}', 415],
    ['a form that is too large', 'application/x-www-form-urlencoded', `a=${'x'.repeat(100_000)}`, 413],
  ])('a callback with %s is refused in words', async (_what, type, payload, status) => {
    app = await start(options());
    const url = '/external/callback/work';
    const answer = await app.server.inject({
      method: 'POST',
      url,
      headers: { 'content-type': type },
      payload,
    });
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([status, 'text/html; charset=utf-8']);
    expect(answer.body).toContain('What the provider sent cannot be read.');
  });

  it('parameters that come twice, or are no UTF-8, are refused in words', async () => {
    app = await start(options());
    const begun = await begin(app);
    const answer = String(new URLSearchParams(evil.authorize(begun.authorizationUrl, ADA)));
    for (const url of [`${answer}&code=other`, `${answer}&x=%ff`]) {
      const back = await app.server.inject(`/external/callback/work?${url}`);
      expect(back.statusCode).toBe(400);
      expect(back.body).toContain('What the provider sent cannot be read.');
    }
    expect((await comeBack(app, 'work', answer)).code).toMatch(/^lke_/);
  });

  it('a state works for ten minutes', async () => {
    app = await start(options());
    const [late, inTime] = [await begin(app), await begin(app)];
    clock.travel(10 * 60_000 - 1);
    expect((await visit(app, evil, inTime, ADA)).code).toMatch(/^lke_/);
    clock.travel(1);
    expect((await visit(app, evil, late, ADA)).status).toBe(400);
  });

  it('a code of a browser that was swapped is of no use to the other one (EXT-2)', async () => {
    app = await start(options());
    const [eve, ada] = [await begin(app), await begin(app)];
    const { code } = await visit(app, evil, eve, { ...ADA, sub: 'eve' });
    for (const verifier of [ada.verifier, '', null, `${eve.verifier}x`])
      expect(refusalOf(await complete(app, code, verifier))).toBe('EXTERNAL_LOGIN_FAILED EXPIRED');
    expect(await writtenIn(app)).toEqual(NOTHING);
    expect((await complete(app, code, eve.verifier)).code).toBe('OK');
  });

  it('a code works once, for two minutes, and no made-up one does', async () => {
    app = await start(options());
    const [first, second] = [await begin(app), await begin(app)];
    const { code } = await visit(app, evil, first, ADA);
    const { code: later } = await visit(app, evil, second, ADA);
    expect((await complete(app, code, first.verifier)).code).toBe('OK');
    expect(refusalOf(await complete(app, code, first.verifier))).toBe('EXTERNAL_LOGIN_FAILED EXPIRED');
    clock.travel(2 * 60_000);
    expect(refusalOf(await complete(app, later, second.verifier))).toBe('EXTERNAL_LOGIN_FAILED EXPIRED');
    for (const made of ['', 'lke_', `lke_${'A'.repeat(43)}`, 'x'.repeat(5_000)])
      expect(refusalOf(await complete(app, made, first.verifier))).toBe('EXTERNAL_LOGIN_FAILED EXPIRED');
  });

  it('no token, code or secret of a provider is in a log, a row or an event (EXT-5)', async () => {
    app = await start(options());
    await loginBy(app, evil, ADA);
    evil.state.twist = {
      token: (usual) => ({ error: usual.access_token, error_description: usual.id_token }),
    };
    await loginBy(app, evil, ADA);
    evil.state.twist = { signer: 'garbled' };
    await loginBy(app, evil, ADA);
    const rows: unknown[] = [];
    for (const table of ['users', 'sessions', 'external_logins', 'external_starts', 'audit_events', 'mails'])
      rows.push(...(await app.database.all(`SELECT * FROM ${table}`)));
    const written = `${JSON.stringify(rows)}${app.lines.join('')}`;
    expect(written).toContain('external_provider');
    expect(evil.state.secrets.length).toBeGreaterThan(6);
    for (const secret of evil.state.secrets) expect(written).not.toContain(secret);
  });

  it('a provider that is silent is waited for by a hundred logins and no more (DOS-4)', async () => {
    const { config, ...rest } = options();
    app = await start({ ...rest, config: { ...config, throttles: false } });
    await begin(app);
    evil.state.twist = { isSlow: true, at: { '/token': silent } };
    const starts = await Promise.all(Array.from({ length: 110 }, () => begin(app)));
    const exchanges = () => evil.state.requests.filter(({ path }) => path === '/token').length;
    const before = exchanges();
    const visits = starts.map((begun) => visit(app, evil, begun, ADA));
    const elsewhere = loginBy(app, other, { ...ADA, sub: 'bob-1' }, { provider: 'other' });
    const backs = await Promise.all(visits);
    expect(new Set(backs.map(({ reason }) => reason))).toEqual(new Set(['PROVIDER']));
    const refused = app.lines.filter((line) => line.includes('too many logins wait'));
    expect([exchanges() - before <= 100, refused.length >= 1]).toEqual([true, true]);
    // Who logs in at another provider meanwhile waits for nobody.
    expect((await elsewhere).code).toBe('OK');
    evil.state.twist = {};
    expect((await loginBy(app, evil, ADA)).code).toBe('OK');
  });

  it('bad states of one network are limited, and good ones are not', async () => {
    app = await start(options());
    const begun = await begin(app);
    for (let i = 0; i < 30; i += 1) expect((await comeBack(app, 'work', { state: 'x' })).status).toBe(400);
    const limited = await comeBack(app, 'work', { state: 'x' });
    expect(limited.status).toBe(429);
    expect(limited.body).toContain('There were too many tries from your network.');
    expect((await visit(app, evil, begun, ADA)).code).toMatch(/^lke_/);
  });
});
