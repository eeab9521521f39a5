import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import {
  COMPLETE_MFA,
  complete as completeMfa,
  enrol,
  loginWithBoth,
  mfaTokenOf,
  REMOVE_FACTOR,
} from '../../support/authenticator.ts';
import { LOGIN, login, ME } from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { type EvilProvider, providerOf, startEvilProvider } from '../../support/evil-provider.ts';
import {
  authOf,
  begin,
  beginLink,
  COMPLETE_LINK,
  complete,
  EXTERNAL_LOGINS,
  LINK_EXTERNAL,
  linkTo,
  loginBy,
  PAGE,
  refusalOf,
  registerVerified,
  UNLINK_EXTERNAL,
  visit,
} from '../../support/external-logins.ts';
import { subjectsTo } from '../../support/letters.ts';
import { loginWithPasskey, registerPasskey, startChallenge } from '../../support/passkeys.ts';
import { createFrozenClock, describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';

const ADA = { sub: 'ada-1', email: 'ada@example.com', email_verified: true };
const REMOVE_PASSWORD = 'mutation ($input: RemovePasswordInput) { removePassword(input: $input) { id } }';
const clock = createFrozenClock();
let evil: EvilProvider;
beforeAll(async () => {
  evil = await startEvilProvider(clock.now);
});
afterAll(() => evil.close());
afterEach(() => {
  evil.state.twist = {};
});

function options(more: object = {}) {
  const work = providerOf('work', {
    displayName: 'Work',
    issuer: evil.origin,
    authoritativeFor: ['example.com'],
  });
  return {
    clock,
    fetchOfProviders: evil.fetch,
    config: { providers: [work], redirectOrigins: ['https://app.example.com'], ...more },
  };
}

const listOf = async (app: TestApp, token: string) =>
  (await app.send(EXTERNAL_LOGINS, {}, { token })).data.me.externalLogins;
const unlink = (app: TestApp, token: string, id: string) =>
  app.send(UNLINK_EXTERNAL, { input: { id } }, { token });

describeApp('linking an external login', (start) => {
  it('an owner links an account at a provider, whatever its address, and logs in with it', async () => {
    const app = await start(options());
    const ada = await registerVerified(app);
    const token = ada.accessToken;
    expect(await listOf(app, token)).toEqual([]);
    const answer = await linkTo(app, evil, token, { sub: 'ada-1', email: 'private@elsewhere.example' });
    const [linked] = answer.data.completeExternalLink.externalLogins;
    expect(linked).toMatchObject({
      ...{ provider: 'work', displayName: 'Work', email: 'private@elsewhere.example', lastUsedAt: null },
      linkedAt: new Date(clock.now()).toISOString(),
    });
    expect(await subjectsTo(app)).toContain('A way to log in was added');
    const [event] = (await eventsOf(app, 'user_updated')).slice(-1);
    expect(event).toMatchObject({ userId: ada.user.id, sessionId: ada.session.id });
    expect(JSON.parse(event?.details ?? '')).toEqual({
      ...{ fields: ['externalLogins'], reason: 'linked', provider: 'work' },
    });
    clock.travel(1_000);
    const auth = authOf(await loginBy(app, evil, { sub: 'ada-1', email: 'new@elsewhere.example' }));
    expect(auth.user.id).toBe(ada.user.id);
    expect(await listOf(app, token)).toEqual([
      { ...linked, email: 'new@elsewhere.example', lastUsedAt: new Date(clock.now()).toISOString() },
    ]);
  });

  it('a fresh session with the factor of its account links and unlinks', async () => {
    const app = await start(options());
    const enrolled = await enrol(app, (await registerVerified(app)).accessToken);
    const { accessToken: token } = await loginWithBoth(app, enrolled);
    await linkTo(app, evil, token, ADA);
    const [{ id }] = await listOf(app, token);
    expect((await unlink(app, token, id)).code).toBe('OK');
  });

  it('a session that is not fresh may neither link nor unlink', async () => {
    const app = await start(options({ accessTokenTtlSeconds: 3_600 }));
    const { accessToken: token } = await registerVerified(app);
    await linkTo(app, evil, token, ADA);
    const [{ id }] = await listOf(app, token);
    clock.travel(10 * 60_000 + 1);
    const input = { provider: 'work', redirectTo: PAGE };
    expect((await app.send(LINK_EXTERNAL, { input }, { token })).code).toBe('REAUTHENTICATION_REQUIRED');
    expect((await unlink(app, token, id)).code).toBe('REAUTHENTICATION_REQUIRED');
  });

  it('a session without the factor of its account may neither link nor unlink', async () => {
    const app = await start(options());
    const { accessToken: token } = await registerVerified(app);
    await linkTo(app, evil, token, ADA);
    const [{ id }] = await listOf(app, token);
    const second = (await login(app)).accessToken;
    await enrol(app, token);
    const input = { provider: 'work', redirectTo: PAGE };
    expect((await app.send(LINK_EXTERNAL, { input }, { token: second })).code).toBe(
      'REAUTHENTICATION_REQUIRED',
    );
    expect((await unlink(app, second, id)).code).toBe('REAUTHENTICATION_REQUIRED');
  });

  it('a link that is there already changes nothing, and one to another account is refused', async () => {
    const app = await start(options());
    const ada = await registerVerified(app);
    const grace = await registerVerified(app, 'grace@example.com');
    await linkTo(app, evil, ada.accessToken, ADA);
    const again = await linkTo(app, evil, ada.accessToken, ADA);
    expect(again.data.completeExternalLink.externalLogins).toHaveLength(1);
    const foreign = await linkTo(app, evil, grace.accessToken, ADA);
    expect(refusalOf(foreign)).toBe('EXTERNAL_LOGIN_FAILED LINKED_ELSEWHERE');
    expect(authOf(await loginBy(app, evil, ADA)).user.id).toBe(ada.user.id);
  });

  it('an account has at most ten external logins', async () => {
    const app = await start(options({ throttles: false }));
    const { accessToken: token } = await registerVerified(app);
    for (let i = 0; i < 10; i += 1) await linkTo(app, evil, token, { sub: `ada-${i}` });
    expect((await linkTo(app, evil, token, { sub: 'ada-11' })).code).toBe('FACTOR_LIMIT');
    expect(await listOf(app, token)).toHaveLength(10);
  });

  it('a code of a link works once, and its start is the session’s that began', async () => {
    const app = await start(options());
    const { accessToken: token } = await registerVerified(app);
    const begun = await beginLink(app, token);
    const { code } = await visit(app, evil, begun, ADA);
    const input = { code, verifier: begun.verifier };
    expect((await app.send(COMPLETE_LINK, { input }, { token })).code).toBe('OK');
    expect(refusalOf(await app.send(COMPLETE_LINK, { input }, { token }))).toBe(
      'EXTERNAL_LOGIN_FAILED EXPIRED',
    );
  });

  it('a narrowed session sees and changes no external login', async () => {
    const app = await start(options());
    await registerVerified(app);
    const { data } = await app.send(LOGIN, { input: { email: ADA.email, password: PASSWORD, scope: [] } });
    const { accessToken: token } = data.login;
    const input = { provider: 'work', redirectTo: PAGE };
    expect((await app.send(LINK_EXTERNAL, { input }, { token })).code).toBe('FORBIDDEN');
    expect((await app.send(EXTERNAL_LOGINS, {}, { token })).code).toBe('FORBIDDEN');
    expect((await unlink(app, token, '00000000-0000-4000-8000-000000000000')).code).toBe('FORBIDDEN');
  });

  it('where a second factor is required, a session without one sees and changes no external login', async () => {
    const app = await start(options({ mfa: 'required' }));
    const { accessToken: token } = authOf(await loginBy(app, evil, ADA));
    const input = { provider: 'work', redirectTo: PAGE };
    const refusal = 'FORBIDDEN ENROLMENT_REQUIRED';
    expect(refusalOf(await app.send(LINK_EXTERNAL, { input }, { token }))).toBe(refusal);
    expect(refusalOf(await app.send(EXTERNAL_LOGINS, {}, { token }))).toBe(refusal);
    expect(refusalOf(await unlink(app, token, '00000000-0000-4000-8000-000000000000'))).toBe(refusal);
  });
});

describeApp('unlinking an external login', (start) => {
  it('unlinking ends the login, the other sessions and the logins that wait, and is told by mail', async () => {
    const app = await start(options());
    const { accessToken: token, user } = await registerVerified(app);
    await linkTo(app, evil, token, { sub: 'ada-1' });
    const thief = authOf(await loginBy(app, evil, { sub: 'ada-1' }));
    const [{ id }] = await listOf(app, token);
    expect((await unlink(app, token, id)).data.unlinkExternalLogin.externalLogins).toEqual([]);
    expect((await app.send(ME, {}, { token: thief.accessToken })).code).toBe('UNAUTHENTICATED');
    expect((await app.send(ME, {}, { token })).code).toBe('OK');
    expect((await loginBy(app, evil, { sub: 'ada-1' })).data.completeExternalLogin.auth).toBeNull();
    expect(await subjectsTo(app)).toContain('A way to log in was removed');
    const [event] = (await eventsOf(app, 'user_updated')).slice(-1);
    expect(event?.userId).toBe(user.id);
    expect(JSON.parse(event?.details ?? '')).toEqual({
      ...{ fields: ['externalLogins'], reason: 'unlinked', provider: 'work', count: 1 },
    });
  });

  it('a login that waits for its second factor ends with the external login that it began with', async () => {
    const app = await start(options());
    const enrolled = await enrol(app, (await registerVerified(app)).accessToken);
    const { accessToken: token } = await loginWithBoth(app, enrolled);
    await linkTo(app, evil, token, { sub: 'ada-1' });
    const waiting = mfaTokenOf(await loginBy(app, evil, { sub: 'ada-1' }));
    const [{ id }] = await listOf(app, token);
    await unlink(app, token, id);
    expect((await completeMfa(app, waiting, { totpCode: enrolled.nextCode() })).code).toBe('INVALID_TOKEN');
  });

  it('an external login of somebody else, an unknown one and a made-up id are not found', async () => {
    const app = await start(options());
    const ada = await registerVerified(app);
    const grace = await registerVerified(app, 'grace@example.com');
    await linkTo(app, evil, ada.accessToken, ADA);
    const [{ id }] = await listOf(app, ada.accessToken);
    for (const other of [id, '00000000-0000-4000-8000-000000000000', 'x\0'])
      expect((await unlink(app, grace.accessToken, other)).code).toBe('NOT_FOUND');
    expect(await listOf(app, ada.accessToken)).toHaveLength(1);
  });

  it('the last way in is not unlinked, and any other way in lets it go (EXT-6)', async () => {
    const app = await start(options());
    const { accessToken: token } = authOf(await loginBy(app, evil, ADA));
    const [{ id: first }] = await listOf(app, token);
    expect((await unlink(app, token, first)).code).toBe('LAST_CREDENTIAL');
    expect(await listOf(app, token)).toHaveLength(1);
    await linkTo(app, evil, token, { sub: 'ada-2' });
    expect((await unlink(app, token, first)).code).toBe('OK');
    const [{ id: second }] = await listOf(app, token);
    expect((await unlink(app, token, second)).code).toBe('LAST_CREDENTIAL');
    const mailing = await start({ ...options({ magicLinks: true }), database: app.database });
    const auth = authOf(await loginBy(mailing, evil, { sub: 'ada-2' }));
    expect((await unlink(mailing, auth.accessToken, second)).code).toBe('OK');
  });

  it('a passkey lets the external login go, and an external login the passkey (EXT-6)', async () => {
    const app = await start(options());
    const opened = authOf(await loginBy(app, evil, ADA));
    const { auth, factorId, authenticator } = await registerPasskey(app, opened.accessToken);
    const [{ id }] = await listOf(app, auth.accessToken);
    expect((await unlink(app, auth.accessToken, id)).code).toBe('OK');
    const { data } = await loginWithPasskey(app, authenticator);
    const { accessToken: token } = data.loginWithPasskey;
    const remove = () => app.send(REMOVE_FACTOR, { input: { id: factorId } }, { token });
    expect((await remove()).code).toBe('LAST_CREDENTIAL');
    await linkTo(app, evil, token, ADA);
    expect((await remove()).code).toBe('OK');
    expect(authOf(await loginBy(app, evil, ADA)).user.id).toBe(opened.user.id);
  });

  it('a passkey is the second step of a login at a provider', async () => {
    const app = await start(options());
    const opened = authOf(await loginBy(app, evil, ADA));
    const { authenticator } = await registerPasskey(app, opened.accessToken);
    const mfaToken = mfaTokenOf(await loginBy(app, evil, ADA));
    const passkey = authenticator.get(await startChallenge(app, { mfaToken }));
    const { data } = await app.send(COMPLETE_MFA, { input: { mfaToken, passkey } });
    expect(data.completeMfaLogin.user.id).toBe(opened.user.id);
    expect(data.completeMfaLogin.session.amr).toEqual(['fed', 'pop', 'user', 'mfa']);
  });

  it('an external login is a way in for an account that removes its password, while its provider is there', async () => {
    const app = await start(options());
    const { accessToken: token } = await registerVerified(app);
    expect((await app.send(REMOVE_PASSWORD, { input: {} }, { token })).code).toBe('LAST_CREDENTIAL');
    await linkTo(app, evil, token, ADA);
    const without = await start({ ...options({ providers: [] }), database: app.database });
    const elsewhere = (await login(without)).accessToken;
    expect((await without.send(REMOVE_PASSWORD, { input: {} }, { token: elsewhere })).code).toBe(
      'LAST_CREDENTIAL',
    );
    expect((await app.send(REMOVE_PASSWORD, { input: {} }, { token })).code).toBe('OK');
    expect((await loginBy(app, evil, ADA)).code).toBe('OK');
  });

  it('an account is deleted with its external logins and what it has begun', async () => {
    const app = await start(options());
    const { accessToken: token } = authOf(await loginBy(app, evil, ADA));
    await beginLink(app, token);
    expect((await app.send('mutation { deleteMe(input: {}) { id } }', {}, { token })).code).toBe('OK');
    for (const table of ['external_logins', 'external_starts'])
      expect(await app.database.all(`SELECT id FROM ${table}`)).toEqual([]);
    expect((await loginBy(app, evil, ADA)).code).toBe('OK');
  });

  it('a restore ends what was begun', async () => {
    const app = await start(options());
    const begun = await begin(app);
    const { code } = await visit(app, evil, begun, ADA);
    await app.admin.finishRestore();
    expect(refusalOf(await complete(app, code, begun.verifier))).toBe('EXTERNAL_LOGIN_FAILED EXPIRED');
  });

  it('expired starts are swept', async () => {
    const app = await start(options());
    await begin(app);
    clock.travel(10 * 60_000 + 3_600_000 + 1);
    const kept = await begin(app);
    await app.housekeeping.turn();
    expect(await app.database.all('SELECT id FROM external_starts')).toHaveLength(1);
    expect((await visit(app, evil, kept, ADA)).code).toBeDefined();
  });
});
