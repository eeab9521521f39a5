import { expect, it } from '@jest/globals';
import {
  CHANGE_PASSWORD,
  CONFIRM_EMAIL_CHANGE,
  LOGIN,
  LOGOUT,
  login,
  ME,
  REGISTER,
  REQUEST_EMAIL_CHANGE,
  RESET_PASSWORD,
  refreshed,
  register,
  UNDO_EMAIL_CHANGE,
  VERIFY_EMAIL,
} from '../support/documents.ts';
import { eventsOf } from '../support/events.ts';
import { lettersTo, mailedToken, subjectsTo } from '../support/letters.ts';
import { describeApp, PASSWORD, type TestApp } from '../support/start-app.ts';

const NEW_PASSWORD = 'another horse altogether';
const OLD = 'ada@example.com';
const NEW = 'ada@example.org';
const DAY_MS = 86_400_000;
const VERIFY = { config: { registration: 'verify' } } as const;

/** An account whose address is proven. */
async function registerVerified(app: TestApp, email = OLD) {
  await app.send(REGISTER, { input: { email, password: PASSWORD } });
  const token = await mailedToken(app, '/verify-email', email);
  return (await app.send(VERIFY_EMAIL, { input: { token, password: PASSWORD } })).data.verifyEmail;
}

const request = (app: TestApp, token: string, newEmail = NEW, password = PASSWORD) =>
  app.send(REQUEST_EMAIL_CHANGE, { input: { newEmail, password } }, { token });

/** In the browser that asked, whose session is alive. */
const confirm = (app: TestApp, token: string, accessToken: string) =>
  app.send(CONFIRM_EMAIL_CHANGE, { input: { token } }, { token: accessToken });

const undo = (app: TestApp, token: string) => app.send(UNDO_EMAIL_CHANGE, { input: { token } });

/** A whole change, to an address whose mail can be read. */
async function change(app: TestApp, accessToken: string, newEmail = NEW, password = PASSWORD) {
  await request(app, accessToken, newEmail, password);
  const answer = await confirm(app, await mailedToken(app, '/confirm-email', newEmail), accessToken);
  if (answer.code !== 'OK') throw new Error(`confirmEmailChange answered ${answer.body}`);
  return answer;
}

const codeOfLogin = async (app: TestApp, email: string, password = PASSWORD) =>
  (await app.send(LOGIN, { input: { email, password } })).code;

describeApp('changes of address', (start) => {
  it('a change of address is requested with the password, and made by a link to the new address', async () => {
    const app = await start(VERIFY);
    const { accessToken, user } = await registerVerified(app);
    expect((await request(app, accessToken)).data).toEqual({ requestEmailChange: { expiresIn: 86_400 } });
    const me = () => app.send(ME, {}, { token: accessToken });
    expect((await me()).data.me.email).toBe(OLD);

    const answer = await confirm(app, await mailedToken(app, '/confirm-email', NEW), accessToken);
    expect(answer.data).toEqual({ confirmEmailChange: { revokedSessions: 0 } });
    expect((await me()).data.me).toMatchObject({ id: user.id, email: NEW, emailVerified: true });
    expect(await codeOfLogin(app, OLD)).toBe('INVALID_CREDENTIALS');
    expect((await login(app, { email: NEW })).user.id).toBe(user.id);
    expect(await eventsOf(app, 'user_updated')).toEqual([
      expect.objectContaining({
        userId: user.id,
        details: JSON.stringify({ fields: ['email'], reason: 'confirmed', count: 0 }),
      }),
    ]);
  });

  it('a change of address mails both addresses at the request, and the old one when it is made', async () => {
    const app = await start(VERIFY);
    const { accessToken } = await registerVerified(app);
    await request(app, accessToken);
    const asked = 'Your email address is about to change';
    expect((await subjectsTo(app)).slice(1)).toEqual([asked]);
    expect(await subjectsTo(app, NEW)).toEqual(['Confirm your new email address']);
    await confirm(app, await mailedToken(app, '/confirm-email', NEW), accessToken);
    expect((await subjectsTo(app)).slice(1)).toEqual([asked, 'Your email address was changed']);
  });

  it('a change of address ends every session but the one that requested it (SES-4)', async () => {
    const app = await start(VERIFY);
    const mine = await registerVerified(app);
    const other = await login(app);
    expect((await change(app, mine.accessToken)).data.confirmEmailChange.revokedSessions).toBe(1);
    expect((await app.send(ME, {}, { token: mine.accessToken })).code).toBe('OK');
    expect((await app.send(ME, {}, { token: other.accessToken })).code).toBe('UNAUTHENTICATED');
  });

  it('access tokens stay with their account when its old address goes to another account (AT-11)', async () => {
    const app = await start(VERIFY);
    const ada = await registerVerified(app);
    await change(app, ada.accessToken);
    const heir = await registerVerified(app);
    expect(heir.user.id).not.toBe(ada.user.id);
    for (const { accessToken: token, user } of [ada, heir])
      expect((await app.send(ME, {}, { token })).data.me.id).toBe(user.id);
  });

  it('requestEmailChange needs a session and the password, and wrong passwords slow it down (PW-7)', async () => {
    const app = await start(VERIFY);
    const { accessToken } = await registerVerified(app);
    for (let i = 0; i < 5; i += 1) {
      const answer = await request(app, accessToken, `ada${i}@example.org`, 'wrong horse battery staple');
      expect(answer.code).toBe('INVALID_CREDENTIALS');
    }
    expect((await request(app, accessToken)).code).toBe('TOO_MANY_REQUESTS');
    app.clock.travel(1_000);
    expect((await request(app, accessToken)).code).toBe('OK');
    expect(
      (await app.send(REQUEST_EMAIL_CHANGE, { input: { newEmail: NEW, password: PASSWORD } })).code,
    ).toBe('UNAUTHENTICATED');
  });

  it('requestEmailChange answers alike for a taken address, and its owner gets a notice (LOG-8)', async () => {
    const app = await start(VERIFY);
    const { accessToken } = await registerVerified(app);
    await registerVerified(app, 'eve@example.com');
    const free = await request(app, accessToken, 'free@example.com');
    const taken = await request(app, accessToken, 'EVE@example.com');
    expect([taken.status, taken.body]).toEqual([free.status, free.body]);
    expect((await subjectsTo(app, 'eve@example.com')).slice(1)).toEqual(['You already have an account']);
    expect(await codeOfLogin(app, 'eve@example.com')).toBe('OK');
  });

  it('of two accounts that request one address, the first to prove it gets it', async () => {
    const app = await start(VERIFY);
    const ada = await registerVerified(app);
    const eve = await registerVerified(app, 'eve@example.com');
    await request(app, ada.accessToken);
    const first = await mailedToken(app, '/confirm-email', NEW);
    await request(app, eve.accessToken);
    const second = await mailedToken(app, '/confirm-email', NEW);
    const answers = await Promise.all([
      confirm(app, first, ada.accessToken),
      confirm(app, second, eve.accessToken),
    ]);
    expect(answers.map(({ code }) => code).sort()).toEqual(['EMAIL_TAKEN', 'OK']);
  });

  it('a change of password ends a pending change of address, even when the two overlap (OTT-2)', async () => {
    const app = await start(VERIFY);
    const { accessToken } = await registerVerified(app);
    await request(app, accessToken);
    const token = await mailedToken(app, '/confirm-email', NEW);
    const row = await app.database.get<Record<string, string>>(
      `SELECT * FROM one_time_tokens WHERE purpose = 'confirm-email'`,
    );
    const input = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD };
    const { data } = await app.send(CHANGE_PASSWORD, { input }, { token: accessToken });
    const now = data.changePassword.accessToken;
    expect((await confirm(app, token, now)).code).toBe('INVALID_TOKEN');

    // As if the request had been written just after the change of password that it overlapped.
    const columns = Object.keys(row ?? {});
    await app.database.run(
      `INSERT INTO one_time_tokens (${columns.join(', ')}) VALUES (${columns.map((name) => `:${name}`).join(', ')})`,
      row,
    );
    expect((await confirm(app, token, now)).code).toBe('INVALID_TOKEN');
    expect(await codeOfLogin(app, OLD, NEW_PASSWORD)).toBe('OK');
  });

  it('a change of address can be confirmed without a session, with the password of the account', async () => {
    const app = await start(VERIFY);
    const { accessToken } = await registerVerified(app);
    await request(app, accessToken);
    const token = await mailedToken(app, '/confirm-email', NEW);
    const input = { token, password: PASSWORD };
    expect((await app.send(CONFIRM_EMAIL_CHANGE, { input })).code).toBe('OK');
    expect((await app.send(ME, {}, { token: accessToken })).data.me.email).toBe(NEW);
  });

  it('confirmEmailChange refuses the mailbox alone, another account and a wrong password, and none of them spends the link', async () => {
    const app = await start(VERIFY);
    const mine = await registerVerified(app);
    const eve = await registerVerified(app, 'eve@example.com');
    await request(app, mine.accessToken);
    const token = await mailedToken(app, '/confirm-email', NEW);

    const alone = await app.send(CONFIRM_EMAIL_CHANGE, { input: { token } });
    expect(alone.errors?.[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED', reason: 'TOKEN_MISSING' });
    expect((await confirm(app, token, eve.accessToken)).code).toBe('FORBIDDEN');
    const input = { token, password: NEW_PASSWORD };
    for (let i = 0; i < 5; i += 1)
      expect((await app.send(CONFIRM_EMAIL_CHANGE, { input })).code).toBe('INVALID_CREDENTIALS');
    expect((await app.send(CONFIRM_EMAIL_CHANGE, { input })).code).toBe('TOO_MANY_REQUESTS');

    const other = await login(app);
    await app.send(LOGOUT, {}, { token: other.accessToken });
    const ended = await confirm(app, token, other.accessToken);
    expect(ended.errors?.[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED', reason: 'TOKEN_INVALID' });
    app.clock.travel(11 * 60_000);
    const old = await confirm(app, token, mine.accessToken);
    expect(old.errors?.[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED', reason: 'TOKEN_EXPIRED' });
    const { accessToken } = await refreshed(app, mine.refreshToken);
    expect((await app.send(ME, {}, { token: accessToken })).data.me.email).toBe(OLD);
    expect((await confirm(app, token, accessToken)).code).toBe('OK');
  });

  it('a change of address ends the links that were mailed to the old address (OTT-2)', async () => {
    const app = await start(VERIFY);
    const { accessToken } = await registerVerified(app);
    await app.send('mutation { requestPasswordReset(input: { email: "ada@example.com" }) { expiresIn } }');
    const token = await mailedToken(app, '/reset-password');
    await change(app, accessToken);
    const input = { token, newPassword: NEW_PASSWORD };
    expect((await app.send(RESET_PASSWORD, { input })).code).toBe('INVALID_TOKEN');
  });

  it('a change of address can be in upper and lower case only', async () => {
    const app = await start(VERIFY);
    const { accessToken } = await registerVerified(app);
    await change(app, accessToken, 'Ada@Example.com');
    expect((await app.send(ME, {}, { token: accessToken })).data.me.email).toBe('Ada@Example.com');
  });
});

describeApp('undoEmailChange', (start) => {
  it('undoEmailChange restores the address and ends sessions and links, for 7 days and no longer', async () => {
    const app = await start(VERIFY);
    const { accessToken, user } = await registerVerified(app);
    await change(app, accessToken);
    const token = await mailedToken(app, '/undo-email-change');
    await app.send(`mutation { requestPasswordReset(input: { email: "${NEW}" }) { expiresIn } }`);
    const thiefs = await mailedToken(app, '/reset-password', NEW);

    app.clock.travel(7 * DAY_MS - 1);
    expect((await undo(app, token)).data).toEqual({ undoEmailChange: { revokedSessions: 1 } });
    expect((await app.send(ME, {}, { token: accessToken })).code).toBe('UNAUTHENTICATED');
    const spent = await app.send(RESET_PASSWORD, { input: { token: thiefs, newPassword: NEW_PASSWORD } });
    expect(spent.code).toBe('INVALID_TOKEN');
    expect(await codeOfLogin(app, NEW)).toBe('INVALID_CREDENTIALS');

    const reset = await mailedToken(app, '/reset-password');
    await app.send(RESET_PASSWORD, { input: { token: reset, newPassword: NEW_PASSWORD } });
    expect((await login(app, { password: NEW_PASSWORD })).user).toMatchObject({ id: user.id, email: OLD });
    const undone = 'The change of your email address was undone';
    expect(await subjectsTo(app, NEW)).toContain(undone);
    expect(await subjectsTo(app)).toContain(undone);

    await change(app, (await login(app, { password: NEW_PASSWORD })).accessToken, NEW, NEW_PASSWORD);
    const late = await mailedToken(app, '/undo-email-change');
    app.clock.travel(7 * DAY_MS);
    expect((await undo(app, late)).code).toBe('INVALID_TOKEN');
  });

  it('undoEmailChange removes the password, because the person who changed the address knew it', async () => {
    const app = await start(VERIFY);
    const { accessToken } = await registerVerified(app);
    await change(app, accessToken);
    await undo(app, await mailedToken(app, '/undo-email-change'));
    expect(await codeOfLogin(app, OLD)).toBe('INVALID_CREDENTIALS');
  });

  it('undoEmailChange works against a thief who changes the password and moves on to a third address', async () => {
    const app = await start(VERIFY);
    const { accessToken, user } = await registerVerified(app);
    await change(app, accessToken);
    const owners = await mailedToken(app, '/undo-email-change');
    app.clock.travel(1_000);
    const input = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD };
    const { data } = await app.send(CHANGE_PASSWORD, { input }, { token: accessToken });
    await change(app, data.changePassword.accessToken, 'third@example.com', NEW_PASSWORD);
    const thiefs = await mailedToken(app, '/undo-email-change', NEW);

    expect((await undo(app, owners)).code).toBe('OK');
    expect((await undo(app, thiefs)).code).toBe('INVALID_TOKEN');
    const [row] = await app.database.all('SELECT id, email FROM users');
    expect(row).toEqual({ id: user.id, email: OLD });
  });

  it('the undo link of a first change works after that of a second was used', async () => {
    const app = await start(VERIFY);
    const { accessToken } = await registerVerified(app);
    await change(app, accessToken);
    app.clock.travel(1_000);
    await change(app, accessToken, 'third@example.com');
    expect((await undo(app, await mailedToken(app, '/undo-email-change', NEW))).code).toBe('OK');
    expect((await undo(app, await mailedToken(app, '/undo-email-change', OLD))).code).toBe('OK');
    expect(await app.database.all('SELECT email FROM users')).toEqual([{ email: OLD }]);
  });

  it('an old address cannot be registered without proof while undoEmailChange can restore it', async () => {
    const app = await start();
    await app.admin.createUser({ email: OLD, password: PASSWORD });
    const { accessToken } = await login(app);
    await change(app, accessToken);
    const input = { email: 'ADA@example.com', password: PASSWORD };
    expect((await app.send(REGISTER, { input })).code).toBe('EMAIL_TAKEN');
    expect(await app.database.all('SELECT id FROM users')).toHaveLength(1);
    expect((await undo(app, await mailedToken(app, '/undo-email-change'))).code).toBe('OK');
  });

  it('an undo link from a clock that ran ahead does not reserve the old address (CR-7)', async () => {
    const app = await start();
    await app.admin.createUser({ email: OLD, password: PASSWORD });
    app.clock.travel(365 * DAY_MS);
    const { accessToken } = await login(app);
    await change(app, accessToken);
    app.clock.travel(-365 * DAY_MS);
    expect((await app.send(REGISTER, { input: { email: OLD, password: PASSWORD } })).code).toBe('OK');
  });

  it('undoEmailChange is refused when another account has proven the old address since', async () => {
    const app = await start(VERIFY);
    const { accessToken, user } = await registerVerified(app);
    await change(app, accessToken);
    const token = await mailedToken(app, '/undo-email-change');
    const second = await registerVerified(app, OLD);
    expect(second.user.id).not.toBe(user.id);
    expect((await undo(app, token)).code).toBe('EMAIL_TAKEN');
    expect(await codeOfLogin(app, NEW)).toBe('OK');
  });

  it('an undo link is mailed only to an old address that was proven', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    await change(app, accessToken);
    expect(await lettersTo(app)).toEqual([]);
    expect(await app.database.all('SELECT purpose FROM one_time_tokens')).toEqual([]);
    // And so the address is free again.
    expect((await register(app)).user.email).toBe(OLD);
  });
});
