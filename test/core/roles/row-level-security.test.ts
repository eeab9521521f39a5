import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, type JWTPayload, jwtVerify } from 'jose';
import { Client } from 'pg';
import { engines } from '../../support/databases.ts';
import { login, register } from '../../support/documents.ts';
import { rolesFile } from '../../support/roles.ts';
import { useCleanups } from '../../support/setup.ts';
import { createFrozenClock, startApp, TEST_CONFIG, type TestApp } from '../../support/start-app.ts';

/*
 * Some servers leave it to PostgreSQL who may see what. They verify the token and put its claims into settings of one
 * transaction. They take the role that the token names, and ask. Here that is done by hand, as their manuals say, with
 * a table whose policies look at the claims.
 */

const [ADA, EVE] = ['ada@example.com', 'eve@example.com'];
/** `insufficient_privilege`, of tables and of policies. */
const PERMISSION_DENIED = '42501';
const ALL_TITLES = ['of Ada', 'of Eve'];
const onPostgres = engines.includes('postgres') ? describe : describe.skip;

/** Settings of one transaction, by name. */
type Settings = Readonly<Record<string, string>>;

onPostgres('row-level security', () => {
  const cleanups = useCleanups();
  /** Roles are those of the whole server, which other tests use at the same time. */
  const ending = randomBytes(6).toString('hex');
  const schema = `api_${ending}`;
  const authenticator = `authenticator_${ending}`;
  const anonymous = `anonymous_${ending}`;
  const member = `web_member_${ending}`;
  const editor = `web_editor_${ending}`;
  /** It sees every row, and allows a scope of this server. */
  const operator = `operator_${ending}`;
  const everyone = [anonymous, member, editor, operator].join(', ');
  let app: TestApp;
  let sql: Client;

  beforeEach(async () => {
    app = await startApp({
      engine: 'postgres',
      clock: createFrozenClock(Date.now()),
      config: {
        claims: ['postgrest'],
        rolesFile: rolesFile({
          default: [member],
          roles: {
            [operator]: { scopes: ['latchkey:users:read'] },
            [editor]: { includes: [member], scopes: ['posts:write'] },
            [member]: { scopes: ['posts:read'] },
          },
        }),
      },
    });
    cleanups.push(() => app.stop());
    sql = await connect();
    await sql.query(`
      CREATE ROLE ${authenticator} NOINHERIT;
      CREATE ROLE ${anonymous}; CREATE ROLE ${member}; CREATE ROLE ${editor}; CREATE ROLE ${operator} BYPASSRLS;
      GRANT ${everyone} TO ${authenticator};
      CREATE SCHEMA ${schema};
      SET search_path = ${schema};
      GRANT USAGE ON SCHEMA ${schema} TO ${everyone};
      CREATE TABLE posts (owner text, title text);
      ALTER TABLE posts ENABLE ROW LEVEL SECURITY;
      GRANT SELECT, INSERT ON posts TO ${member}, ${editor}, ${operator}`);
  });

  async function connect(): Promise<Client> {
    const client = new Client({ connectionString: process.env.TEST_DATABASE_URL });
    await client.connect();
    cleanups.push(async () => {
      await client.query(`
        RESET SESSION AUTHORIZATION;
        DROP SCHEMA IF EXISTS ${schema} CASCADE;
        DROP ROLE IF EXISTS ${authenticator}, ${everyone}`);
      await client.end();
    });
    return client;
  }

  /** Makes the policies, the accounts and a row of each, and goes on as the server that faces the clients. */
  async function prepare(policies: string): Promise<void> {
    await sql.query(policies);
    for (const [email, title] of [
      [ADA, 'of Ada'],
      [EVE, 'of Eve'],
    ]) {
      const { user } = await register(app, email);
      await sql.query('INSERT INTO posts VALUES ($1, $2)', [user.id, title]);
    }
    await sql.query(`SET SESSION AUTHORIZATION ${authenticator}`);
  }

  async function claimsOf(email: string, scope?: readonly string[]): Promise<JWTPayload> {
    const { accessToken } = await login(app, { email, ...(scope && { scope }) });
    const { issuer, audience } = TEST_CONFIG;
    const keys = createLocalJWKSet(JSON.parse(JSON.stringify(app.tokens.jwks())));
    const { payload } = await jwtVerify(accessToken, keys, { issuer, audience, typ: 'at+jwt' });
    return payload;
  }

  /** What a request gets, in a transaction of its own; the code of PostgreSQL where it is refused. */
  async function ask(settings: Settings, statement = 'SELECT title FROM posts ORDER BY title') {
    await sql.query('BEGIN');
    try {
      // One statement, as the role that is set first may do less.
      await sql.query(
        'SELECT set_config(setting->>0, setting->>1, true) FROM json_array_elements($1::json) AS setting',
        [JSON.stringify(Object.entries(settings))],
      );
      const { rows } = await sql.query<{ title: string }>(statement);
      await sql.query('COMMIT');
      return rows.map(({ title }) => title);
    } catch (error) {
      await sql.query('ROLLBACK');
      return (error as { code: string }).code;
    }
  }

  describe('PostgREST', () => {
    beforeEach(() =>
      prepare(`
        CREATE POLICY own ON posts TO ${member}
          USING (owner = current_setting('request.jwt.claims', true)::json->>'sub');
        CREATE POLICY everything ON posts TO ${editor} USING (true)`),
    );

    /** PostgREST takes the role of the claim `role`, and that of strangers where there is none. */
    const settingsOf = (claims: JWTPayload): Settings => ({
      role: typeof claims.role === 'string' ? claims.role : anonymous,
      'request.jwt.claims': JSON.stringify(claims),
    });

    it('an account sees its own rows through PostgREST', async () => {
      for (const [email, title] of [
        [ADA, 'of Ada'],
        [EVE, 'of Eve'],
      ] as const) {
        const claims = await claimsOf(email);
        expect(claims.role).toBe(member);
        expect(await ask(settingsOf(claims))).toEqual([title]);
      }
    });

    it('a higher role sees more through PostgREST, with the next token', async () => {
      await app.roles.grant(ADA, [editor]);
      const claims = await claimsOf(ADA);
      expect(claims.role).toBe(editor);
      expect(await ask(settingsOf(claims))).toEqual(ALL_TITLES);
      await app.roles.revoke(ADA, [editor]);
      expect(await ask(settingsOf(await claimsOf(ADA)))).toEqual(['of Ada']);
    });

    it('a narrowed token cannot use the role that allows more through PostgREST', async () => {
      await app.roles.grant(ADA, [editor]);
      expect(await ask(settingsOf(await claimsOf(ADA, ['posts:read'])))).toEqual(['of Ada']);
      expect(await ask(settingsOf(await claimsOf(ADA, ['posts:write'])))).toBe(PERMISSION_DENIED);
    });

    it('a token without a role is a stranger to PostgREST, whoever it is of', async () => {
      const claims = await claimsOf(ADA, []);
      expect(claims).not.toHaveProperty('role');
      expect(claims.sub).toEqual(expect.any(String));
      expect(await ask(settingsOf(claims))).toBe(PERMISSION_DENIED);
      expect(await ask(settingsOf({}))).toBe(PERMISSION_DENIED);
    });

    it('a role that allows scopes of this server is none for PostgREST', async () => {
      await app.roles.grant(ADA, [operator]);
      const claims = await claimsOf(ADA);
      expect(claims.roles).toEqual([operator, member]);
      expect(await ask(settingsOf(claims))).toEqual(['of Ada']);
      // What it would see otherwise.
      expect(await ask(settingsOf({ ...claims, role: operator }))).toEqual(ALL_TITLES);
    });

    it('nothing of a request through PostgREST is left for the next one on its connection', async () => {
      expect(await ask(settingsOf(await claimsOf(ADA)))).toEqual(['of Ada']);
      const { rows } = await sql.query(
        `SELECT current_user AS role, current_setting('request.jwt.claims', true) AS claims`,
      );
      expect(rows).toEqual([{ role: authenticator, claims: '' }]);
    });
  });

  describe('PostGraphile', () => {
    beforeEach(() =>
      prepare(`
        CREATE FUNCTION current_user_id() RETURNS text LANGUAGE sql STABLE
          AS $$ SELECT nullif(current_setting('jwt.claims.sub', true), '') $$;
        CREATE FUNCTION has_scope(scope text) RETURNS boolean LANGUAGE sql STABLE
          AS $$ SELECT scope = ANY (string_to_array(current_setting('jwt.claims.scope', true), ' ')) $$;
        CREATE POLICY reading ON posts FOR SELECT USING (owner = current_user_id());
        CREATE POLICY writing ON posts FOR INSERT TO ${member}, ${editor}
          WITH CHECK (owner = current_user_id() AND has_scope('posts:write'))`),
    );

    /** The settings of PostGraphile's manual: the role, and each claim by its name, as a text. */
    function settingsOf(claims: JWTPayload): Settings {
      const texts = Object.entries(claims).map(([name, value]) => [
        `jwt.claims.${name}`,
        typeof value === 'object' ? JSON.stringify(value) : String(value),
      ]);
      return {
        role: anonymous,
        ...(typeof claims.role === 'string' && { role: claims.role }),
        ...Object.fromEntries(texts),
      };
    }
    const WRITE = `INSERT INTO posts VALUES (current_user_id(), 'new') RETURNING title`;

    it('an account sees its own rows through PostGraphile', async () => {
      expect(await ask(settingsOf(await claimsOf(ADA)))).toEqual(['of Ada']);
      expect(await ask(settingsOf(await claimsOf(EVE)))).toEqual(['of Eve']);
    });

    it('a claim that is not there is null through PostGraphile, and shows no row', async () => {
      const { sub: _, ...claims } = await claimsOf(ADA);
      expect(await ask(settingsOf(claims))).toEqual([]);
    });

    it('a policy of PostgreSQL reads the scope that PostGraphile hands on', async () => {
      const claims = await claimsOf(ADA);
      expect(claims.scope).toBe('posts:read');
      expect(await ask(settingsOf(claims), WRITE)).toBe(PERMISSION_DENIED);
      await app.roles.grant(ADA, [editor]);
      expect(await ask(settingsOf(await claimsOf(ADA)), WRITE)).toEqual(['new']);
      expect(await ask(settingsOf(await claimsOf(ADA, ['posts:read'])), WRITE)).toBe(PERMISSION_DENIED);
      expect(await ask(settingsOf(await claimsOf(EVE)))).toEqual(['of Eve']);
    });

    it('a token without a role is a stranger to PostGraphile', async () => {
      expect(await ask(settingsOf(await claimsOf(ADA, [])))).toBe(PERMISSION_DENIED);
      expect(await ask(settingsOf({}))).toBe(PERMISSION_DENIED);
    });

    it('a claim that is a list comes through PostGraphile as JSON', async () => {
      await app.roles.grant(ADA, [editor]);
      const roles = `SELECT json_array_elements_text(current_setting('jwt.claims.roles')::json) AS title`;
      expect(await ask(settingsOf(await claimsOf(ADA)), roles)).toEqual([editor, member]);
    });
  });
});
