import { expect, it } from '@jest/globals';
import { migrate } from '../../../src/database/migrate.ts';
import { freshDatabase } from '../../support/databases.ts';
import {
  type Auth,
  CHANGE_PASSWORD,
  DELETE_ME,
  LOGIN,
  login,
  REAUTHENTICATE,
  register,
} from '../../support/documents.ts';
import { createInterleaving } from '../../support/interleaving.ts';
import { useCleanups } from '../../support/setup.ts';
import { describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';

const EMAIL = 'ada@example.com';
const NEW_PASSWORD = 'another horse altogether';

/** What happens to an account while its owner proves the password. */
const CHANGES: Record<string, (app: TestApp, auth: Auth) => Promise<unknown>> = {
  'disabling the account': (app) => app.admin.disable(EMAIL),
  'a new password': (app) => app.admin.setPassword(EMAIL, NEW_PASSWORD),
  'deleting the account': (app, { accessToken: token }) =>
    app.send(DELETE_ME, { input: { password: PASSWORD } }, { token }),
};

/** The operations that take the password; each returns the code of its answer. */
const DOORS: Record<string, (app: TestApp, auth: Auth) => Promise<string>> = {
  login: async (app) => (await app.send(LOGIN, { input: { email: EMAIL, password: PASSWORD } })).code,
  'POST /token': async (app) => {
    const body = new URLSearchParams({ username: EMAIL, password: PASSWORD }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await app.server.inject({ method: 'POST', url: '/token', headers, body });
    return answer.json().error === 'invalid_grant' ? 'INVALID_CREDENTIALS' : 'OK';
  },
  changePassword: async (app, { accessToken: token }) => {
    const input = { currentPassword: PASSWORD, newPassword: 'a third horse altogether' };
    return (await app.send(CHANGE_PASSWORD, { input }, { token })).code;
  },
  reauthenticate: async (app, { accessToken: token }) =>
    (await app.send(REAUTHENTICATE, { input: { password: PASSWORD } }, { token })).code,
};

describeApp('an account that changes after its password was compared', (start, engine) => {
  const cleanups = useCleanups();

  async function startInterleaved() {
    const fresh = await freshDatabase(engine);
    cleanups.push(fresh.drop);
    await migrate(fresh.database);
    const { database, once, isDone } = createInterleaving(fresh.database);
    const app = await start({ database });
    return { app, auth: await register(app), once, isDone };
  }

  const cases = Object.keys(DOORS).flatMap((door) => Object.keys(CHANGES).map((change) => [door, change]));

  it.each(cases)(
    '%s is refused and opens no session when %s comes after the password was compared (AT-9, SES-4)',
    async (door, change) => {
      const { app, auth, once, isDone } = await startInterleaved();
      once('before', /^transaction$/, async () => CHANGES[change]?.(app, auth));
      expect(await DOORS[door]?.(app, auth)).toBe('INVALID_CREDENTIALS');
      expect(isDone()).toBe(true);
      expect(await app.database.all('SELECT id FROM sessions WHERE revoked_at IS NULL')).toEqual([]);
      if (change === 'a new password')
        expect((await login(app, { password: NEW_PASSWORD })).user.email).toBe(EMAIL);
    },
  );

  it.each(Object.keys(DOORS))(
    '%s succeeds with the right password when the account does not change meanwhile',
    async (door) => {
      const { app, auth } = await startInterleaved();
      expect(await DOORS[door]?.(app, auth)).toBe('OK');
    },
  );

  it('deleteMe is refused when the password changes after it was compared', async () => {
    const { app, auth, once, isDone } = await startInterleaved();
    once('before', /^transaction$/, () => app.admin.setPassword(EMAIL, NEW_PASSWORD));
    const input = { password: PASSWORD };
    expect((await app.send(DELETE_ME, { input }, { token: auth.accessToken })).code).toBe(
      'INVALID_CREDENTIALS',
    );
    expect(isDone()).toBe(true);
    expect((await login(app, { password: NEW_PASSWORD })).user.id).toBe(auth.user.id);
  });
});
