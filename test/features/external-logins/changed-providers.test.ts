import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import type { Provider } from '../../../src/core/external-logins/providers-file.ts';
import { login } from '../../support/documents.ts';
import { type EvilProvider, providerOf, startEvilProvider } from '../../support/evil-provider.ts';
import {
  authOf,
  begin,
  beginLink,
  COMPLETE_LINK,
  complete,
  linkTo,
  loginBy,
  REQUEST_EXTERNAL_REGISTRATION,
  refusalOf,
  registerVerified,
  registrationOf,
  visit,
  writtenIn,
} from '../../support/external-logins.ts';
import { createFrozenClock, describeApp, type TestApp } from '../../support/start-app.ts';

/* The operator changes the file of providers, and starts the server again, while logins and accounts are there. */

const ADA = { sub: 'ada-1', email: 'ada@example.com', email_verified: true };
const REMOVE_PASSWORD = 'mutation ($input: RemovePasswordInput!) { removePassword(input: $input) { id } }';
const EXPIRED = 'EXTERNAL_LOGIN_FAILED EXPIRED';
const clock = createFrozenClock();
let evil: EvilProvider;
let other: EvilProvider;
beforeAll(async () => {
  evil = await startEvilProvider(clock.now);
  other = await startEvilProvider(clock.now);
});
afterEach(() => {
  evil.state.issuer = undefined;
});
afterAll(() => Promise.all([evil.close(), other.close()]));

const provider = (name: string, { origin }: EvilProvider) =>
  providerOf(name, { issuer: origin, authoritativeFor: ['example.com'] });

function options(...providers: Provider[]) {
  const fetchOfProviders: EvilProvider['fetch'] = (url, init) =>
    (url.startsWith(other.origin) ? other : evil).fetch(url, init);
  const config = { providers, redirectOrigins: ['https://app.example.com'], throttles: false };
  return { clock, fetchOfProviders, config };
}

describeApp('a provider that is changed in the file', (start) => {
  const before = () => start(options(provider('work', evil)));
  const after = (app: TestApp, ...providers: Provider[]) =>
    start({ ...options(...providers), database: app.database });

  it.each<[what: string, providers: () => Provider[]]>([
    ['is removed', () => [provider('other', other)]],
    ['has another issuer', () => [provider('work', other)]],
  ])(
    'a provider that %s ends the logins, links and registrations that it began',
    async (_what, providers) => {
      const first = await before();
      const { accessToken: token } = await registerVerified(first, 'owner@elsewhere.example');
      const [begun, registering, away] = [await begin(first), await begin(first), await begin(first)];
      const linking = await beginLink(first, token);
      const { code } = await visit(first, evil, begun, ADA);
      const { code: codeOfLink } = await visit(first, evil, linking, { sub: 'owner-1' });
      const { code: codeOfNew } = await visit(first, evil, registering, { sub: 'bob-1' });
      const registrationToken = registrationOf(await complete(first, codeOfNew, registering.verifier));

      const app = await after(first, ...providers());
      expect(refusalOf(await complete(app, code, begun.verifier))).toBe(EXPIRED);
      const link = { code: codeOfLink, verifier: linking.verifier };
      expect(refusalOf(await app.send(COMPLETE_LINK, { input: link }, { token }))).toBe(EXPIRED);
      const request = { registrationToken, email: 'bob@example.com' };
      expect(refusalOf(await app.send(REQUEST_EXTERNAL_REGISTRATION, { input: request }))).toBe(EXPIRED);
      // The browser that comes back is led to where it began.
      expect(await visit(app, evil, away, ADA)).toMatchObject({ status: 303, reason: 'PROVIDER' });
      expect(await writtenIn(app)).toMatchObject({ users: 1, sessions: 1, external_logins: 0 });
      expect((await complete(first, code, begun.verifier)).code).toBe('OK');
    },
  );

  it('an external login of an issuer that is in the file no more is no way in, whatever has its name', async () => {
    const first = await before();
    const { accessToken: token } = await registerVerified(first);
    await linkTo(first, evil, token, ADA);
    const app = await after(first, provider('work', other));
    const { accessToken } = await login(app);
    const answer = await app.send(REMOVE_PASSWORD, { input: {} }, { token: accessToken });
    expect(answer.code).toBe('LAST_CREDENTIAL');
  });

  it('a provider that spells its issuer in another way is the same, and so are its people (EXT-1)', async () => {
    const app = await before();
    const { user } = authOf(await loginBy(app, evil, ADA));
    evil.state.issuer = `${evil.origin}/`;
    clock.travel(3_600_000);
    expect(authOf(await loginBy(app, evil, { ...ADA, email: 'new@elsewhere.example' })).user.id).toBe(
      user.id,
    );
    evil.state.issuer = undefined;
    clock.travel(3_600_000);
    expect(authOf(await loginBy(app, evil, { ...ADA, email: 'new@elsewhere.example' })).user.id).toBe(
      user.id,
    );
    expect(await writtenIn(app)).toMatchObject({ users: 1, external_logins: 1 });
  });

  it('an external login is a way in under another name of its provider', async () => {
    const first = await before();
    const { accessToken: token } = await registerVerified(first);
    await linkTo(first, evil, token, ADA);
    const app = await after(first, provider('staff', evil));
    const { accessToken } = await login(app);
    expect((await app.send(REMOVE_PASSWORD, { input: {} }, { token: accessToken })).code).toBe('OK');
    expect((await loginBy(app, evil, ADA, { provider: 'staff' })).code).toBe('OK');
  });
});
