import { describe, expect, it } from '@jest/globals';
import { migrate } from '../../../src/database/migrate.ts';
import { AuthError } from '../../../src/errors.ts';
import { freshDatabase } from '../../support/databases.ts';
import { LOGIN, login, refresh, refreshed, register } from '../../support/documents.ts';
import { claimsFile, claimsOf, ROLES_FILE, rolesFile } from '../../support/roles.ts';
import { describeApp, PASSWORD } from '../../support/start-app.ts';
import { noteStatements } from '../../support/statements.ts';

const EMAIL = 'ada@example.com';
const HASURA = 'https://hasura.io/jwt/claims';

describeApp('claims for other servers', (start, engine) => {
  const presets = { rolesFile: rolesFile(), claims: ['hasura', 'postgrest'] as const };

  it('presets name the roles of the token for Hasura and PostgREST', async () => {
    const app = await start({ config: presets });
    const { user } = await register(app);
    await app.roles.grant(EMAIL, ['editor']);
    const claims = claimsOf((await login(app)).accessToken);
    expect(claims[HASURA]).toEqual({
      'x-hasura-user-id': user.id,
      'x-hasura-default-role': 'editor',
      'x-hasura-allowed-roles': ['editor', 'member'],
    });
    expect(claims.role).toBe('editor');
  });

  it('presets name no role that allows a scope of this server, whatever way it does', async () => {
    const roles = { ...ROLES_FILE.roles, owner: { includes: ['admin'], scopes: [] } };
    const app = await start({ config: { ...presets, rolesFile: rolesFile({ ...ROLES_FILE, roles }) } });
    await register(app);
    await app.roles.grant(EMAIL, ['admin', 'owner']);
    const claims = claimsOf((await login(app)).accessToken);
    expect(claims.roles).toEqual(['admin', 'member', 'owner']);
    expect(claims[HASURA]['x-hasura-allowed-roles']).toEqual(['member']);
    expect(claims.role).toBe('member');
  });

  it('presets leave their claims out where no role is left', async () => {
    const app = await start({ config: { claims: presets.claims } });
    await register(app);
    await app.roles.grant(EMAIL, ['admin']);
    const claims = claimsOf((await login(app)).accessToken);
    expect(claims.roles).toEqual(['admin']);
    expect(claims).not.toHaveProperty([HASURA]);
    expect(claims).not.toHaveProperty('role');
  });

  it('presets name a role that the file exports, although it allows scopes of this server', async () => {
    const admin = { ...ROLES_FILE.roles.admin, export: true };
    const file = rolesFile({ ...ROLES_FILE, roles: { ...ROLES_FILE.roles, admin } });
    const app = await start({ config: { ...presets, rolesFile: file } });
    await register(app);
    await app.roles.grant(EMAIL, ['admin']);
    expect(claimsOf((await login(app)).accessToken).role).toBe('admin');
  });

  it('a role named admin is not given to Hasura, which allows it everything, unless the file exports it', async () => {
    const claimsWith = async (admin: object) => {
      const file = rolesFile({ default: ['admin', 'member'], roles: { admin, member: {} } });
      const app = await start({ config: { ...presets, rolesFile: file } });
      return claimsOf((await register(app)).accessToken);
    };
    const claims = await claimsWith({ scopes: ['x'] });
    expect(claims[HASURA]['x-hasura-allowed-roles']).toEqual(['member']);
    expect(claims.role).toBe('admin');
    const exported = await claimsWith({ scopes: ['x'], export: true });
    expect(exported[HASURA]['x-hasura-default-role']).toBe('admin');
  });

  it('a role named none is not given to PostgREST, because it is no role to PostgreSQL', async () => {
    const file = rolesFile({ default: ['none', 'member'], roles: { none: {}, member: {} } });
    const app = await start({ config: { ...presets, rolesFile: file } });
    expect(claimsOf((await register(app)).accessToken).role).toBe('member');
  });

  it('a narrowed token has no preset claim of a role that allows more', async () => {
    const app = await start({ config: presets });
    await register(app);
    await app.roles.grant(EMAIL, ['editor']);
    const narrowed = async (scope: string[]) => {
      const input = { email: EMAIL, password: PASSWORD, scope };
      return claimsOf((await app.send(LOGIN, { input })).data.login.accessToken);
    };
    expect((await narrowed(['posts:read'])).role).toBe('member');
    expect(await narrowed(['posts:write'])).not.toHaveProperty('role');
    expect(await narrowed([])).not.toHaveProperty([HASURA]);
  });

  it('a template fills placeholders in, keeps the type of one that stands alone, and leaves out what has no value', async () => {
    const template = claimsFile({
      'https://example.com/user': {
        mail: '{{user.email}}',
        verified: '{{user.emailVerified}}',
        name: '{{user.name}}',
      },
      groups: '{{token.roles}}',
      permissions: '{{ token.scope }}',
      tenant: '{{user.metadata.tenant}}',
      seats: '{{user.metadata.seats}}',
      missing: '{{user.metadata.missing}}',
      half: 'tenant:{{user.metadata.missing}}',
      text: '{{user.id}}/{{session.id}} of {{user.metadata.tenant}}',
      list: ['{{user.metadata.tenant}}', '{{user.metadata.missing}}', 1, null, true],
    });
    const app = await start({ config: { rolesFile: rolesFile(), claimsFile: template } });
    const { user } = await register(app);
    await app.roles.changeMetadata(EMAIL, { set: { tenant: 'acme', seats: 3 } });
    const auth = await login(app);
    const expected = {
      'https://example.com/user': { mail: EMAIL, verified: false },
      groups: ['member'],
      permissions: 'posts:read',
      tenant: 'acme',
      seats: 3,
      text: `${user.id}/${auth.session.id} of acme`,
      list: ['acme', 1, null, true],
    };
    for (const { accessToken } of [auth, await refreshed(app, auth.refreshToken)]) {
      const claims = claimsOf(accessToken);
      expect(claims).toMatchObject(expected);
      for (const absent of ['missing', 'half']) expect(claims).not.toHaveProperty(absent);
      expect(claims['https://example.com/user']).not.toHaveProperty('name');
    }
  });

  it.each([
    { template: undefined, reads: 0 },
    { template: { a: '{{user.id}}', b: '{{token.roles}}', c: '{{session.id}}' }, reads: 0 },
    { template: { a: '{{user.name}}' }, reads: 1 },
  ])(
    'a refresh with the template $template costs $reads reads more than none',
    async ({ template, reads }) => {
      const fresh = await freshDatabase(engine);
      await migrate(fresh.database);
      const { database, statements } = noteStatements(fresh.database);
      const app = await start({
        database,
        config: { rolesFile: rolesFile(), ...(template && { claimsFile: claimsFile(template) }) },
      });
      const { refreshToken } = await register(app);
      statements.length = 0;
      const document = 'mutation ($input: RefreshTokenInput) { refreshToken(input: $input) { accessToken } }';
      expect((await app.send(document, { input: { refreshToken } })).code).toBe('OK');
      const said = statements.join();
      expect(said.match(/UPDATE sessions/g)).toHaveLength(1);
      expect(said.match(/SELECT (?!given)/g) ?? []).toHaveLength(reads);
      await app.stop();
      await fresh.drop();
    },
  );

  it('a token that would be larger than 4 KiB is not issued: the refresh token stays good, and nobody is logged in', async () => {
    const app = await start({ config: { claimsFile: claimsFile({ all: '{{user.metadata.all}}' }) } });
    const { refreshToken } = await register(app);
    await app.roles.changeMetadata(EMAIL, { set: { all: 'x'.repeat(4_000) } });
    expect((await refresh(app, refreshToken)).code).toBe('UNAVAILABLE');
    const input = { email: EMAIL, password: PASSWORD };
    for (let i = 0; i < 6; i += 1) expect((await app.send(LOGIN, { input })).code).toBe('UNAVAILABLE');
    expect(await app.database.all('SELECT id FROM sessions')).toHaveLength(1);
    // Longer than the retry window: the token was not spent.
    app.clock.travel(60_000);
    await app.roles.changeMetadata(EMAIL, { set: { all: 'x' } });
    expect((await refresh(app, refreshToken)).code).toBe('OK');
    expect((await app.send(LOGIN, { input })).code).toBe('OK');
  });

  it('a template whose owner cannot be read issues nothing, and the refresh token stays good', async () => {
    const fresh = await freshDatabase(engine);
    await migrate(fresh.database);
    let isAway = false;
    const { database } = noteStatements(fresh.database, (text) => {
      if (isAway && text.includes('FROM users')) throw new AuthError('UNAVAILABLE', { retryAfter: 1 });
      return text;
    });
    const app = await start({ database, config: { claimsFile: claimsFile({ name: '{{user.name}}' }) } });
    const { refreshToken } = await register(app);
    isAway = true;
    expect((await refresh(app, refreshToken)).code).toBe('UNAVAILABLE');
    isAway = false;
    app.clock.travel(60_000);
    expect((await refresh(app, refreshToken)).code).toBe('OK');
    await app.stop();
    await fresh.drop();
  });

  it('a token of 4,096 characters is issued, and a longer one costs no refresh token', async () => {
    const app = await start({ config: { claimsFile: claimsFile({ all: '{{user.metadata.all}}' }) } });
    let { accessToken, refreshToken } = await register(app);
    const lengths: number[] = [];
    const fits = Math.floor(((4_096 - accessToken.length) * 3) / 4);
    for (let size = fits - 30; size < fits + 10; size += 1) {
      await app.roles.changeMetadata(EMAIL, { set: { all: 'x'.repeat(size) } });
      const { code, data } = await refresh(app, refreshToken);
      if (code !== 'OK') break;
      ({ accessToken, refreshToken } = data.refreshToken);
      lengths.push(accessToken.length);
    }
    expect(lengths.at(-1)).toBeGreaterThan(4_092);
    expect(lengths.at(-1)).toBeLessThanOrEqual(4_096);
    app.clock.travel(60_000);
    await app.roles.changeMetadata(EMAIL, { set: { all: 'x' } });
    expect((await refresh(app, refreshToken)).code).toBe('OK');
  });

  it('a role whose long name a preset repeats costs no refresh token where it makes the token too large', async () => {
    const long = 'b'.repeat(63);
    const outcomes = new Set<string>();
    for (let count = 60; count < 66; count += 1) {
      const scopes = Array.from({ length: count }, (_, i) => `scope-of-some-length-and-more:${1_000 + i}`);
      const file = rolesFile({ roles: { a: {}, [long]: { scopes } } });
      const app = await start({ config: { rolesFile: file, claims: presets.claims } });
      const { refreshToken } = await register(app);
      await app.roles.grant(EMAIL, [long]);
      const { code } = await refresh(app, refreshToken);
      outcomes.add(code);
      app.clock.travel(60_000);
      await app.roles.revoke(EMAIL, [long]);
      if (code === 'UNAVAILABLE') expect((await refresh(app, refreshToken)).code).toBe('OK');
    }
    expect(outcomes).toEqual(new Set(['OK', 'UNAVAILABLE']));
  });

  it('a token that is too large hides no reuse of a refresh token (RT-3)', async () => {
    const app = await start({ config: { claimsFile: claimsFile({ all: '{{user.metadata.all}}' }) } });
    const { refreshToken } = await register(app);
    await refreshed(app, refreshToken);
    app.clock.travel(60_000);
    await app.roles.changeMetadata(EMAIL, { set: { all: 'x'.repeat(4_000) } });
    expect((await refresh(app, refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    const [session] = await app.database.all('SELECT revoked_reason AS reason FROM sessions');
    expect(session).toEqual({ reason: 'reuse' });
  });

  it('roles and scopes that make a token too large issue nothing, and spend no refresh token', async () => {
    const scopes = Array.from({ length: 80 }, (_, i) => `a-scope-of-some-length-and-more-of-it:${i}`);
    const file = rolesFile({ roles: { heavy: { scopes }, light: { scopes: ['read'] } }, default: ['light'] });
    const app = await start({ config: { rolesFile: file } });
    const { refreshToken } = await register(app);
    await app.roles.grant(EMAIL, ['heavy']);
    expect((await refresh(app, refreshToken)).code).toBe('UNAVAILABLE');
    app.clock.travel(60_000);
    await app.roles.revoke(EMAIL, ['heavy']);
    expect((await refresh(app, refreshToken)).code).toBe('OK');
  });
});

describe('a template of claims', () => {
  it.each([
    [{ sub: 'x' }, 'sub is a claim that this server sets itself'],
    [{ roles: [] }, 'roles is a claim that this server sets itself'],
    [{ cnf: {} }, 'cnf is a claim that this server sets itself'],
    [{ a: { b: ['{{user.password}}'] } }, /^a\.b\[0\] holds a placeholder that is none of user\.id, /],
    [{ a: '{{user.metadata.}}' }, /^a holds a placeholder/],
    [{ a: '{{user.id}' }, 'a has braces that do not match'],
    [{ a: { '{{user.id}}': 1 } }, 'a.{{user.id}} is a name with a placeholder; only values have them'],
    [{ a: [[[[[[[[['x']]]]]]]]] }, /is deeper than 8 levels$/],
    [['x'], ' must be an object'],
  ])('%j is refused with its path', (file, problem) => {
    expect(() => claimsFile(file)).toThrow(problem);
  });
});
