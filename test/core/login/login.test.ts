import { expect, it } from '@jest/globals';
import { HASH_COST } from '../../../src/crypto/password-hash.ts';
import { CHANGE_PASSWORD, LOGIN, login, ME, register } from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { describeApp, PASSWORD } from '../../support/start-app.ts';

describeApp('login', (start) => {
  it('login opens a session with an id of its own and says who logged in (SES-1)', async () => {
    const app = await start();
    const registered = await register(app);
    const auth = await login(
      app,
      { deviceName: '  kitchen tablet ' },
      { ip: '198.51.100.7', userAgent: 'tablet/1' },
    );
    expect(auth).toMatchObject({
      tokenType: 'Bearer',
      expiresIn: 600,
      expiresAt: '2027-01-01T00:10:00.000Z',
      refreshExpiresAt: '2027-01-15T00:00:00.000Z',
      scope: [],
      user: { email: 'ada@example.com', name: null },
      session: {
        createdAt: '2027-01-01T00:00:00.000Z',
        authenticatedAt: '2027-01-01T00:00:00.000Z',
        lastUsedAt: '2027-01-01T00:00:00.000Z',
        expiresAt: '2027-01-31T00:00:00.000Z',
        idleExpiresAt: '2027-01-15T00:00:00.000Z',
        userAgent: 'tablet/1',
        ip: '198.51.100.7',
        deviceName: 'kitchen tablet',
        amr: ['pwd'],
        current: true,
      },
    });
    expect(auth.session.id).not.toBe(registered.session.id);
    expect((await app.send(ME, {}, { token: auth.accessToken })).data.me.id).toBe(registered.user.id);
  });

  it.each(['ADA@Example.COM', '  ada@example.com\n', 'Ada@EXAMPLE.com '])(
    'login ignores the case and the surrounding spaces of the address %j (LOG-5)',
    async (email) => {
      const app = await start();
      const { user } = await register(app, 'Ada@example.com');
      expect((await login(app, { email })).user).toMatchObject({ id: user.id, email: 'Ada@example.com' });
    },
  );

  it('a failed login gets the same bytes for every cause, and records one event (LOG-1, LOG-2)', async () => {
    const app = await start();
    await register(app);
    await register(app, 'off@example.com');
    await app.admin.disable('off@example.com');

    const attempts = [
      { email: 'ada@example.com', password: 'wrong horse battery staple' },
      { email: 'nobody@example.com', password: PASSWORD },
      { email: 'off@example.com', password: PASSWORD },
      { email: 'off@example.com', password: 'wrong horse battery staple' },
      { email: 'ada@example.com', password: '' },
    ];
    const answers = [];
    for (const input of attempts) answers.push(await app.send(LOGIN, { input }));

    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set(['INVALID_CREDENTIALS']));
    expect(new Set(answers.map(({ status }) => status)).size).toBe(1);
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    const headers = answers.map(({ headers: { date, 'x-request-id': _id, ...rest } }) =>
      JSON.stringify(rest),
    );
    expect(new Set(headers).size).toBe(1);
    const failures = await eventsOf(app, 'authn_login_fail');
    expect(failures.map(({ name }) => name)).toEqual(attempts.map(() => 'authn_login_fail'));
  });

  it('login refuses the right password with a character added before or after it (PW-4)', async () => {
    const app = await start();
    await register(app);
    expect(
      (await app.send(LOGIN, { input: { email: 'ada@example.com', password: `${PASSWORD}x` } })).code,
    ).toBe('INVALID_CREDENTIALS');
    expect(
      (await app.send(LOGIN, { input: { email: 'ada@example.com', password: ` ${PASSWORD}` } })).code,
    ).toBe('INVALID_CREDENTIALS');
  });

  it('login accepts the other Unicode spelling of an accented letter in a password (PW-5)', async () => {
    const app = await start();
    const password = 'crème brûlée at noon';
    await register(app);
    await app.admin.setPassword('ada@example.com', password.normalize('NFD'));
    expect((await login(app, { password: password.normalize('NFC') })).user.email).toBe('ada@example.com');
  });

  it('a login that a change of password overtakes leaves no session of the old password', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    const input = { currentPassword: PASSWORD, newPassword: 'another horse altogether' };
    const [changed, ...logins] = await Promise.all([
      app.send(CHANGE_PASSWORD, { input }, { token: accessToken }),
      ...Array.from({ length: 4 }, () =>
        app.send(LOGIN, { input: { email: 'ada@example.com', password: PASSWORD } }),
      ),
    ]);
    expect(changed?.code).toBe('OK');
    const rows = await app.database.all<{ id: string }>('SELECT id FROM sessions WHERE revoked_at IS NULL');
    expect(rows.map(({ id }) => id)).toEqual([changed?.data.changePassword.session.id]);
    expect(logins.every(({ code }) => code === 'OK' || code === 'INVALID_CREDENTIALS')).toBe(true);
  });

  it('login rehashes a password that was hashed with weaker parameters, and no other (PW-2)', async () => {
    const app = await start({ hashCost: HASH_COST });
    await register(app);
    const weak = '$argon2id$v=19$m=4096,t=1,p=1$';
    const { hash } = await import('@node-rs/argon2');
    const old = await hash(PASSWORD, { memoryCost: 4096, timeCost: 1, parallelism: 1 });
    expect(old.startsWith(weak)).toBe(true);
    await app.database.run('UPDATE users SET password_hash = :old', { old });
    await login(app);
    const upgraded = await app.database.get<{ h: string }>('SELECT password_hash AS h FROM users');
    expect(upgraded?.h).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    await login(app);
    expect(await app.database.get('SELECT password_hash AS h FROM users')).toEqual(upgraded);
  });

  it.each([
    '$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHQ$aGFzaA',
    '$argon2id$v=19$m=19456,t=4000000000,p=1$c2FsdHNhbHQ$aGFzaA',
    'nonsense',
  ])('login never computes the stored hash %s (PW-3)', async (stored) => {
    const app = await start();
    await register(app);
    await app.database.run('UPDATE users SET password_hash = :stored', { stored });
    expect((await app.send(LOGIN, { input: { email: 'ada@example.com', password: PASSWORD } })).code).toBe(
      'INVALID_CREDENTIALS',
    );
  });

  it('login refuses an account that has no password (LOG-1)', async () => {
    const app = await start();
    await register(app);
    await app.database.run('UPDATE users SET password_hash = NULL');
    expect((await app.send(LOGIN, { input: { email: 'ada@example.com', password: PASSWORD } })).code).toBe(
      'INVALID_CREDENTIALS',
    );
  });

  it('login ignores an Authorization header that is malformed or invalid (AT-8)', async () => {
    const app = await start();
    await register(app);
    for (const authorization of ['Bearer', 'Bearer x.y.z', 'Basic YTpi', 'Bearer a b', '\u00ff']) {
      const { code } = await app.send(
        LOGIN,
        { input: { email: 'ada@example.com', password: PASSWORD } },
        { headers: { authorization } },
      );
      expect(code).toBe('OK');
    }
  });

  it('login refuses a device name of 101 characters or with control characters, and takes one of 100', async () => {
    const app = await start();
    await register(app);
    expect((await login(app, { deviceName: 'é'.repeat(100) })).session.deviceName).toBe('é'.repeat(100));
    for (const deviceName of ['x'.repeat(101), 'a\u0000b', 'a\nb']) {
      const answer = await app.send(LOGIN, {
        input: { email: 'ada@example.com', password: PASSWORD, deviceName },
      });
      expect(answer.errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', field: 'input.deviceName' });
    }
  });
});
