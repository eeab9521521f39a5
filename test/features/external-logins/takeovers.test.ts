import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { enrol } from '../../support/authenticator.ts';
import {
  CHANGE_PASSWORD,
  CONFIRM_EMAIL_CHANGE,
  LOGIN,
  login,
  ME,
  REFRESH,
  REQUEST_EMAIL_CHANGE,
  register,
  UNDO_EMAIL_CHANGE,
} from '../../support/documents.ts';
import { type EvilProvider, providerOf, startEvilProvider } from '../../support/evil-provider.ts';
import {
  authOf,
  begin,
  beginLink,
  COMPLETE_EXTERNAL_REGISTRATION,
  COMPLETE_LINK,
  comeBack,
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
import { lettersTo, mailedCode, mailedToken } from '../../support/letters.ts';
import { createFrozenClock, describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';

/* Ways to come by the account of somebody else. The victim is Ada, whose mailbox is hers; Eve wants her account. */

const VICTIM = 'ada@example.com';
const EVE = { sub: 'eve-1', email: VICTIM };
const ADA = { sub: 'ada-1', email: VICTIM, email_verified: true };
const clock = createFrozenClock();
let evil: EvilProvider;
let other: EvilProvider;
beforeAll(async () => {
  evil = await startEvilProvider(clock.now);
  other = await startEvilProvider(clock.now);
});
afterAll(() => Promise.all([evil.close(), other.close()]));
afterEach(() => {
  evil.state.twist = {};
  evil.state.issuer = undefined;
});

function options(more: object = {}) {
  const provider = (name: string, { origin }: EvilProvider) =>
    providerOf(name, { issuer: origin, authoritativeFor: ['example.com'] });
  return {
    clock,
    fetchOfProviders: ((url, init) =>
      (url.startsWith(other.origin) ? other : evil).fetch(url, init)) as typeof evil.fetch,
    config: {
      providers: [provider('work', evil), provider('other', other)],
      redirectOrigins: ['https://app.example.com'],
      ...more,
    },
  };
}

const sessionsOf = (app: TestApp, userId: string) =>
  app.database.all('SELECT id FROM sessions WHERE user_id = :userId AND revoked_at IS NULL', { userId });

describeApp('a takeover by an external login', (start) => {
  it.each<[what: string, claims: object]>([
    ['is not verified', { email_verified: false }],
    ['is verified by nobody', {}],
    ['is "true" as a text', { email_verified: 'true' }],
  ])(
    'a provider account with the address of a victim that %s opens nothing of the victim',
    async (_what, claims) => {
      const app = await start(options());
      const ada = await registerVerified(app, VICTIM);
      const token = registrationOf(await loginBy(app, evil, { ...EVE, ...claims }));
      const input = { registrationToken: token, email: VICTIM };
      await app.send(REQUEST_EXTERNAL_REGISTRATION, { input });
      // The code is in the mailbox of the victim. Even with it there is no way.
      const code = await mailedCode(app, VICTIM);
      const guess = String((Number(code) + 1) % 100_000_000).padStart(8, '0');
      for (const [tried, refusal] of [
        [guess, 'INVALID_TOKEN'],
        [code, 'EXTERNAL_LOGIN_FAILED LINK_FIRST'],
      ] as const) {
        const registration = { registrationToken: token, code: tried };
        expect(refusalOf(await app.send(COMPLETE_EXTERNAL_REGISTRATION, { input: registration }))).toBe(
          refusal,
        );
      }
      expect(await sessionsOf(app, ada.user.id)).toHaveLength(1);
      expect(await writtenIn(app)).toMatchObject({ users: 1, external_logins: 0 });
    },
  );

  it.each(['the provider proves', 'a mailed code proves'])(
    'an account that was prepared for the victim is the victim’s alone once %s the address',
    async (how) => {
      const app = await start(options());
      const eve = await register(app, VICTIM);
      const { auth, recoveryCodes } = await enrol(app, eve.accessToken);
      await linkTo(app, evil, auth.accessToken, { sub: 'eve-1', email: 'eve@evil.example' });
      const newEmail = 'eve@evil.example';
      await app.send(REQUEST_EMAIL_CHANGE, { input: { newEmail } }, { token: auth.accessToken });
      const confirmation = await mailedToken(app, '/confirm-email', newEmail);
      const undo = await plantUndo(app, eve.user.id, newEmail);
      const [before] = await versionsOf(app);

      const victim = await arriveAsVictim(app, how);
      expect(victim.user).toMatchObject({ id: eve.user.id, emailVerified: true });
      const { accessToken: token } = victim;
      const own = await app.send(
        '{ me { mfa { enabled recoveryCodesLeft } externalLogins { email } } }',
        {},
        { token },
      );
      expect(own.data.me).toEqual({
        mfa: { enabled: false, recoveryCodesLeft: 0 },
        externalLogins: [{ email: VICTIM }],
      });
      expect(recoveryCodes).toHaveLength(10);
      expect((await app.send(ME, {}, { token: auth.accessToken })).code).toBe('UNAUTHENTICATED');
      const refresh = { refreshToken: auth.refreshToken };
      expect((await app.send(REFRESH, { input: refresh })).code).toBe('INVALID_REFRESH_TOKEN');
      const password = { email: VICTIM, password: PASSWORD, deviceToken: eve.deviceToken };
      expect((await app.send(LOGIN, { input: password })).code).toBe('INVALID_CREDENTIALS');
      // Device tokens name the version of the password.
      expect((await versionsOf(app))[0]).toBeGreaterThan(before ?? 0);
      const confirm = { token: confirmation, password: PASSWORD };
      expect((await app.send(CONFIRM_EMAIL_CHANGE, { input: confirm })).code).toBe('INVALID_TOKEN');
      expect((await app.send(UNDO_EMAIL_CHANGE, { input: { token: undo } })).code).toBe('INVALID_TOKEN');
      const again = await loginBy(app, evil, { sub: 'eve-1', email: 'eve@evil.example' });
      expect(again.data.completeExternalLogin.auth).toBeNull();
      expect(await sessionsOf(app, eve.user.id)).toHaveLength(1);
    },
  );

  async function arriveAsVictim(app: TestApp, how: string) {
    if (how === 'the provider proves') return authOf(await loginBy(app, evil, ADA));
    const registrationToken = registrationOf(await loginBy(app, evil, { sub: 'ada-1', email: VICTIM }));
    await app.send(REQUEST_EXTERNAL_REGISTRATION, { input: { registrationToken, email: VICTIM } });
    const input = { registrationToken, code: await mailedCode(app, VICTIM) };
    return (await app.send(COMPLETE_EXTERNAL_REGISTRATION, { input })).data.completeExternalRegistration;
  }

  const versionsOf = async (app: TestApp): Promise<number[]> =>
    (await app.database.all<{ version: number }>('SELECT password_version AS version FROM users')).map(
      ({ version }) => Number(version),
    );

  /** A way back to an address of the attacker, as a change of address leaves it. */
  async function plantUndo(app: TestApp, userId: string, email: string): Promise<string> {
    const text = `lko_${'U'.repeat(43)}`;
    await app.database.run(
      `INSERT INTO one_time_tokens (token_hash, purpose, subject, email, email_canonical, payload, tries_left,
         created_at, expires_at, mailed, mail_count, counted_since)
       VALUES (:tokenHash, 'undo-email-change', :userId, :email, :email, '', 5, :now, :end, 'link', 1, :now)`,
      {
        tokenHash: createHash('sha256').update(text).digest('base64url'),
        ...{ userId, email, now: clock.now(), end: clock.now() + 86_400_000 },
      },
    );
    return text;
  }

  it('a tenant of Microsoft that gives its account the address of a victim opens nothing of the victim', async () => {
    const issuer = 'https://login.microsoftonline.com/{tenantid}/v2.0';
    evil.state.issuer = issuer;
    evil.state.twist = { document: { authorization_response_iss_parameter_supported: undefined } };
    const app = await start(options({ providers: [providerOf('microsoft', { tenant: 'common' })] }));
    const ada = await registerVerified(app, VICTIM);
    const tid = '66666666-2222-4333-8444-555555555555';
    const claims = { tid, iss: issuer.replace('{tenantid}', tid), email_verified: true, xms_edov: true };
    const begun = await begin(app, 'microsoft');
    const { iss: _, ...answer } = evil.authorize(begun.authorizationUrl, { ...EVE, ...claims });
    const { code } = await comeBack(app, 'microsoft', answer);
    const done = await complete(app, code, begun.verifier);
    expect(done.data.completeExternalLogin).toMatchObject({
      auth: null,
      registrationToken: expect.any(String),
    });
    expect(await sessionsOf(app, ada.user.id)).toHaveLength(1);
  });

  it('one subject at two issuers is two people (EXT-1)', async () => {
    const app = await start(options());
    const one = authOf(
      await loginBy(app, evil, { sub: '1', email: 'one@example.com', email_verified: true }),
    );
    const two = authOf(
      await loginBy(
        app,
        other,
        { sub: '1', email: 'two@example.com', email_verified: true },
        { provider: 'other' },
      ),
    );
    expect(two.user.id).not.toBe(one.user.id);
    expect(authOf(await loginBy(app, evil, { sub: '1' })).user.id).toBe(one.user.id);
    expect(authOf(await loginBy(app, other, { sub: '1' }, { provider: 'other' })).user.id).toBe(two.user.id);
  });

  it('an address that was freed and taken by another person at the provider does not lead to the account of the first (EXT-1)', async () => {
    const app = await start(options());
    const first = authOf(await loginBy(app, evil, ADA));
    const second = await loginBy(app, evil, { ...ADA, sub: 'somebody-else' });
    expect(refusalOf(second)).toBe('EXTERNAL_LOGIN_FAILED LINK_FIRST');
    expect(await sessionsOf(app, first.user.id)).toHaveLength(1);
    expect(await writtenIn(app)).toMatchObject({ users: 1, external_logins: 1 });
  });

  it('an account that changes its address away is not found by the old one any more', async () => {
    const app = await start(options());
    const ada = authOf(await loginBy(app, evil, ADA));
    const newEmail = 'ada@new.example';
    await app.send(REQUEST_EMAIL_CHANGE, { input: { newEmail } }, { token: ada.accessToken });
    const token = await mailedToken(app, '/confirm-email', newEmail);
    await app.send(CONFIRM_EMAIL_CHANGE, { input: { token } }, { token: ada.accessToken });
    const heir = authOf(await loginBy(app, evil, { ...ADA, sub: 'heir' }));
    expect(heir.user.id).not.toBe(ada.user.id);
    expect(authOf(await loginBy(app, evil, ADA)).user.id).toBe(ada.user.id);
  });

  it('an undo of a change of address unlinks what was linked since the change was asked for, and keeps the rest', async () => {
    const app = await start(options());
    const ada = await registerVerified(app, VICTIM);
    await linkTo(app, evil, ada.accessToken, { sub: 'ada-1' });
    clock.travel(1_000);
    const newEmail = 'eve@evil.example';
    await app.send(REQUEST_EMAIL_CHANGE, { input: { newEmail } }, { token: ada.accessToken });
    await linkTo(app, evil, ada.accessToken, { sub: 'eve-1' });
    const token = await mailedToken(app, '/confirm-email', newEmail);
    await app.send(CONFIRM_EMAIL_CHANGE, { input: { token } }, { token: ada.accessToken });
    const undo = { token: await mailedToken(app, '/undo-email-change', VICTIM) };
    expect((await app.send(UNDO_EMAIL_CHANGE, { input: undo })).code).toBe('OK');
    const subjects = await app.database.all('SELECT subject FROM external_logins');
    expect(subjects).toEqual([{ subject: 'ada-1' }]);
    expect((await loginBy(app, evil, { sub: 'eve-1' })).data.completeExternalLogin.auth).toBeNull();
  });

  it('a disabled account is opened by no provider, linked or proven', async () => {
    const app = await start(options());
    await loginBy(app, evil, ADA);
    await registerVerified(app, 'grace@example.com');
    for (const email of [VICTIM, 'grace@example.com']) await app.admin.disable(email);
    const linked = await loginBy(app, evil, ADA);
    const proven = await loginBy(app, evil, {
      sub: 'grace',
      email: 'grace@example.com',
      email_verified: true,
    });
    for (const answer of [linked, proven]) expect(refusalOf(answer)).toBe('EXTERNAL_LOGIN_FAILED DENIED');
    expect(await writtenIn(app)).toMatchObject({ external_logins: 1 });
    await app.admin.enable(VICTIM);
    expect((await loginBy(app, evil, ADA)).code).toBe('OK');
  });

  it('where addresses have to be verified, an account whose is not is not opened', async () => {
    const open = await start(options());
    const eve = await register(open, VICTIM);
    await linkTo(open, evil, eve.accessToken, { sub: 'eve-1' });
    const app = await start({ ...options({ registration: 'verify' }), database: open.database });
    expect(refusalOf(await loginBy(app, evil, { sub: 'eve-1' }))).toBe('EXTERNAL_LOGIN_FAILED DENIED');
  });

  it('a stolen start of a link is of no use to another session, to a login, or to another client (EXT-6)', async () => {
    const app = await start(options());
    const ada = await registerVerified(app, VICTIM);
    const second = await login(app);
    const eve = await register(app, 'eve@example.com');
    const begun = await beginLink(app, ada.accessToken);
    // Eve logs in at the provider on the page that Ada began.
    const { code } = await visit(app, evil, begun, { sub: 'eve-1' });
    const input = { code, verifier: begun.verifier };
    for (const { accessToken: token } of [second, eve])
      expect(refusalOf(await app.send(COMPLETE_LINK, { input }, { token }))).toBe(
        'EXTERNAL_LOGIN_FAILED EXPIRED',
      );
    expect(refusalOf(await complete(app, code, begun.verifier))).toBe('EXTERNAL_LOGIN_FAILED EXPIRED');
    const without = { code, verifier: 'x' };
    expect(refusalOf(await app.send(COMPLETE_LINK, { input: without }, { token: ada.accessToken }))).toBe(
      'EXTERNAL_LOGIN_FAILED EXPIRED',
    );
    expect(await writtenIn(app)).toMatchObject({ external_logins: 0 });
  });

  it('the code of a login links nothing', async () => {
    const app = await start(options());
    const ada = await registerVerified(app, VICTIM);
    const begun = await begin(app);
    const { code } = await visit(app, evil, begun, { sub: 'eve-1' });
    const input = { code, verifier: begun.verifier };
    expect(refusalOf(await app.send(COMPLETE_LINK, { input }, { token: ada.accessToken }))).toBe(
      'EXTERNAL_LOGIN_FAILED EXPIRED',
    );
  });

  it('a thief whose session ended links nothing with what they began', async () => {
    const app = await start(options());
    const ada = await registerVerified(app, VICTIM);
    const thief = await login(app);
    const begun = await beginLink(app, thief.accessToken);
    const { code } = await visit(app, evil, begun, { sub: 'eve-1' });
    const change = { currentPassword: PASSWORD, newPassword: 'another horse altogether' };
    await app.send(CHANGE_PASSWORD, { input: change }, { token: ada.accessToken });
    const input = { code, verifier: begun.verifier };
    expect((await app.send(COMPLETE_LINK, { input }, { token: thief.accessToken })).code).toBe(
      'UNAUTHENTICATED',
    );
    expect(await writtenIn(app)).toMatchObject({ external_logins: 0 });
  });

  it('no mail tells a stranger more than an account at the provider does', async () => {
    const app = await start(options());
    await registerVerified(app, VICTIM);
    const before = (await lettersTo(app, VICTIM)).length;
    await loginBy(app, evil, EVE);
    expect(await lettersTo(app, VICTIM)).toHaveLength(before);
  });
});
