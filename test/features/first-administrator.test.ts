import { expect, it } from '@jest/globals';
import { register, VERIFY_EMAIL } from '../support/documents.ts';
import { eventsOf } from '../support/events.ts';
import { rolesFile } from '../support/roles.ts';
import { describeApp, PASSWORD, type TestApp } from '../support/start-app.ts';

const HOUR_MS = 3_600_000;

describeApp('the first administrator', (start) => {
  const use = (app: TestApp, token: string | undefined) =>
    app.send(VERIFY_EMAIL, { input: { token, password: PASSWORD } });

  it('is made by a token that works once, and no mail brings it', async () => {
    const app = await start();
    const token = await app.mintFirstAdministrator();
    expect(token).toMatch(/^lko_/);
    const { data } = await use(app, token);
    expect(data.verifyEmail).toMatchObject({ user: { email: 'admin@localhost', emailVerified: true } });
    expect(data.verifyEmail.scope).toContain('latchkey:roles:write');
    const USERS = '{ admin { users { totalCount } } }';
    const answer = await app.send(USERS, {}, { token: data.verifyEmail.accessToken });
    expect(answer.data.admin.users.totalCount).toBe(1);
    expect((await use(app, token)).code).toBe('INVALID_TOKEN');
    expect(await app.mailed()).toEqual([]);
    expect(await eventsOf(app, 'authz_change')).toHaveLength(1);
    expect(app.lines.join('')).not.toContain(token);
    expect(await app.mintFirstAdministrator()).toBeUndefined();
  });

  it('is not made once there is an account', async () => {
    const app = await start();
    const token = await app.mintFirstAdministrator();
    await register(app);
    expect((await use(app, token)).code).toBe('INVALID_TOKEN');
    expect(await app.database.all('SELECT role FROM user_roles')).toEqual([]);
    expect(await app.mintFirstAdministrator()).toBeUndefined();
  });

  it('is made by the newest token alone, within an hour', async () => {
    const app = await start();
    const old = await app.mintFirstAdministrator();
    for (let i = 0; i < 5; i += 1) await app.mintFirstAdministrator();
    const newest = await app.mintFirstAdministrator();
    expect((await use(app, old)).code).toBe('INVALID_TOKEN');
    app.clock.travel(HOUR_MS + 1);
    expect((await use(app, newest)).code).toBe('INVALID_TOKEN');
    expect((await use(app, await app.mintFirstAdministrator())).code).toBe('OK');
  });

  it('needs a role that may appoint others', async () => {
    const app = await start({
      config: { rolesFile: rolesFile({ roles: { editor: { scopes: ['posts:write'] } } }) },
    });
    expect(await app.mintFirstAdministrator()).toBeUndefined();
  });
});
