import { expect, it, jest } from '@jest/globals';
import { HOUSEKEEPING_INTERVAL_MS } from '../../src/features/housekeeping/service.ts';
import { refreshed, register } from '../support/documents.ts';
import { eventsOf } from '../support/events.ts';
import { claimsOf, rolesFile } from '../support/roles.ts';
import { describeApp, type TestApp } from '../support/start-app.ts';
import { until } from '../support/until.ts';

/** What a server and its database go on with. */
const EVERYTHING_BUT_INTERVALS = [
  ...(['Date', 'hrtime', 'nextTick', 'performance', 'queueMicrotask'] as const),
  ...(['setImmediate', 'clearImmediate', 'setTimeout', 'clearTimeout'] as const),
];

const EMAIL = 'ada@example.com';
const METADATA = '{ me { metadata roles } }';

/** The changes of the audit trail: one second apart, so that their order is known. */
async function changesOf(app: TestApp) {
  const events = await eventsOf(app, 'authz_change');
  return events.map(({ userId, details }) => ({ userId, details: JSON.parse(details) }));
}

describeApp('what operators give to accounts', (start) => {
  const config = { rolesFile: rolesFile() };

  it('a grant and a revocation are audited once each, with the roles that changed', async () => {
    const app = await start({ config });
    const { user } = await register(app);
    expect(await app.roles.grant('ADA@example.com', ['editor', 'editor', 'member'])).toEqual([
      'editor',
      'member',
    ]);
    expect(await app.roles.grant(EMAIL, ['editor'])).toEqual(['editor', 'member']);
    app.clock.travel(1_000);
    expect(await app.roles.revoke(EMAIL, ['editor'])).toEqual(['member']);
    expect(await app.roles.revoke(EMAIL, ['editor'])).toEqual(['member']);
    expect(await changesOf(app)).toEqual([
      { userId: user.id, details: { by: 'operator', granted: ['editor'] } },
      { userId: user.id, details: { by: 'operator', revoked: ['editor'] } },
    ]);
  });

  it.each(['editr', '', 'a b'])('the unknown role %j is refused, and nothing is changed', async (role) => {
    const app = await start({ config });
    await register(app);
    const refused = { code: 'BAD_USER_INPUT', extensions: { field: 'input.roles' } };
    await expect(app.roles.grant(EMAIL, ['editor', role])).rejects.toMatchObject(refused);
    await expect(app.roles.revoke(EMAIL, [role])).rejects.toMatchObject(refused);
    expect(await app.database.all('SELECT role FROM user_roles')).toEqual([]);
  });

  it('a default role is not stored, and cannot be taken away', async () => {
    const app = await start({ config });
    await register(app);
    expect(await app.roles.grant(EMAIL, ['member'])).toEqual(['member']);
    expect(await app.database.all('SELECT role FROM user_roles')).toEqual([]);
    await expect(app.roles.revoke(EMAIL, ['member'])).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  });

  it('a stored role that became a default one can be taken away', async () => {
    const app = await start({ config });
    await register(app);
    await app.roles.grant(EMAIL, ['editor']);
    const file = rolesFile({ default: ['editor'], roles: { editor: {} } });
    const later = await start({ config: { rolesFile: file }, database: app.database });
    expect(await later.roles.revoke(EMAIL, ['editor'])).toEqual(['editor']);
    expect(await app.database.all('SELECT role FROM user_roles')).toEqual([]);
  });

  it('a grant repairs sessions that the version before opened without roles', async () => {
    const app = await start({ config });
    const { refreshToken } = await register(app);
    await app.roles.grant(EMAIL, ['editor']);
    await app.database.run(`UPDATE sessions SET roles = ''`);
    await app.roles.grant(EMAIL, ['editor']);
    expect(claimsOf((await refreshed(app, refreshToken)).accessToken).roles).toEqual(['editor', 'member']);
  });

  it('an account that is not there is NOT_FOUND', async () => {
    const app = await start({ config });
    const missing = { code: 'NOT_FOUND' };
    await expect(app.roles.grant(EMAIL, ['editor'])).rejects.toMatchObject(missing);
    await expect(app.roles.revoke(EMAIL, ['editor'])).rejects.toMatchObject(missing);
    await expect(app.roles.metadataOf(EMAIL)).rejects.toMatchObject(missing);
    await expect(app.roles.changeMetadata(EMAIL, { set: {} })).rejects.toMatchObject(missing);
  });

  it('the list has every role, what it allows and how many have it, and those that are not defined', async () => {
    const app = await start({ config });
    await register(app);
    await register(app, 'bob@example.com');
    await app.roles.grant(EMAIL, ['editor']);
    const later = await start({
      config: { rolesFile: rolesFile({ default: ['all'], roles: { boss: { scopes: ['x'] }, all: {} } }) },
      database: app.database,
    });
    expect(await app.roles.list()).toMatchObject([
      { role: 'admin', accounts: 0 },
      { role: 'editor', scopes: ['posts:write', 'posts:read'], accounts: 1 },
      { role: 'member', scopes: ['posts:read'], accounts: 2 },
    ]);
    expect(await later.roles.list()).toEqual([
      { role: 'boss', scopes: ['x'], accounts: 0 },
      { role: 'all', scopes: [], accounts: 2 },
      { role: 'editor', scopes: null, accounts: 1 },
    ]);
    expect(await later.roles.revoke(EMAIL, ['editor'])).toEqual(['all']);
  });

  it('metadata is set and unset key by key, shown to its owner, and audited without its values', async () => {
    const app = await start({ config });
    const { accessToken: token } = await register(app);
    expect((await app.send(METADATA, {}, { token })).data.me.metadata).toEqual({});
    expect(await app.roles.changeMetadata(EMAIL, { set: { tenant: 'acme', plan: { seats: 3 } } })).toEqual({
      tenant: 'acme',
      plan: { seats: 3 },
    });
    expect(await app.roles.changeMetadata(EMAIL, { set: { plan: null, __proto__: 1 } })).toEqual({
      tenant: 'acme',
      plan: null,
    });
    expect(await app.roles.changeMetadata(EMAIL, { unset: ['plan'] })).toEqual({ tenant: 'acme' });
    expect(await app.roles.changeMetadata(EMAIL, { unset: ['plan', 'none'] })).toEqual({ tenant: 'acme' });
    expect((await app.send(METADATA, {}, { token })).data.me.metadata).toEqual({ tenant: 'acme' });
    expect((await changesOf(app)).map(({ details }) => details)).toEqual(
      Array(3).fill({ by: 'operator', fields: ['metadata'] }),
    );
  });

  it.each([
    ['a list', []],
    ['a text', 'x'],
    ['null', null],
    ['of 5 KiB', { all: 'x'.repeat(5 * 1_024) }],
    ['a number that JSON does not keep', { id: 2 ** 53 }],
    ['a number without an end', { list: [{ id: Number.POSITIVE_INFINITY }] }],
    ['of 4 KiB in UTF-8 only', { all: '\u00e4'.repeat(2_045) }],
  ])('metadata that is %s is refused', async (_what, set) => {
    const app = await start({ config });
    await register(app);
    await expect(app.roles.changeMetadata(EMAIL, { set })).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      extensions: { field: 'input.metadata' },
    });
    expect(await app.roles.metadataOf(EMAIL)).toEqual({});
  });

  it('metadata may have 4 KiB, all keys together', async () => {
    const app = await start({ config });
    await register(app);
    await app.roles.changeMetadata(EMAIL, { set: { a: 'x'.repeat(2_000), b: 'x'.repeat(2_000) } });
    await expect(app.roles.changeMetadata(EMAIL, { set: { c: 'x'.repeat(100) } })).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
    });
  });

  it('a process says when the one that began last has another definition of roles', async () => {
    const first = await start({ config });
    await first.roles.announce();
    expect(await first.roles.isOther()).toBe(false);
    const second = await start({ config: {}, database: first.database });
    expect(await second.roles.isOther()).toBe(true);
    await second.roles.announce();
    expect([await first.roles.isOther(), await second.roles.isOther()]).toEqual([true, false]);
  });

  it('a server says at its start which roles of accounts are not defined, and later that another process has another definition', async () => {
    const first = await start({ config });
    await register(first);
    await first.roles.grant(EMAIL, ['editor']);
    jest.useFakeTimers({ doNotFake: EVERYTHING_BUT_INTERVALS });
    try {
      await first.server.listen({ host: '127.0.0.1', port: 0 });
      await until(async () => !(await first.roles.isOther()) || undefined);
      const second = await start({ database: first.database });
      await second.server.listen({ host: '127.0.0.1', port: 0 });
      const saying = (app: TestApp, words: string) => app.lines.filter((line) => line.includes(words)).length;
      await until(async () => saying(second, 'roles that are not defined') || undefined);
      expect(second.lines.join()).toContain('"roles":["editor"]');
      await until(async () => (await first.roles.isOther()) || undefined);
      for (let turn = 0; turn < 3; turn += 1) {
        jest.advanceTimersByTime(HOUSEKEEPING_INTERVAL_MS);
        await until(async () => saying(first, 'another process of this database') || undefined);
      }
      expect(saying(first, 'another process of this database')).toBe(1);
      expect(saying(second, 'another process of this database')).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });
});
