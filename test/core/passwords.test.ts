import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { hash as argon2 } from '@node-rs/argon2';
import bcrypt from 'bcrypt';
import fc from 'fast-check';
import type { Config } from '../../src/config/config.ts';
import { bitsToGuess } from '../../src/core/passwords/guessability.ts';
import { HASH_COST, hashPassword } from '../../src/crypto/password-hash.ts';
import {
  CHANGE_PASSWORD,
  CONFIRM_EMAIL_CHANGE,
  DELETE_ME,
  LOGIN,
  login,
  REAUTHENTICATE,
  REGISTER,
  REQUEST_EMAIL_CHANGE,
  REQUEST_RESET,
  REQUEST_VERIFICATION,
  RESET_PASSWORD,
  register,
  VERIFY_EMAIL,
} from '../support/documents.ts';
import { eventsOf } from '../support/events.ts';
import { mailedToken } from '../support/letters.ts';
import { describeApp, PASSWORD } from '../support/start-app.ts';

const OWNER = { email: 'a.a.k.lovelace@analytical-engine.example', name: 'Ada Lovelace, Countess' };

/** Each as it is refused, and something near it that is not. */
const COMMON = [
  ['a common password twice', 'passwordpassword', 'password-velvet-otter'],
  ['a common password in mixed case', 'QWERTYuiop12345', 'QWERTYuiop-velvet otter'],
  ['one character repeated', 'xxxxxxxxxxxxxxxx', 'xxxxxxxx velvet otter'],
  ['a repeated pattern', 'abcabcabcabcabc', 'abcabc velvet otter'],
  ['a run of digits', '123456789012345', '739281560473916'],
  ['rows of the keyboard', 'qwertyuiopasdfgh', 'qpwoeiruty-zmxncb'],
  ['a part of the alphabet', 'hijklmnopqrstuvw', 'hkjlimonprqtsvuw'],
  ['rows of the keyboard backwards', 'lkjhgfdsapoiuytr', 'lakjshdgf poqiwu'],
  ['a common password and digits', 'Sunshine12345678', 'Sunshine83650174929'],
  ['a name and a date', 'michael19870423', 'mijhael.veq1987.0423'],
  ['two common words', 'liverpoolfootball', 'liverpool plays velvet'],
  ['two words of the language', 'abdominalabrasion', 'abdominalabrasionvelvet'],
  ['a common password in leetspeak', 'P@$$w0rd!P4ssw0rd', 'P@$$w0rd!v3lv3t-0tt3r'],
  [
    'a common password in full-width letters',
    'ｐａｓｓｗｏｒｄ１２３４５６７',
    'ｖｅｌｖｅｔ－ｏｔｔｅｒ－ｓｈｏｅ',
  ],
  ['the name of this software', 'latchkey-latchkey', 'latchkey-velvet-otter'],
] as const;

const PERSONAL = [
  [
    'the address of its owner',
    'a.a.k.lovelace@analytical-engine.example',
    'ada.babbage@difference-machine.example',
  ],
  ['the local part of the address and a year', 'a.a.k.lovelace1815', 'a.a.k.somerville1815'],
  ['the domain of the address', 'analytical-engine.example', 'analytical-steamship'],
  ['words of the local part and of the domain', 'LovelaceAnalytical', 'LovelacePunchedCard'],
  ['the name of its owner', 'Ada Lovelace, Countess', 'Mary Somerville, Polymath'],
  ['the name of its owner and a year', 'ada-lovelace-1815', 'ada-somerville-1815'],
  ['the name of its owner in leetspeak', 'l0vel@ce-l0vel@ce', 'vel0ur-0tt3r-cl0ud'],
] as const;

describeApp('choosing a password', (start) => {
  it('a new password may be a passphrase of four words', async () => {
    const app = await start();
    expect((await app.send(REGISTER, { input: { ...OWNER, password: PASSWORD } })).code).toBe('OK');
  });

  it.each(COMMON)('a new password is refused when it is %s (PW-6)', async (_, refused, allowed) => {
    const app = await start();
    const answer = await app.send(REGISTER, { input: { ...OWNER, password: refused } });
    expect(answer.errors?.[0]?.extensions).toEqual({
      code: 'WEAK_PASSWORD',
      reason: 'TOO_COMMON',
      minLength: 15,
    });
    expect((await app.send(REGISTER, { input: { ...OWNER, password: allowed } })).code).toBe('OK');
  });

  it.each(PERSONAL)('a new password is refused when it is %s (PW-6)', async (_, refused, allowed) => {
    const app = await start();
    const answer = await app.send(REGISTER, { input: { ...OWNER, password: refused } });
    expect(answer.errors?.[0]?.extensions).toEqual({
      code: 'WEAK_PASSWORD',
      reason: 'CONTAINS_PERSONAL_INFO',
      minLength: 15,
    });
    expect((await app.send(REGISTER, { input: { ...OWNER, password: allowed } })).code).toBe('OK');
  });

  it('a new password may be the name of another person', async () => {
    const app = await start();
    const input = { email: 'grace@navy.example', name: 'Grace', password: 'Ada Lovelace, Countess' };
    expect((await app.send(REGISTER, { input })).code).toBe('OK');
  });

  it('changePassword refuses a weak new password, and the old one stays in place (PW-6, PW-7)', async () => {
    const app = await start();
    const { accessToken: token } = await register(app, OWNER.email);
    const change = (newPassword: string) =>
      app.send(CHANGE_PASSWORD, { input: { currentPassword: PASSWORD, newPassword } }, { token });
    const refusals = [await change('passwordpassword'), await change('lovelace-lovelace')];
    expect(refusals.map(({ errors }) => errors?.[0]?.extensions.reason)).toEqual([
      'TOO_COMMON',
      'CONTAINS_PERSONAL_INFO',
    ]);
    const input = { email: OWNER.email, password: PASSWORD };
    expect((await app.send(LOGIN, { input })).code).toBe('OK');
    expect((await change('velvet otter parliament')).code).toBe('OK');
  });

  it('a weak password is refused when the operator creates an account or sets a password (PW-6)', async () => {
    const app = await start();
    const refusal = (reason: string) =>
      expect.objectContaining({ extensions: expect.objectContaining({ code: 'WEAK_PASSWORD', reason }) });
    const create = (password: string) => app.admin.createUser({ ...OWNER, password });
    await expect(create('passwordpassword')).rejects.toEqual(refusal('TOO_COMMON'));
    await expect(create('ada-lovelace-1815')).rejects.toEqual(refusal('CONTAINS_PERSONAL_INFO'));
    await create(PASSWORD);
    const set = (password: string) => app.admin.setPassword(OWNER.email, password);
    await expect(set('passwordpassword')).rejects.toEqual(refusal('TOO_COMMON'));
    await expect(set('ada-lovelace-1815')).rejects.toEqual(refusal('CONTAINS_PERSONAL_INFO'));
    await set('velvet otter parliament');
  });

  it('a weak password that was set before the rule still logs in', async () => {
    const app = await start();
    await register(app, OWNER.email);
    const phc = await hashPassword('passwordpassword');
    await app.database.run('UPDATE users SET password_hash = :phc', { phc });
    const input = { email: OWNER.email, password: 'passwordpassword' };
    expect((await app.send(LOGIN, { input })).code).toBe('OK');
  });
});

describeApp('passwords that were hashed elsewhere', (start) => {
  const FIREBASE = {
    signerKey: Buffer.from(
      'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==',
      'base64',
    ),
    saltSeparator: Buffer.of(7),
    rounds: 8,
    memCost: 14,
  };
  const HASHES = [
    [
      'argon2i',
      'password',
      '$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ',
    ],
    ['bcrypt', 'U*U', '$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
    [
      'scrypt',
      'correct horse bättery',
      '$scrypt$ln=10,r=8,p=1$W6uVMgbgPAeAMIbwXutdiw$t11rIydp8ma+kuThJwtNov6apr79GQcm/sC3UYm5rfY',
    ],
    [
      "Firebase's scrypt",
      'user1password',
      '$firebase-scrypt$ln=14,r=8$42xEC+ixf3L2lwc$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ',
    ],
    [
      'PBKDF2',
      'correct horse bättery',
      '$pbkdf2-sha256$i=1000$FKLUOodwrnXOubeWUiqlVA$JHpN5zRGMFJeZ599i9dY54+DanbdwPCESYHz4McoH4o',
    ],
  ] as const;

  async function startWith(hash: string, config: Partial<Config> = {}) {
    const app = await start({ config, hashCost: HASH_COST });
    await register(app);
    await app.database.run('UPDATE users SET password_hash = :hash', { hash });
    const stored = async () =>
      (await app.database.get<{ hash: string }>('SELECT password_hash AS hash FROM users'))?.hash;
    const attempt = async (password: string) =>
      (await app.send(LOGIN, { input: { email: 'ada@example.com', password } })).code;
    return { stored, attempt };
  }

  it.each(HASHES)(
    'a password that was hashed elsewhere logs in, and its hash is replaced at the first login: %s (PW-2)',
    async (_, password, hash) => {
      const { stored, attempt } = await startWith(hash, { firebaseScrypt: FIREBASE });
      expect(await attempt(`x${password}`)).toBe('INVALID_CREDENTIALS');
      expect(await stored()).toBe(hash);
      expect(await attempt(password)).toBe('OK');
      expect(await stored()).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
      expect(await attempt(password)).toBe('OK');
      expect(await attempt(`x${password}`)).toBe('INVALID_CREDENTIALS');
    },
  );

  // bcrypt sees 72 bytes; the hashes are the cheapest, because their cost does not matter here.
  const LONG = 'é'.repeat(40);
  const SEEN = 'é'.repeat(36);
  it.each<[string, string, string]>([
    ['another ending after the bytes that bcrypt sees', LONG, `${SEEN}another ending`],
    ['an ending after a password of exactly 72 bytes', SEEN, `${SEEN}!`],
    ['a repetition of the password after a NUL', PASSWORD, `${PASSWORD}\0${PASSWORD}`],
  ])('a bcrypt hash is not replaced when the typed text has %s (PW-2)', async (_what, password, typed) => {
    const hash = await bcrypt.hash(password, 4);
    const { stored, attempt } = await startWith(hash);
    expect(await attempt(typed)).toBe('OK');
    expect(await stored()).toBe(hash);
    expect(await attempt(password)).toBe('OK');
  });

  it.each([71, 72])(
    'the bcrypt hash of a password of %i bytes is replaced, because bcrypt sees all of it',
    async (length) => {
      const password = 'a'.repeat(length);
      const { stored, attempt } = await startWith(await bcrypt.hash(password, 4));
      expect(await attempt(password)).toBe('OK');
      expect(await stored()).toMatch(/^\$argon2id\$/);
      expect(await attempt(`${password}a`)).toBe('INVALID_CREDENTIALS');
      expect(await attempt(password)).toBe('OK');
    },
  );

  it('a password with a Firebase hash is refused without the key of its project, and the hash stays as it is', async () => {
    const [, password, hash] = HASHES[3];
    const { stored, attempt } = await startWith(hash);
    expect(await attempt(password)).toBe('INVALID_CREDENTIALS');
    expect(await stored()).toBe(hash);
  });

  it('a password is refused when its stored hash costs too much or is no hash at all (PW-3)', async () => {
    for (const hash of [`$2b$31$${'C'.repeat(53)}`, 'U*U', '']) {
      const { attempt } = await startWith(hash);
      expect(await attempt('U*U')).toBe('INVALID_CREDENTIALS');
    }
  });
});

/** Texts that take long to normalise: the time grows with the square of a run of marks. */
const SLOW = [
  ['marks of two orders', '\u0315\u0300'.repeat(8_000)],
  ['signs that decompose into marks', '\u0f73'.repeat(16_000)],
] as const;

/** Every text that is normalised meanwhile, by its length. */
function watchNormalize() {
  const { normalize } = String.prototype;
  const lengths: number[] = [];
  jest.spyOn(String.prototype, 'normalize').mockImplementation(function (this: string, form?: string) {
    lengths.push(String(this).length);
    return Reflect.apply(normalize, this, [form]);
  });
  return lengths;
}

describeApp('overlong passwords', (start) => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it.each(SLOW)(
    'an overlong password of %s is refused in every field without being normalised',
    async (_, password) => {
      const app = await start({ config: { networkFailures: 100, accountFailures: 100 } });
      const auth = await register(app);
      const sender = { token: auth.accessToken };
      await app.send(REQUEST_RESET, { input: { email: 'ada@example.com' } });
      await app.send(REQUEST_VERIFICATION, { input: { email: 'ada@example.com' } });
      await app.send(
        REQUEST_EMAIL_CHANGE,
        { input: { newEmail: 'lovelace@example.com', password: PASSWORD } },
        sender,
      );
      const verification = await mailedToken(app, '/verify-email');
      const confirmation = await mailedToken(app, '/confirm-email', 'lovelace@example.com');
      const reset = await mailedToken(app, '/reset-password');
      const lengths = watchNormalize();

      const strangers: [string, object][] = [
        [LOGIN, { email: 'ada@example.com', password }],
        [LOGIN, { email: 'unknown@example.com', password }],
        [VERIFY_EMAIL, { token: verification, password }],
        [CONFIRM_EMAIL_CHANGE, { token: confirmation, password }],
      ];
      const owners: [string, object][] = [
        [CHANGE_PASSWORD, { currentPassword: password, newPassword: 'velvet otter parliament' }],
        [REAUTHENTICATE, { password }],
        [DELETE_ME, { password }],
        [REQUEST_EMAIL_CHANGE, { newEmail: 'countess@example.com', password }],
      ];
      const answers: string[] = [];
      for (const [document, input] of strangers) answers.push((await app.send(document, { input })).code);
      for (const [document, input] of owners)
        answers.push((await app.send(document, { input }, sender)).code);
      expect(answers).toEqual(Array(8).fill('INVALID_CREDENTIALS'));
      const form = new URLSearchParams({ username: 'ada@example.com', password: password.slice(0, 7_000) });
      const answer = await app.server.inject({
        method: 'POST',
        url: '/token',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        payload: form.toString(),
      });
      expect(answer.json()).toMatchObject({ error: 'invalid_grant' });

      const news: [string, object][] = [
        [REGISTER, { email: 'grace@example.com', password }],
        [RESET_PASSWORD, { token: reset, newPassword: password }],
      ];
      for (const [document, input] of news) {
        const { errors } = await app.send(document, { input });
        expect(errors?.[0]?.extensions).toMatchObject({ code: 'WEAK_PASSWORD', reason: 'TOO_LONG' });
      }
      const change = { currentPassword: PASSWORD, newPassword: password };
      const refused = await app.send(CHANGE_PASSWORD, { input: change }, sender);
      expect(refused.errors?.[0]?.extensions).toMatchObject({ code: 'WEAK_PASSWORD', reason: 'TOO_LONG' });
      await expect(app.admin.setPassword('ada@example.com', password)).rejects.toMatchObject({
        extensions: { reason: 'TOO_LONG' },
      });
      expect(Math.max(...lengths)).toBeLessThanOrEqual(1_024);
    },
  );

  it('an overlong password counts as a failure like any other wrong one (LOG-1, LOG-3)', async () => {
    const app = await start();
    await register(app);
    const attempt = async (password: string) =>
      app.send(LOGIN, { input: { email: 'ada@example.com', password } });
    const wrong = await attempt('wrong horse battery staple');
    const long = await attempt('x'.repeat(60_000));
    expect(long.body).toBe(wrong.body);
    const { lane } =
      (await app.database.get<{ lane: number }>('SELECT max(count) AS lane FROM throttles')) ?? {};
    expect(Number(lane)).toBe(2);
    expect((await eventsOf(app, 'authn_login_fail')).map(({ details }) => JSON.parse(details))).toEqual(
      Array(2).fill({ reason: 'wrong_password' }),
    );
  });

  it('a password of 4,096 bytes that was hashed elsewhere logs in, and neither a longer nor a shorter one does', async () => {
    const app = await start();
    await register(app);
    const password = 'é'.repeat(2_048);
    const hash = await argon2(password, { memoryCost: 256, timeCost: 1, parallelism: 1 });
    await app.database.run('UPDATE users SET password_hash = :hash', { hash });
    const attempt = async (text: string) =>
      (await app.send(LOGIN, { input: { email: 'ada@example.com', password: text } })).code;
    expect(await attempt(`${password}x`)).toBe('INVALID_CREDENTIALS');
    expect(await attempt(password.slice(1))).toBe('INVALID_CREDENTIALS');
    expect(await attempt(password)).toBe('OK');
    // Now under a hash of this server's own.
    expect(await attempt(password)).toBe('OK');
    expect(await attempt(`${password}x`)).toBe('INVALID_CREDENTIALS');
  });

  it('another Unicode spelling of a stored password logs in, even when it is far longer (PW-5)', async () => {
    const app = await start();
    const password = String.fromCodePoint(...Array.from({ length: 128 }, (_, i) => 0x1f80 + ((5 * i) % 48)));
    await register(app);
    await app.admin.setPassword('ada@example.com', password);
    const spelt = password.normalize('NFD');
    expect([...spelt].length).toBeGreaterThan(3 * 128);
    expect((await login(app, { password: spelt })).user.email).toBe('ada@example.com');
  });
});

describe('the estimate of guesses', () => {
  it('a password of 15 random letters passes the estimate of guesses, because no composition is asked for (PW-4)', () => {
    const letters = fc.string({
      unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'),
      minLength: 15,
      maxLength: 15,
    });
    // Without bias: fast-check likes to repeat itself, which is what is refused.
    fc.assert(
      fc.property(fc.noBias(letters), (text) => bitsToGuess(text) > Math.log2(1e8)),
      { numRuns: 10_000 },
    );
  });

  it('the estimate of guesses never grows with the words an attacker knows, and accepts any text', () => {
    const text = fc.string({ unit: 'binary', maxLength: 128 });
    fc.assert(
      fc.property(text, fc.array(text), (password, words) => {
        const bits = bitsToGuess(password);
        expect(bitsToGuess(password, words)).toBeLessThanOrEqual(bits);
        expect(bits).toBeGreaterThanOrEqual(0);
        expect(bits).toBeLessThanOrEqual(5 * 128);
      }),
      { numRuns: 2_000 },
    );
  });

  it('the estimate of guesses does not read a long text to its end', () => {
    expect(bitsToGuess('ﷺ'.repeat(128))).toBe(bitsToGuess('ﷺ'.repeat(10_000)));
  });
});
