import { expect, it, jest } from '@jest/globals';
import { HASH_COST } from '../../src/crypto/password-hash.ts';
import {
  CHANGE_PASSWORD,
  DELETE_ME,
  LOGIN,
  LOGOUT,
  login,
  ME,
  REAUTHENTICATE,
  REGISTER,
  refresh,
  register,
  UPDATE_ME,
} from '../support/documents.ts';
import { eventsOf } from '../support/events.ts';
import { describeApp, PASSWORD, type TestApp } from '../support/start-app.ts';

const NEW_PASSWORD = 'another horse altogether';
/** 128 different characters of two code units each. */
const ANIMALS = String.fromCodePoint(...Array.from({ length: 128 }, (_, index) => 0x1f400 + index));

describeApp('register', (start) => {
  it('register creates an account and logs it in', async () => {
    const app = await start();
    const input = { email: ' Ada@Example.com ', password: PASSWORD, name: 'Ada' };
    const { data } = await app.send(REGISTER, { input });
    expect(data.register.verificationRequired).toBe(false);
    expect(data.register.auth.user).toMatchObject({
      email: 'Ada@Example.com',
      name: 'Ada',
      createdAt: '2027-01-01T00:00:00.000Z',
      updatedAt: '2027-01-01T00:00:00.000Z',
    });
    const me = await app.send(ME, {}, { token: data.register.auth.accessToken });
    expect(me.data.me).toEqual(data.register.auth.user);
    expect(await eventsOf(app)).toContainEqual(
      expect.objectContaining({
        name: 'user_created',
        userId: me.data.me.id,
        sessionId: data.register.auth.session.id,
      }),
    );
  });

  it('register stores argon2id at m=19456, t=2, p=1 with a 16-byte salt and a 32-byte tag (PW-1)', async () => {
    const app = await start({ hashCost: HASH_COST });
    await register(app);
    const row = await app.database.get<{ phc: string }>('SELECT password_hash AS phc FROM users');
    const [, id, version, parameters, salt, tag] = row?.phc.split('$') ?? [];
    expect([id, version, parameters]).toEqual(['argon2id', 'v=19', 'm=19456,t=2,p=1']);
    expect([salt, tag].map((text) => Buffer.from(text ?? '', 'base64').length)).toEqual([16, 32]);
  });

  it('concurrent registrations of one address, however it is spelled, create one account (LOG-9)', async () => {
    const app = await start();
    const spellings = ['ada@example.com', 'ADA@example.com', 'ada@EXAMPLE.com', ' Ada@Example.com'];
    const answers = await Promise.all(
      spellings.map((email) => app.send(REGISTER, { input: { email, password: PASSWORD } })),
    );
    expect(answers.map(({ code }) => code).sort()).toEqual([
      'EMAIL_TAKEN',
      'EMAIL_TAKEN',
      'EMAIL_TAKEN',
      'OK',
    ]);
    expect(await app.database.all('SELECT id FROM users')).toHaveLength(1);
    expect(await app.database.all('SELECT id FROM sessions')).toHaveLength(1);
  });

  it.each([
    ['x'.repeat(14), 'TOO_SHORT'],
    ['🔑'.repeat(14), 'TOO_SHORT'],
    ['x'.repeat(129), 'TOO_LONG'],
  ])('register refuses the password %j (PW-4)', async (password, reason) => {
    const app = await start();
    const { errors, body } = await app.send(REGISTER, { input: { email: 'ada@example.com', password } });
    expect(errors?.[0]?.extensions).toEqual({ code: 'WEAK_PASSWORD', reason, minLength: 15 });
    expect(body).not.toContain(password);
  });

  it.each([
    'velvetottershoe',
    ANIMALS,
    'velvet otter shoe ',
    'пароль без правил',
    'velvet\u0000otter\u0000shoe',
  ])('register takes the password %j whole, and login refuses a shorter one (PW-4)', async (password) => {
    const app = await start();
    expect((await app.send(REGISTER, { input: { email: 'ada@example.com', password } })).code).toBe('OK');
    expect((await app.send(LOGIN, { input: { email: 'ada@example.com', password } })).code).toBe('OK');
    const shorter = [...password].slice(0, -1).join('');
    expect((await app.send(LOGIN, { input: { email: 'ada@example.com', password: shorter } })).code).toBe(
      'INVALID_CREDENTIALS',
    );
  });

  it('register is refused where registration is closed', async () => {
    const app = await start({ config: { registration: 'closed' } });
    const input = { email: 'ada@example.com', password: PASSWORD };
    expect((await app.send(REGISTER, { input })).code).toBe('REGISTRATION_CLOSED');
    expect(await app.database.all('SELECT id FROM users')).toEqual([]);
  });
});

describeApp('changePassword', (start) => {
  const change = (newPassword = NEW_PASSWORD, currentPassword = PASSWORD) => ({
    input: { currentPassword, newPassword },
  });

  it('changePassword ends every session, its own too, and begins a new one (PW-7, SES-4)', async () => {
    const app = await start();
    const mine = await register(app);
    const other = await login(app, { deviceName: 'phone' });
    const { data } = await app.send(CHANGE_PASSWORD, change(), { token: mine.accessToken });
    const next = data.changePassword;
    expect(next.session.id).not.toBe(mine.session.id);
    for (const { accessToken, refreshToken } of [mine, other]) {
      expect((await app.send(ME, {}, { token: accessToken })).code).toBe('UNAUTHENTICATED');
      expect((await refresh(app, refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    }
    expect((await app.send(ME, {}, { token: next.accessToken })).code).toBe('OK');
    expect((await refresh(app, next.refreshToken)).code).toBe('OK');
    expect((await app.send(LOGIN, { input: { email: 'ada@example.com', password: PASSWORD } })).code).toBe(
      'INVALID_CREDENTIALS',
    );
    expect((await login(app, { password: NEW_PASSWORD })).user.id).toBe(mine.user.id);
    expect(await eventsOf(app, 'authn_password_change')).toHaveLength(1);
  });

  it('changePassword keeps the name of the device', async () => {
    const app = await start();
    await register(app);
    const { accessToken } = await login(app, { deviceName: 'phone' });
    const { data } = await app.send(CHANGE_PASSWORD, change(), { token: accessToken });
    expect(data.changePassword.session.deviceName).toBe('phone');
  });

  it('changePassword needs the current password and a good new one, and changes nothing otherwise (PW-7)', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    const token = { token: accessToken };
    expect((await app.send(CHANGE_PASSWORD, change(NEW_PASSWORD, 'wrong'), token)).code).toBe(
      'INVALID_CREDENTIALS',
    );
    expect((await app.send(CHANGE_PASSWORD, change('short'), token)).code).toBe('WEAK_PASSWORD');
    expect((await app.send(CHANGE_PASSWORD, change())).code).toBe('UNAUTHENTICATED');
    expect((await login(app)).user.email).toBe('ada@example.com');
    expect((await app.send(ME, {}, token)).code).toBe('OK');
  });

  it('of two concurrent changes of password, one succeeds', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    const answers = await Promise.all(
      ['the first new password', 'the second new password'].map((password) =>
        app.send(CHANGE_PASSWORD, change(password), { token: accessToken }),
      ),
    );
    // The other one is refused for its password, or for its session where that had ended before it was asked for.
    const refusal = expect.stringMatching(/^(INVALID_CREDENTIALS|UNAUTHENTICATED)$/);
    expect(answers.map(({ code }) => code).sort((a) => (a === 'OK' ? -1 : 1))).toEqual(['OK', refusal]);
    expect(await app.database.all('SELECT id FROM sessions WHERE revoked_at IS NULL')).toHaveLength(1);
  });
});

describeApp('reauthenticate', (start) => {
  const prove = (app: TestApp, token: string | undefined, password = PASSWORD) =>
    app.send(REAUTHENTICATE, { input: { password } }, { token });

  it('reauthenticate ends its session, and no other, and begins one with a new id and secret (SES-1)', async () => {
    const app = await start();
    const other = await register(app);
    const mine = await login(app, { deviceName: 'phone' });
    app.clock.travel(60_000);
    const { data } = await prove(app, mine.accessToken);
    const next = data.reauthenticate;
    expect(next.session).toMatchObject({
      authenticatedAt: '2027-01-01T00:01:00.000Z',
      expiresAt: '2027-01-31T00:01:00.000Z',
      deviceName: 'phone',
      amr: ['pwd'],
      current: true,
    });
    expect(next.session.id).not.toBe(mine.session.id);
    expect((await app.send(ME, {}, { token: mine.accessToken })).code).toBe('UNAUTHENTICATED');
    expect((await refresh(app, mine.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await app.send(ME, {}, { token: other.accessToken })).code).toBe('OK');
    expect((await refresh(app, next.refreshToken)).code).toBe('OK');

    const [event] = (await eventsOf(app, 'authn_login_success')).filter(
      ({ sessionId }) => sessionId === next.session.id,
    );
    expect(JSON.parse(event?.details ?? '')).toEqual({ amr: ['pwd'], replaced: mine.session.id });
  });

  it('reauthenticate needs an access token and the password, and ends nothing otherwise', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    expect((await prove(app, undefined)).code).toBe('UNAUTHENTICATED');
    expect((await prove(app, accessToken, 'wrong')).code).toBe('INVALID_CREDENTIALS');
    expect((await app.send(ME, {}, { token: accessToken })).code).toBe('OK');
    expect(await app.database.all('SELECT id FROM sessions')).toHaveLength(1);
    expect(await eventsOf(app, 'authn_login_fail')).toHaveLength(1);
  });

  it('of two concurrent reauthentications, one succeeds, so that one session has one successor', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    const answers = await Promise.all([prove(app, accessToken), prove(app, accessToken)]);
    expect(answers.map(({ code }) => code).sort()).toEqual(['OK', 'UNAUTHENTICATED']);
    expect(await app.database.all('SELECT id FROM sessions WHERE revoked_at IS NULL')).toHaveLength(1);
  });

  it('reauthenticate opens no session if the session is logged out or the password changes meanwhile', async () => {
    const app = await start();
    const first = await register(app);
    const second = await login(app);
    const during = async (token: string, change: () => Promise<unknown>) => {
      const before = app.database.before;
      const spy = jest.spyOn(app.database, 'before').mockImplementation((deadline) => ({
        ...before(deadline),
        transaction: async (work) => {
          spy.mockRestore();
          await change();
          return before(deadline).transaction(work);
        },
      }));
      return (await prove(app, token)).code;
    };
    const logout = () => app.send(LOGOUT, {}, { token: first.accessToken });
    expect(await during(first.accessToken, logout)).toBe('UNAUTHENTICATED');
    const change = () => app.admin.setPassword('ada@example.com', NEW_PASSWORD);
    expect(await during(second.accessToken, change)).toBe('INVALID_CREDENTIALS');
    expect(await app.database.all('SELECT id FROM sessions WHERE revoked_at IS NULL')).toEqual([]);
  });
});

describeApp('updateMe', (start) => {
  it('updateMe changes the name, leaves it when it is left out, and removes it with null', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    const update = async (input: object) =>
      (await app.send(UPDATE_ME, { input }, { token: accessToken })).data.updateMe;
    app.clock.travel(5_000);
    expect(await update({ name: ' Ada Lovelace ' })).toMatchObject({
      name: 'Ada Lovelace',
      updatedAt: '2027-01-01T00:00:05.000Z',
    });
    const { data } = await app.send(ME, {}, { token: accessToken });
    expect(data.me.name).toBe('Ada Lovelace');
    expect((await update({})).name).toBe('Ada Lovelace');
    expect((await update({ name: null })).name).toBeNull();
    expect(await eventsOf(app, 'user_updated')).toHaveLength(2);
  });

  it('updateMe writes nothing for a name that the account has already', async () => {
    const app = await start();
    const { accessToken: token } = await register(app);
    for (const name of ['Ada', 'Ada', null, null]) {
      app.clock.travel(1_000);
      await app.send(UPDATE_ME, { input: { name } }, { token });
    }
    const { me } = (await app.send(ME, {}, { token })).data;
    expect([me.name, me.updatedAt]).toEqual([null, '2027-01-01T00:00:03.000Z']);
    expect(await eventsOf(app, 'user_updated')).toHaveLength(2);
  });

  it('updateMe is let through 60 times in five minutes per account, because each change is an event', async () => {
    const app = await start();
    const { accessToken: token } = await register(app);
    const other = await register(app, 'eve@example.com');
    for (let i = 0; i < 60; i += 1)
      expect((await app.send(UPDATE_ME, { input: { name: `Ada ${i}` } }, { token })).code).toBe('OK');
    const { errors } = await app.send(UPDATE_ME, { input: { name: 'Ada' } }, { token });
    expect(errors?.[0]?.extensions).toEqual({ code: 'TOO_MANY_REQUESTS', retryAfter: expect.any(Number) });
    expect(await eventsOf(app, 'user_updated')).toHaveLength(60);
    const { accessToken } = other;
    expect((await app.send(UPDATE_ME, { input: { name: 'Eve' } }, { token: accessToken })).code).toBe('OK');
  });

  it('updateMe refuses a name of 101 characters', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    const { errors } = await app.send(
      UPDATE_ME,
      { input: { name: 'x'.repeat(101) } },
      { token: accessToken },
    );
    expect(errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', field: 'input.name' });
  });
});

describeApp('deleteMe', (start) => {
  it('deleteMe deletes the account with its sessions, and frees the address', async () => {
    const app = await start();
    const { accessToken, refreshToken, user } = await register(app);
    const { data } = await app.send(DELETE_ME, { input: { password: PASSWORD } }, { token: accessToken });
    expect(data.deleteMe).toEqual({ id: user.id });
    expect((await app.send(ME, {}, { token: accessToken })).code).toBe('UNAUTHENTICATED');
    expect((await refresh(app, refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await register(app)).user.id).not.toBe(user.id);
    const [event] = await eventsOf(app, 'user_deleted');
    expect(event).toMatchObject({ userId: user.id });
  });

  it('deleteMe needs the password', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    const answer = await app.send(DELETE_ME, { input: { password: 'wrong' } }, { token: accessToken });
    expect(answer.code).toBe('INVALID_CREDENTIALS');
    expect((await app.send(ME, {}, { token: accessToken })).code).toBe('OK');
  });
});

describeApp('administering accounts', (start) => {
  it('disabling an account ends its sessions, and enabling it lets its owner log in again (SES-4)', async () => {
    const app = await start();
    const { accessToken, refreshToken } = await register(app);
    await app.admin.disable('ADA@example.com');
    expect((await app.send(ME, {}, { token: accessToken })).code).toBe('UNAUTHENTICATED');
    expect((await refresh(app, refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    await app.admin.enable('ada@example.com');
    expect((await refresh(app, refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await login(app)).user.email).toBe('ada@example.com');
  });

  it('a password that the operator sets ends the sessions of the old one', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    await app.admin.setPassword('ada@example.com', NEW_PASSWORD);
    expect((await app.send(ME, {}, { token: accessToken })).code).toBe('UNAUTHENTICATED');
    expect((await login(app, { password: NEW_PASSWORD })).user.email).toBe('ada@example.com');
  });

  it('the operator creates and lists accounts, at most one for each address', async () => {
    const app = await start();
    await app.admin.createUser({ email: 'ada@example.com', password: PASSWORD, name: 'Ada' });
    await expect(
      app.admin.createUser({ email: 'ADA@example.com', password: PASSWORD }),
    ).rejects.toMatchObject({
      code: 'EMAIL_TAKEN',
    });
    await expect(app.admin.disable('eve@example.com')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const users = [];
    for await (const user of app.admin.listUsers()) users.push(user.email);
    expect(users).toEqual(['ada@example.com']);
  });
});
