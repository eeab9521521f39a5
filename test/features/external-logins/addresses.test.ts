import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { complete as completeMfa, enrol, mfaTokenOf } from '../../support/authenticator.ts';
import { LOGIN, login, ME, register } from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import {
  type EvilProvider,
  type Person,
  providerOf,
  startEvilProvider,
} from '../../support/evil-provider.ts';
import {
  authOf,
  begin,
  COMPLETE_EXTERNAL_REGISTRATION,
  comeBack,
  complete,
  loginBy,
  PAGE,
  REQUEST_EXTERNAL_REGISTRATION,
  refusalOf,
  registerVerified,
  registrationOf,
  START_EXTERNAL,
  visit,
  writtenIn,
} from '../../support/external-logins.ts';
import { lettersTo, mailedCode, subjectsTo } from '../../support/letters.ts';
import {
  type Answer,
  createFrozenClock,
  describeApp,
  PASSWORD,
  type TestApp,
} from '../../support/start-app.ts';

const ADA = { sub: 'ada-1', email: 'ada@example.com', email_verified: true, name: 'Ada' };
const ELSEWHERE = { ...ADA, email: 'ada@elsewhere.example' };
const TENANT = '11111111-2222-4333-8444-555555555555';
const clock = createFrozenClock();
let evil: EvilProvider;
beforeAll(async () => {
  evil = await startEvilProvider(clock.now);
});
afterAll(() => evil.close());
afterEach(() => {
  evil.state.twist = {};
  evil.state.issuer = undefined;
});

function options(more: object = {}) {
  const work = providerOf('work', { issuer: evil.origin, authoritativeFor: ['example.com'] });
  return {
    clock,
    fetchOfProviders: evil.fetch,
    config: { providers: [work], redirectOrigins: ['https://app.example.com'], ...more },
  };
}

/** A provider that answers at the address of a preset. */
function presetOptions(name: string, definition: object, issuer: string) {
  evil.state.issuer = issuer;
  return options({ providers: [providerOf(name, definition as Record<string, unknown>)] });
}

const requestCode = (app: TestApp, registrationToken: string, email = 'ada@elsewhere.example') =>
  app.send(REQUEST_EXTERNAL_REGISTRATION, { input: { registrationToken, email } });
const sendCode = (app: TestApp, registrationToken: string, code: string) =>
  app.send(COMPLETE_EXTERNAL_REGISTRATION, { input: { registrationToken, code } });

describeApp('the address of an external login', (start) => {
  /** Whether a login opened a session; fails where it began no registration either. */
  const proves = (answer: Answer): boolean => {
    if (answer.data?.completeExternalLogin?.auth != null) return true;
    registrationOf(answer);
    return false;
  };

  it.each<[what: string, person: Person, expected: boolean]>([
    ['is verified, in its own domain', ADA, true],
    ['is spelt in capitals', { ...ADA, email: 'Ada@EXAMPLE.com' }, true],
    ['is not verified', { ...ADA, email_verified: false }, false],
    ['says nothing of that', { sub: 'ada-1', email: ADA.email }, false],
    ['says "true" as a text', { ...ADA, email_verified: 'true' }, false],
    ['says "false" as a text', { ...ADA, email_verified: 'false' }, false],
    ['says 1', { ...ADA, email_verified: 1 }, false],
    ['is of another domain', ELSEWHERE, false],
    ['is of a domain below', { ...ADA, email: 'ada@sub.example.com' }, false],
    ['is of a domain that ends alike', { ...ADA, email: 'ada@notexample.com' }, false],
    ['is a list', { ...ADA, email: ['ada@example.com'] }, false],
    ['is no address', { ...ADA, email: 'ada@example.com\0' }, false],
    ['is missing', { sub: 'ada-1', email_verified: true }, false],
  ])(
    'an address of a provider that is authoritative for its domain, which %s, is proven or not (EXT-1)',
    async (_what, person, expected) => {
      const app = await start(options());
      expect(proves(await loginBy(app, evil, person))).toBe(expected);
      expect(await writtenIn(app)).toMatchObject({ users: expected ? 1 : 0, mails: 0 });
    },
  );

  it.each<[what: string, person: Person, expected: boolean]>([
    ['an address of gmail.com', { ...ADA, email: 'ada@gmail.com' }, true],
    ['an address of the domain in hd', { ...ADA, hd: 'example.com' }, true],
    ['an address of another domain than hd', { ...ADA, hd: 'elsewhere.example' }, false],
    ['an address without hd', ADA, false],
    ['an unverified address of gmail.com', { ...ADA, email: 'ada@gmail.com', email_verified: false }, false],
    ['an unverified address of hd', { ...ADA, hd: 'example.com', email_verified: 'true' }, false],
  ])(
    'Google is authoritative for its own addresses and those of hd alone: %s',
    async (_what, person, expected) => {
      const app = await start(presetOptions('google', {}, 'https://accounts.google.com'));
      expect(proves(await loginBy(app, evil, person, { provider: 'google' }))).toBe(expected);
    },
  );

  it.each<[what: string, tenant: string, claims: object, outcome: string]>([
    ['one tenant, proven', TENANT, { xms_edov: true }, 'proven'],
    ['one tenant, proven as a text', TENANT, { xms_edov: 'true' }, 'unproven'],
    ['one tenant, not proven', TENANT, {}, 'unproven'],
    ['one tenant, said to be verified', TENANT, { email_verified: true }, 'unproven'],
    ['many tenants, proven', 'common', { xms_edov: true, tid: TENANT }, 'unproven'],
    ['many tenants, without a tenant', 'common', {}, 'refused'],
    [
      'many tenants, another tenant than that of iss',
      'common',
      { tid: '99999999-2222-4333-8444-555555555555' },
      'refused',
    ],
    [
      'many tenants, a tenant that is no id',
      'organizations',
      { tid: '$&', iss: 'https://login.microsoftonline.com/{tenantid}/v2.0' },
      'refused',
    ],
    [
      'one tenant, and the token of any other',
      TENANT,
      { tid: 'evil', iss: 'https://login.microsoftonline.com/99999999-2222-4333-8444-555555555555/v2.0' },
      'refused',
    ],
    [
      'personal accounts, proven',
      '9188040d-6c67-4c5b-b112-36a304b66dad',
      { xms_edov: true, iss: 'https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0' },
      'unproven',
    ],
  ])(
    'Microsoft is authoritative in one named tenant whose domain is proven: %s',
    async (_what, tenant, claims, outcome) => {
      const isMany = !/\d/.test(tenant);
      const issuer = `https://login.microsoftonline.com/${isMany ? '{tenantid}' : tenant}/v2.0`;
      const app = await start(presetOptions('microsoft', { tenant }, issuer));
      const iss = `https://login.microsoftonline.com/${TENANT}/v2.0`;
      const person = { sub: 'ada-1', email: ADA.email, iss, ...claims };
      evil.state.twist = { document: { authorization_response_iss_parameter_supported: undefined } };
      expect(await loginByMicrosoft(app, person)).toBe(outcome);
    },
  );

  async function loginByMicrosoft(app: TestApp, person: Person): Promise<string> {
    const begun = await begin(app, 'microsoft');
    const { iss: _, ...answer } = evil.authorize(begun.authorizationUrl, person);
    const { code, reason } = await comeBack(app, 'microsoft', answer);
    if (code === undefined) return reason === 'PROVIDER' ? 'refused' : 'lost';
    return proves(await complete(app, code, begun.verifier)) ? 'proven' : 'unproven';
  }

  it('what an ID token of Microsoft says of an address is not said of the one at the user endpoint', async () => {
    const issuer = `https://login.microsoftonline.com/${TENANT}/v2.0`;
    const app = await start(presetOptions('microsoft', { tenant: TENANT }, issuer));
    evil.state.twist = {
      document: { authorization_response_iss_parameter_supported: undefined },
      userinfo: { sub: 'ada-1', email: ADA.email },
    };
    expect(await loginByMicrosoft(app, { sub: 'ada-1', iss: issuer, xms_edov: true })).toBe('unproven');
  });

  it('a document of Microsoft that names every tenant is no document of one tenant', async () => {
    const issuer = 'https://login.microsoftonline.com/{tenantid}/v2.0';
    const app = await start(presetOptions('microsoft', { tenant: TENANT }, issuer));
    const input = { provider: 'microsoft', redirectTo: PAGE };
    const answer = await app.send(START_EXTERNAL, { input });
    expect(refusalOf(answer)).toBe('EXTERNAL_LOGIN_FAILED PROVIDER');
  });

  it('an address that the provider does not prove is proven by a mailed code, and makes an account', async () => {
    const app = await start(options());
    const answer = await loginBy(app, evil, ELSEWHERE, { deviceName: 'phone' });
    expect(answer.data.completeExternalLogin).toMatchObject({ auth: null, email: 'ada@elsewhere.example' });
    const token = registrationOf(answer);
    expect((await requestCode(app, token, 'Ada@home.example')).data).toEqual({
      requestExternalRegistration: { expiresIn: 600 },
    });
    const [letter] = await lettersTo(app, 'ada@home.example');
    expect(letter?.text).not.toMatch(/http/);
    const code = await mailedCode(app, 'ada@home.example');
    const { data } = await sendCode(app, token, ` ${code.slice(0, 4)} ${code.slice(4)}`);
    expect(data.completeExternalRegistration).toMatchObject({
      user: { email: 'Ada@home.example', emailVerified: true, name: 'Ada' },
      session: { amr: ['fed', 'otp'], deviceName: 'phone' },
    });
    expect((await sendCode(app, token, code)).code).toBe('EXTERNAL_LOGIN_FAILED');
    const again = authOf(await loginBy(app, evil, ELSEWHERE));
    expect(again.user.id).toBe(data.completeExternalRegistration.user.id);
    const [event] = await eventsOf(app, 'user_created');
    expect(JSON.parse(event?.details ?? '')).toEqual({ amr: ['fed', 'otp'], provider: 'work' });
  });

  it('a mailed code is asked for whether or not an account has the address, with one answer', async () => {
    const app = await start(options());
    await register(app, 'taken@elsewhere.example');
    await registerVerified(app, 'verified@elsewhere.example');
    await register(app, 'gone@elsewhere.example');
    await app.admin.disable('gone@elsewhere.example');
    const answers = [];
    for (const [i, name] of ['free', 'taken', 'verified', 'gone'].entries()) {
      const token = registrationOf(await loginBy(app, evil, { ...ELSEWHERE, sub: `s${i}` }));
      answers.push((await requestCode(app, token, `${name}@elsewhere.example`)).body);
    }
    expect(new Set(answers).size).toBe(1);
    const subject = 'Your code for localhost:3000';
    expect(await subjectsTo(app, 'free@elsewhere.example')).toContain(subject);
    expect(await subjectsTo(app, 'taken@elsewhere.example')).toContain(subject);
    expect(await subjectsTo(app, 'verified@elsewhere.example')).toContain(subject);
    expect(await subjectsTo(app, 'gone@elsewhere.example')).not.toContain(subject);
  });

  it('where a verified account has the address, the right code links nothing: its owner logs in and links (EXT-1)', async () => {
    const app = await start(options());
    const owner = await registerVerified(app, 'ada@elsewhere.example');
    const token = registrationOf(await loginBy(app, evil, ELSEWHERE));
    await requestCode(app, token);
    const code = await mailedCode(app, 'ada@elsewhere.example');
    const answer = await sendCode(app, token, code);
    expect(refusalOf(answer)).toBe('EXTERNAL_LOGIN_FAILED LINK_FIRST');
    expect((await sendCode(app, token, code)).code).toBe('EXTERNAL_LOGIN_FAILED');
    expect(await writtenIn(app)).toMatchObject({ users: 1, sessions: 1, external_logins: 0 });
    expect((await app.send(ME, {}, { token: owner.accessToken })).code).toBe('OK');
    const [event] = await eventsOf(app, 'authn_login_fail');
    expect(event).toMatchObject({ userId: owner.user.id, details: '{"reason":"link_first"}' });
  });

  it('a code has five tries, is of its own registration, and ends with a newer one', async () => {
    const app = await start(options({ networkFailures: 100 }));
    const [one, two] = [
      registrationOf(await loginBy(app, evil, ELSEWHERE)),
      registrationOf(await loginBy(app, evil, { ...ELSEWHERE, sub: 'ada-2' })),
    ];
    await requestCode(app, one);
    const first = await mailedCode(app, ELSEWHERE.email);
    expect((await sendCode(app, two, first)).code).toBe('INVALID_TOKEN');
    await requestCode(app, one);
    const second = await mailedCode(app, ELSEWHERE.email);
    if (first !== second) expect((await sendCode(app, one, first)).code).toBe('INVALID_TOKEN');
    const wrong = String((Number(second) + 1) % 100_000_000).padStart(8, '0');
    for (let i = 0; i < 4; i += 1) expect((await sendCode(app, one, wrong)).code).toBe('INVALID_TOKEN');
    expect((await sendCode(app, one, second)).code).toBe(first === second ? 'OK' : 'INVALID_TOKEN');
    await requestCode(app, one);
    expect((await sendCode(app, one, await mailedCode(app, ELSEWHERE.email))).code).toBe('OK');
  });

  it('few codes go to one address, however many registrations ask', async () => {
    const app = await start(options());
    for (let i = 0; i < 5; i += 1) {
      const token = registrationOf(await loginBy(app, evil, { ...ELSEWHERE, sub: `eve-${i}` }));
      expect((await requestCode(app, token)).code).toBe('OK');
    }
    expect(await lettersTo(app, ELSEWHERE.email)).toHaveLength(3);
    clock.travel(10 * 60_000);
    const token = registrationOf(await loginBy(app, evil, ELSEWHERE));
    await requestCode(app, token);
    expect((await sendCode(app, token, await mailedCode(app, ELSEWHERE.email))).code).toBe('OK');
  });

  it('a registration waits for twenty minutes, and its code for ten', async () => {
    const app = await start(options());
    const token = registrationOf(await loginBy(app, evil, ELSEWHERE));
    await requestCode(app, token);
    const code = await mailedCode(app, ELSEWHERE.email);
    clock.travel(10 * 60_000);
    expect((await sendCode(app, token, code)).code).toBe('INVALID_TOKEN');
    clock.travel(10 * 60_000);
    expect(refusalOf(await requestCode(app, token))).toBe('EXTERNAL_LOGIN_FAILED EXPIRED');
    for (const made of ['', `lkn_${'A'.repeat(43)}`])
      expect(refusalOf(await requestCode(app, made))).toBe('EXTERNAL_LOGIN_FAILED EXPIRED');
  });

  it('wrong codes of a registration count for the network', async () => {
    const app = await start(options());
    const token = registrationOf(await loginBy(app, evil, ELSEWHERE));
    const codes = [];
    for (let i = 0; i < 11; i += 1) codes.push((await sendCode(app, token, '00000000')).code);
    expect(codes).toEqual([...Array(10).fill('INVALID_TOKEN'), 'TOO_MANY_REQUESTS']);
  });

  it('a server that is closed to registrations makes no account, and opens those that are there', async () => {
    const open = await start(options());
    await loginBy(open, evil, ADA);
    const app = await start({ ...options({ registration: 'closed' }), database: open.database });
    expect((await loginBy(app, evil, ADA)).code).toBe('OK');
    expect((await loginBy(app, evil, { ...ADA, sub: 'new', email: 'new@example.com' })).code).toBe(
      'REGISTRATION_CLOSED',
    );
    expect((await loginBy(app, evil, { ...ELSEWHERE, sub: 'new' })).code).toBe('REGISTRATION_CLOSED');
    expect(await writtenIn(app)).toMatchObject({ users: 1, external_logins: 1 });
  });

  it('one network makes as many accounts by providers as it may register, and logs in to any number', async () => {
    const app = await start(options({ networkRegistrations: 2 }));
    const arrive = async (name: string, ip = '192.0.2.1') => {
      const begun = await begin(app, 'work', {}, { ip });
      const { code } = await visit(app, evil, begun, { ...ADA, sub: name, email: `${name}@example.com` });
      return (await complete(app, code, begun.verifier, { ip })).code;
    };
    expect([await arrive('a'), await arrive('b'), await arrive('c')]).toEqual([
      'OK',
      'OK',
      'TOO_MANY_REQUESTS',
    ]);
    expect(await writtenIn(app)).toMatchObject({ users: 2, external_logins: 2 });
    expect([await arrive('a'), await arrive('c', '203.0.113.9')]).toEqual(['OK', 'OK']);
  });

  it('a right code that comes when no account may be made is no failure of its network', async () => {
    const app = await start(options({ networkFailures: 2 }));
    await register(app);
    const registrationToken = registrationOf(await loginBy(app, evil, ELSEWHERE));
    const { email } = ELSEWHERE;
    await app.send(REQUEST_EXTERNAL_REGISTRATION, { input: { registrationToken, email } });
    const input = { registrationToken, code: await mailedCode(app, email) };
    const closed = await start({
      ...options({ networkFailures: 2, registration: 'closed' }),
      database: app.database,
    });
    for (let i = 0; i < 3; i += 1)
      expect((await closed.send(COMPLETE_EXTERNAL_REGISTRATION, { input })).code).toBe('REGISTRATION_CLOSED');
    expect((await login(app)).accessToken).toBeDefined();
    expect((await app.send(COMPLETE_EXTERNAL_REGISTRATION, { input })).code).toBe('OK');
  });

  it('a verified account is opened by a provider that proves its address, linked, and told by mail', async () => {
    const app = await start(options());
    const owner = await registerVerified(app);
    const auth = authOf(await loginBy(app, evil, ADA));
    expect(auth.user.id).toBe(owner.user.id);
    expect(await subjectsTo(app)).toContain('A way to log in was added');
    const [event] = await eventsOf(app, 'authn_login_success');
    expect(JSON.parse(event?.details ?? '')).toEqual({ amr: ['fed'], provider: 'work', reason: 'linked' });
    // The password and the other sessions are the owner's.
    expect((await app.send(ME, {}, { token: owner.accessToken })).code).toBe('OK');
    expect((await login(app)).user.id).toBe(owner.user.id);
    // Linked: the address at the provider may change now.
    expect(authOf(await loginBy(app, evil, { ...ADA, email: 'other@example.com' })).user.id).toBe(
      owner.user.id,
    );
  });

  it('a verified account with a second factor is asked for it, and not linked behind its owner’s back', async () => {
    const app = await start(options());
    const owner = await registerVerified(app);
    const enrolled = await enrol(app, owner.accessToken);
    const token = mfaTokenOf(await loginBy(app, evil, ADA));
    expect(await writtenIn(app)).toMatchObject({ external_logins: 0 });
    const { data } = await completeMfa(app, token, { totpCode: enrolled.nextCode() });
    expect(data.completeMfaLogin).toMatchObject({
      user: { id: owner.user.id },
      session: { amr: ['fed', 'otp', 'mfa'] },
    });
  });

  it('an unverified account goes to who proves its address, and whatever was made before the proof goes', async () => {
    const app = await start(options());
    const eve = await register(app);
    const auth = authOf(await loginBy(app, evil, ADA));
    expect(auth.user).toMatchObject({ id: eve.user.id, emailVerified: true });
    expect((await app.send(ME, {}, { token: eve.accessToken })).code).toBe('UNAUTHENTICATED');
    expect((await app.send(LOGIN, { input: { email: ADA.email, password: PASSWORD } })).code).toBe(
      'INVALID_CREDENTIALS',
    );
    const [event] = (await eventsOf(app, 'authn_login_success')).slice(-1);
    expect(JSON.parse(event?.details ?? '')).toMatchObject({ provider: 'work', reason: 'first_proof' });
  });

  it('the address of the user endpoint counts like that of the ID token', async () => {
    const app = await start(options());
    evil.state.twist = {
      claims: ({ email: _, email_verified: __, name: ___, ...rest }) => rest,
      userinfo: { ...ADA, sub: 'ada-1' },
    };
    expect(authOf(await loginBy(app, evil, ADA)).user).toMatchObject({ email: ADA.email, name: 'Ada' });
  });
});
