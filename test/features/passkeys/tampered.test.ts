import { randomBytes } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { COMPLETE_MFA, mfaTokenOf } from '../../support/authenticator.ts';
import { LOGIN, login, REAUTHENTICATE, register } from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import {
  FINISH_REGISTRATION,
  LOGIN_WITH_PASSKEY,
  type Registered,
  registerPasskey,
  startChallenge,
  startLogin,
  startRegistration,
} from '../../support/passkeys.ts';
import {
  cbor,
  createSoftAuthenticator,
  FLAGS,
  keyPairOf,
  type Tamper,
} from '../../support/soft-authenticator.ts';
import { describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';

/*
 * Answers of authenticators with one thing wrong each. Every one is refused with a code, nothing but the audit trail is
 * written, and a right answer works afterwards.
 */

const EMAIL = 'ada@example.com';
const MINUTE = 60_000;
const base64url = (bytes: string | Buffer) => Buffer.from(bytes).toString('base64url');
const without = (bit: number) => (flags: number) => flags & ~bit;
const withBit = (bit: number) => (flags: number) => flags | bit;
const flipLast = (bytes: Buffer) => {
  const copy = Buffer.from(bytes);
  copy.writeUInt8((copy.at(-1) ?? 0) ^ 1, copy.length - 1);
  return copy;
};

/** What is wrong with the answers of both ceremonies. */
const OF_BOTH: Readonly<Record<string, Tamper>> = {
  'an origin of another site': { clientData: (data) => ({ ...data, origin: 'https://evil.example' }) },
  'an origin of another port': { clientData: (data) => ({ ...data, origin: 'http://localhost:4001' }) },
  'an origin of another scheme': { clientData: (data) => ({ ...data, origin: 'https://localhost:4000' }) },
  'the address of this machine as origin': {
    clientData: (data) => ({ ...data, origin: 'http://127.0.0.1:4000' }),
  },
  'an origin below the domain': { clientData: (data) => ({ ...data, origin: 'http://a.localhost:4000' }) },
  'a list of origins': { clientData: (data) => ({ ...data, origin: ['http://localhost:4000'] }) },
  'a frame in a page of another site': { clientData: (data) => ({ ...data, crossOrigin: true }) },
  'a frame, by a word': { clientData: (data) => ({ ...data, crossOrigin: 'false' }) },
  'a page above it': { clientData: (data) => ({ ...data, topOrigin: 'https://evil.example' }) },
  'a page above it, which is allowed': {
    clientData: (data) => ({ ...data, crossOrigin: true, topOrigin: 'http://localhost:4000' }),
  },
  'the domain of another site': { rpId: 'evil.example' },
  'the hash of the origin instead of the domain': { rpId: 'http://localhost:4000' },
  'a challenge that was never given out': {
    clientData: (data) => ({ ...data, challenge: base64url(Buffer.alloc(32)) }),
  },
  'no challenge': { clientData: ({ challenge: _, ...data }) => data },
  'a challenge that is encoded twice': {
    clientData: (data) => ({ ...data, challenge: base64url(String(data.challenge)) }),
  },
  'a type of another ceremony': { clientData: (data) => ({ ...data, type: otherType(data.type) }) },
  'no type': { clientData: ({ type: _, ...data }) => data },
  'a user who was not present': { flags: without(FLAGS.UP) },
  'a user who was not verified': { flags: without(FLAGS.UV) },
  'a copy of what cannot be copied': { flags: withBit(FLAGS.BS) },
  'extensions that are not there': { flags: withBit(FLAGS.ED) },
  'client data that is no JSON': { clientText: () => Buffer.from('{"type":') },
  'client data that is null': { clientText: () => Buffer.from('null') },
  'client data that is a list': { clientText: (text) => Buffer.from(`[${text}]`) },
  'client data that is no text': { clientText: () => Buffer.of(0xff, 0xfe, 0x00) },
  'huge client data': { clientData: (data) => ({ ...data, padding: 'x'.repeat(5_000) }) },
  'client data that is not base64url': {
    answer: ({ response }) => {
      response.clientDataJSON = `${response.clientDataJSON}=`;
    },
  },
  'empty client data': {
    answer: ({ response }) => {
      response.clientDataJSON = '';
    },
  },
  'authenticator data that is cut short': { authData: (data) => data.subarray(0, 36) },
  'authenticator data with more behind it': { authData: (data) => Buffer.concat([data, Buffer.of(0)]) },
  'an id that differs from rawId': {
    answer: (answer) => {
      answer.rawId = base64url('another');
    },
  },
  'an id that is not base64url': {
    answer: (answer) => {
      answer.id = answer.rawId = '+/==';
    },
  },
  'an id that is spelled in another way': {
    answer: (answer) => {
      answer.id = answer.rawId = `${answer.id}=`;
    },
  },
  'no id': {
    answer: (answer) => {
      answer.id = answer.rawId = '';
    },
  },
  'a huge id': {
    answer: (answer) => {
      answer.id = answer.rawId = base64url(Buffer.alloc(1_024));
    },
  },
  'another type of credential': {
    answer: (answer) => {
      answer.type = 'password';
    },
  },
};

const OF_LOGIN: Readonly<Record<string, Tamper>> = {
  'a signature with one bit changed': { signature: flipLast },
  'a signature by another key': { key: keyPairOf('ES256').privateKey },
  'a signature of nothing': { signature: () => Buffer.alloc(70) },
  'a signature that is not base64url': {
    answer: ({ response }) => {
      response.signature = '!';
    },
  },
  'a huge signature': { signature: () => Buffer.alloc(800) },
  'no signature': {
    answer: ({ response }) => {
      response.signature = '';
    },
  },
  'authenticator data that was not signed': {
    answer: ({ response }) => {
      const data = Buffer.from(response.authenticatorData, 'base64url');
      data.writeUInt32BE(1_000, 33);
      response.authenticatorData = base64url(data);
    },
  },
  'client data that was not signed': {
    answer: ({ response }) => {
      response.clientDataJSON = base64url(`${Buffer.from(response.clientDataJSON, 'base64url')} `);
    },
  },
  'huge authenticator data': { authData: (data) => Buffer.concat([data, Buffer.alloc(4_000)]) },
  'authenticator data that promises a new passkey': { flags: withBit(FLAGS.AT) },
  'a counter that stands still': { signCount: 1 },
  'a counter that goes back': { signCount: 0 },
  'a passkey that can be copied now': { flags: withBit(FLAGS.BE) },
  'a passkey that is copied now': { flags: withBit(FLAGS.BE | FLAGS.BS) },
  'no user handle': {
    answer: ({ response }) => {
      response.userHandle = null;
    },
  },
  'an empty user handle': {
    answer: ({ response }) => {
      response.userHandle = '';
    },
  },
  'the user handle of nobody': {
    answer: ({ response }) => {
      response.userHandle = base64url(Buffer.alloc(64));
    },
  },
  'a huge user handle': {
    answer: ({ response }) => {
      response.userHandle = base64url(Buffer.alloc(65));
    },
  },
  'an id that nobody has': {
    answer: (answer) => {
      answer.id = answer.rawId = base64url(Buffer.alloc(32));
    },
  },
};

const rsaKey =
  ({ modulus = Buffer.alloc(256, 0xff), exponent = Buffer.of(1, 0, 1) }) =>
  () =>
    new Map<number, unknown>([
      [1, 3],
      [3, -257],
      [-1, modulus],
      [-2, exponent],
    ]);
/** @param y little-endian */
const ed25519Key = (y: Buffer) => () =>
  new Map<number, unknown>([
    [1, 1],
    [3, -8],
    [-1, 6],
    [-2, Buffer.concat([y, Buffer.alloc(32 - y.length)])],
  ]);
const replace = (key: number, value: unknown) => (map: Map<number, unknown>) => new Map(map).set(key, value);
const nested = (depth: number) => Buffer.concat([Buffer.alloc(depth, 0x81), Buffer.of(0)]);

const OF_REGISTRATION: Readonly<Record<string, Tamper>> = {
  'no new passkey in it': { flags: without(FLAGS.AT) },
  'an algorithm that was not offered': {
    coseKey: replace(3, -35),
  },
  'an algorithm by a word': { coseKey: replace(3, 'ES256') },
  'no algorithm': { coseKey: (map) => new Map([...map].filter(([key]) => key !== 3)) },
  'a key of another kind than its algorithm': { coseKey: replace(1, 3) },
  'a curve of another algorithm': { coseKey: replace(-1, 2) },
  'a point that is not on the curve': { coseKey: replace(-2, Buffer.alloc(32, 1)) },
  'a point that is cut short': { coseKey: replace(-3, Buffer.alloc(8, 1)) },
  'no key': { coseKey: () => new Map() },
  'an RSA key of 512 bits': { coseKey: rsaKey({ modulus: Buffer.alloc(64, 0xff) }) },
  'an RSA key of 16,384 bits': { coseKey: rsaKey({ modulus: Buffer.alloc(2_048, 0xff) }) },
  'an RSA key that everybody can sign with, for its exponent is 1': {
    coseKey: rsaKey({ exponent: Buffer.of(1) }),
  },
  'an RSA key with the exponent 0': { coseKey: rsaKey({ exponent: Buffer.of(0) }) },
  'an RSA key with the exponent 3': { coseKey: rsaKey({ exponent: Buffer.of(3) }) },
  'an RSA key with an even exponent': { coseKey: rsaKey({ exponent: Buffer.of(1, 0, 2) }) },
  'an RSA key with a huge exponent': { coseKey: rsaKey({ exponent: Buffer.alloc(256, 0xff) }) },
  'an RSA key with an even modulus': { coseKey: rsaKey({ modulus: Buffer.alloc(256, 0xfe) }) },
  'an Ed25519 key that everybody can sign with': { coseKey: ed25519Key(Buffer.of(1)) },
  'an Ed25519 key of order 4': { coseKey: ed25519Key(Buffer.of(0)) },
  'an Ed25519 key that is not on the curve': { coseKey: ed25519Key(Buffer.of(2)) },
  'an attestation with a statement where there is none': {
    attestation: (map) => new Map(map).set('attStmt', new Map([['sig', Buffer.alloc(8)]])),
  },
  ...Object.fromEntries(
    ['fido-u2f', 'tpm', 'apple', 'android-key', 'android-safetynet', 'mine', ''].map((format) => [
      `an attestation of the format "${format}"`,
      { attestation: (map: Map<string, unknown>) => new Map(map).set('fmt', format) },
    ]),
  ),
  'a packed attestation with certificates': {
    attestation: (map) =>
      new Map(map).set('fmt', 'packed').set(
        'attStmt',
        new Map<string, unknown>([
          ['alg', -7],
          ['sig', Buffer.alloc(64)],
          ['x5c', [Buffer.alloc(64)]],
        ]),
      ),
  },
  'a packed attestation without a signature': {
    attestation: (map) => new Map(map).set('fmt', 'packed').set('attStmt', new Map([['alg', -7]])),
  },
  'an attestation without authenticator data': {
    attestation: (map) => new Map([...map].filter(([key]) => key !== 'authData')),
  },
  'rubbish for an attestation': { attestationBytes: () => Buffer.alloc(200, 0xff) },
  'an attestation that is a number': { attestationBytes: () => cbor(7) },
  'an attestation that is cut short': { attestationBytes: (bytes) => bytes.subarray(0, -20) },
  'an attestation that promises four thousand million bytes': {
    attestationBytes: () => Buffer.of(0x5a, 0xff, 0xff, 0xff, 0xff),
  },
  'an attestation that promises a list without end': {
    attestationBytes: () => Buffer.of(0x9b, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
  },
  'an attestation of six thousand lists in lists': { attestationBytes: () => nested(6_000) },
  'a huge attestation': { attestationBytes: () => nested(6_200) },
  'an id that is not the one in the attestation': {
    answer: (answer) => {
      answer.id = answer.rawId = base64url(Buffer.alloc(32));
    },
  },
  'eleven transports': {
    answer: ({ response }) => {
      response.transports = Array(11).fill('usb');
    },
  },
};

function otherType(type: unknown): string {
  return type === 'webauthn.get' ? 'webauthn.create' : 'webauthn.get';
}

/** Everything that a ceremony may write. */
async function written(app: TestApp): Promise<unknown[]> {
  const tables = ['users', 'factors', 'passkeys', 'sessions', 'recovery_codes', 'spent_passkey_challenges'];
  return Promise.all(tables.map((table) => app.database.all(`SELECT * FROM ${table} ORDER BY 1`)));
}

/** One account with a passkey, for many tries. */
async function setUp(app: TestApp): Promise<Registered & { token: string }> {
  const registered = await registerPasskey(app, (await register(app)).accessToken);
  return { ...registered, token: registered.auth.accessToken };
}

async function loginWith(app: TestApp, { authenticator }: Registered, tamper?: Tamper) {
  const passkey = authenticator.get(await startLogin(app), tamper);
  return app.send(LOGIN_WITH_PASSKEY, { input: { passkey } });
}

async function reasons(app: TestApp): Promise<string[]> {
  return (await eventsOf(app, 'authn_login_fail')).map(({ details }) => JSON.parse(details).reason);
}

describeApp('a login with a passkey', (start) => {
  it('every answer with one thing wrong is refused, nothing is written, and a right one works (MFA-5)', async () => {
    const app = await start({ config: { throttles: false } });
    const account = await setUp(app);
    const before = await written(app);
    const tampers = Object.entries({ ...OF_BOTH, ...OF_LOGIN });
    expect(tampers.length).toBeGreaterThan(50);
    const codes = [];
    for (const [name, tamper] of tampers) codes.push([name, (await loginWith(app, account, tamper)).code]);
    expect(codes).toEqual(tampers.map(([name]) => [name, 'INVALID_CODE']));
    expect(await written(app)).toEqual(before);
    expect(await reasons(app)).toHaveLength(tampers.length);
    expect((await loginWith(app, account)).code).toBe('OK');
  });

  it('every answer with one thing wrong is refused as second factor, but for a user who is known already (MFA-5)', async () => {
    const app = await start({ config: { throttles: false } });
    const account = await setUp(app);
    const optional = ['a user who was not verified', 'no user handle'];
    const tampers = Object.entries({ ...OF_BOTH, ...OF_LOGIN }).filter(([name]) => !optional.includes(name));
    const codes = [];
    for (const [name, tamper] of tampers) {
      const mfaToken = mfaTokenOf(await app.send(LOGIN, { input: { email: EMAIL, password: PASSWORD } }));
      const passkey = account.authenticator.get(await startChallenge(app, { mfaToken }), tamper);
      codes.push([name, (await app.send(COMPLETE_MFA, { input: { mfaToken, passkey } })).code]);
    }
    expect(codes).toEqual(tampers.map(([name]) => [name, 'INVALID_CODE']));
  });

  it.each([
    ['a counter that goes back', 'passkey_counter'],
    ['a passkey that can be copied now', 'passkey_backup_eligibility'],
    ['an id that nobody has', 'passkey_unknown'],
    ['a huge id', 'passkey_malformed'],
    ['a signature by another key', 'passkey_wrong'],
  ])('the audit trail says of %s: %s', async (name, reason) => {
    const app = await start();
    const account = await setUp(app);
    await loginWith(app, account, { ...OF_BOTH, ...OF_LOGIN }[name]);
    const [event] = await eventsOf(app, 'authn_login_fail');
    expect(JSON.parse(event?.details ?? '')).toEqual({ reason });
    const isKnown = reason === 'passkey_counter' || reason === 'passkey_backup_eligibility';
    if (isKnown) expect(event?.userId).toBe(account.auth.user.id);
  });

  it('an answer works once', async () => {
    const app = await start();
    const { authenticator } = await setUp(app);
    const passkey = authenticator.get(await startLogin(app));
    const codes = [];
    for (let time = 0; time < 2; time += 1)
      codes.push((await app.send(LOGIN_WITH_PASSKEY, { input: { passkey } })).code);
    expect(codes[0]).toBe('OK');
    // The counter stands still, and where there is none the challenge is spent.
    expect(codes[1]).toBe('INVALID_CODE');
    expect(await app.database.all('SELECT id FROM sessions WHERE revoked_at IS NULL')).toHaveLength(2);
  });

  it('a challenge works once, also for an authenticator that counts nothing', async () => {
    const app = await start();
    const { auth, authenticator } = await registerPasskey(app, (await register(app)).accessToken, {
      counts: false,
    });
    const options = await startLogin(app);
    const send = () => app.send(LOGIN_WITH_PASSKEY, { input: { passkey: authenticator.get(options) } });
    expect((await send()).code).toBe('OK');
    expect((await send()).code).toBe('INVALID_TOKEN');
    const challenge = await startChallenge(app, { token: auth.accessToken });
    const again = () =>
      app.send(
        REAUTHENTICATE,
        { input: { passkey: authenticator.get(challenge) } },
        { token: auth.accessToken },
      );
    expect((await again()).code).toBe('OK');
    expect((await again()).code).toBe('UNAUTHENTICATED');
  });

  it('a challenge of another ceremony, session, login, server or time is dead', async () => {
    const app = await start({ config: { accessTokenTtlSeconds: 3_600 } });
    const { authenticator, token, recoveryCodes } = await setUp(app);
    const firstStep = async () =>
      mfaTokenOf(await app.send(LOGIN, { input: { email: EMAIL, password: PASSWORD } }));
    const mfaToken = await firstStep();
    const second = await app.send(COMPLETE_MFA, {
      input: { mfaToken: await firstStep(), recoveryCode: recoveryCodes?.[0] },
    });
    const other = second.data.completeMfaLogin.accessToken;
    const toLogin = (options: Parameters<typeof authenticator.get>[0]) =>
      app.send(LOGIN_WITH_PASSKEY, { input: { passkey: authenticator.get(options) } });
    const toComplete = (options: Parameters<typeof authenticator.get>[0], token = mfaToken) =>
      app.send(COMPLETE_MFA, { input: { mfaToken: token, passkey: authenticator.get(options) } });
    const toProve = (options: Parameters<typeof authenticator.get>[0], asking = token) =>
      app.send(REAUTHENTICATE, { input: { passkey: authenticator.get(options) } }, { token: asking });

    const registration = await startRegistration(app, token);
    const asLogin = { ...registration, rpId: 'localhost', allowCredentials: [] };
    const stranger = await start({ config: { secrets: [randomBytes(32)] } });
    const dead = [
      await toLogin(await startChallenge(app, { mfaToken })),
      await toLogin(await startChallenge(app, { token })),
      await toLogin(asLogin),
      await toLogin(await startLogin(stranger)),
      await toLogin({ ...(await startLogin(app)), challengeId: 'lkc_' }),
      await toLogin({ ...(await startLogin(app)), challengeId: 'x'.repeat(10_000) }),
      await toComplete(await startLogin(app)),
      await toComplete(await startChallenge(app, { token })),
      await toComplete(await startChallenge(app, { mfaToken: await firstStep() })),
      await toProve(await startLogin(app)),
      await toProve(await startChallenge(app, { mfaToken })),
      await toProve(await startChallenge(app, { token: other })),
      await app.send(
        FINISH_REGISTRATION,
        { input: createSoftAuthenticator().create({ ...registration, ...(await startLogin(app)) }) },
        { token },
      ),
    ];
    expect(dead.map(({ code }) => code)).toEqual(dead.map(() => 'INVALID_TOKEN'));

    const late = await startLogin(app);
    app.clock.travel(5 * MINUTE - 1);
    const lastMoment = await startLogin(app);
    app.clock.travel(1);
    expect((await toLogin(late)).code).toBe('INVALID_TOKEN');
    app.clock.travel(5 * MINUTE - 2);
    expect((await toLogin(lastMoment)).code).toBe('OK');
  });

  it('a challenge of a clock that ran ahead is dead once the clock is right again', async () => {
    const app = await start();
    const { authenticator } = await setUp(app);
    app.clock.travel(120 * MINUTE);
    const passkey = authenticator.get(await startLogin(app));
    app.clock.travel(-120 * MINUTE);
    expect((await app.send(LOGIN_WITH_PASSKEY, { input: { passkey } })).code).toBe('INVALID_TOKEN');
  });

  it('of an authenticator and its copy that answer at the same time, one is let in', async () => {
    const app = await start();
    const { authenticator } = await setUp(app);
    const [one, two] = [await startLogin(app), await startLogin(app)];
    const answers = [one, two].map((options) => authenticator.get(options, { signCount: 5 }));
    const codes = await Promise.all(
      answers.map(async (passkey) => (await app.send(LOGIN_WITH_PASSKEY, { input: { passkey } })).code),
    );
    expect(codes.sort()).toEqual(['INVALID_CODE', 'OK']);
  });

  it('the challenge of one login does not fit the id of another', async () => {
    const app = await start();
    const { authenticator } = await setUp(app);
    const [first, second] = [await startLogin(app), await startLogin(app)];
    const passkey = authenticator.get({ ...first, challengeId: second.challengeId });
    expect((await app.send(LOGIN_WITH_PASSKEY, { input: { passkey } })).code).toBe('INVALID_CODE');
  });

  it('the passkey of another account is refused as second factor, and so is its id with the own key', async () => {
    const app = await start();
    const ada = await setUp(app);
    const grace = await registerPasskey(app, (await register(app, 'grace@example.com')).accessToken);
    const mfaToken = mfaTokenOf(await app.send(LOGIN, { input: { email: EMAIL, password: PASSWORD } }));
    const complete = async (registered: Registered, tamper: Tamper = {}) => {
      const options = { ...(await startChallenge(app, { mfaToken })), allowCredentials: [] };
      const passkey = registered.authenticator.get(options, tamper);
      return (await app.send(COMPLETE_MFA, { input: { mfaToken, passkey } })).code;
    };
    const [own] = ada.authenticator.credentials;
    const [foreign] = grace.authenticator.credentials;
    expect(await complete(grace)).toBe('INVALID_CODE');
    const asAda = {
      answer: (answer: { id: string; rawId: string; response: { userHandle: string } }) => {
        answer.id = answer.rawId = own?.id.toString('base64url') ?? '';
        answer.response.userHandle = own?.userHandle ?? '';
      },
    };
    expect(await complete(grace, asAda)).toBe('INVALID_CODE');
    const asGrace = {
      answer: ({ response }: { response: { userHandle: string } }) => {
        response.userHandle = foreign?.userHandle ?? '';
      },
    };
    expect(await complete(ada, asGrace)).toBe('INVALID_CODE');
    expect((await loginWith(app, ada, asGrace)).code).toBe('INVALID_CODE');
    expect(await complete(ada)).toBe('OK');
  });

  it('a change of the password ends what was asked of a passkey as second factor', async () => {
    const app = await start();
    const { authenticator } = await setUp(app);
    const mfaToken = mfaTokenOf(await app.send(LOGIN, { input: { email: EMAIL, password: PASSWORD } }));
    const passkey = authenticator.get(await startChallenge(app, { mfaToken }));
    await app.admin.setPassword(EMAIL, 'another passphrase altogether');
    expect((await app.send(COMPLETE_MFA, { input: { mfaToken, passkey } })).code).toBe('INVALID_TOKEN');
  });
});

describeApp('a registration of a passkey', (start) => {
  it('every answer with one thing wrong is refused, nothing is written, and a right one works (MFA-5)', async () => {
    const app = await start({ config: { throttles: false } });
    const { accessToken: token } = await register(app);
    await startRegistration(app, token);
    const before = await written(app);
    const tampers = Object.entries({ ...OF_BOTH, ...OF_REGISTRATION });
    expect(tampers.length).toBeGreaterThan(50);
    const codes = [];
    for (const [name, tamper] of tampers) {
      const input = createSoftAuthenticator().create(await startRegistration(app, token), tamper);
      codes.push([name, (await app.send(FINISH_REGISTRATION, { input }, { token })).code]);
    }
    expect(codes).toEqual(tampers.map(([name]) => [name, 'INVALID_CODE']));
    expect(await written(app)).toEqual(before);
    await registerPasskey(app, token);
  });

  it('a registration works once, also for two answers at the same time', async () => {
    const app = await start();
    const { accessToken: token } = await register(app);
    await app.database.run('UPDATE users SET email_verified_at = 1');
    await login(app);
    const input = createSoftAuthenticator().create(await startRegistration(app, token));
    const [one, two] = await Promise.all([
      app.send(FINISH_REGISTRATION, { input }, { token }),
      app.send(FINISH_REGISTRATION, { input }, { token }),
    ]);
    expect([one?.code, two?.code].filter((code) => code === 'OK')).toHaveLength(1);
    expect(await app.database.all('SELECT id FROM factors')).toHaveLength(1);
  });
});
