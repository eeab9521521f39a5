import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { describeDatabaseFailure } from '../../src/database/failure.ts';
import { AuthError } from '../../src/errors.ts';
import { engines } from '../support/databases.ts';
import { cleanEnvironment } from '../support/server-process.ts';
import { useBuild, useCleanups } from '../support/setup.ts';

const SECRET = 'hunter2';

const build = useBuild();
const cleanups = useCleanups();

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-failures-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What a command says in the end; with the database that it cannot use, one sentence. */
function say(command: string, databaseUrl: string): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [build.cli, command], {
    cwd: temporaryFolder(),
    env: {
      ...cleanEnvironment(),
      NODE_ENV: 'development',
      PORT: '0',
      DATABASE_URL: databaseUrl,
      LATCHKEY_SECRET: randomBytes(32).toString('hex'),
    },
    encoding: 'utf8',
  });
  const said = `${stdout}${stderr}`;
  expect(said).not.toMatch(/stack|\n {4}at |temporarily unavailable/);
  expect(said).not.toContain(SECRET);
  return { status, said };
}

describe('a database that cannot be used', () => {
  it.each<[string, () => string, RegExp]>([
    ['a folder', () => `file:${temporaryFolder()}`, /names a folder/],
    ['a file that is no database', () => `file:${textFile()}`, /no SQLite database/],
    ['a path through a file', () => `file:${textFile()}/latchkey.db`, /folder of .* is a file/],
    [
      'a port that no server listens at',
      () => `postgres://ada:${SECRET}@127.0.0.1:1/d`,
      /does not listen at 127.0.0.1:1/,
    ],
    ['an unknown host', () => `postgres://ada:${SECRET}@nowhere.invalid/d`, /nowhere.invalid:5432/],
    ['a missing socket', () => 'postgres:///d?host=/nowhere', /no socket of PostgreSQL in \/nowhere/],
    ['a missing certificate', () => 'postgres://h/d?sslrootcert=/nowhere', /sslrootcert .*ENOENT/],
  ])(
    'serve and migrate say in one sentence why they cannot use a DATABASE_URL that names %s',
    (_name, databaseUrl, sentence) => {
      const url = databaseUrl();
      for (const command of ['serve', 'migrate']) {
        const { status, said } = say(command, url);
        expect(said).toMatch(sentence);
        expect(status).toBe(1);
      }
    },
  );

  function textFile(): string {
    const path = join(temporaryFolder(), 'text');
    writeFileSync(path, 'This is a text, and long enough to be looked at. '.repeat(100));
    return path;
  }

  const onPostgres = engines.includes('postgres') ? describe : describe.skip;
  onPostgres('a PostgreSQL database that cannot be used', () => {
    const server = process.env.TEST_DATABASE_URL ?? '';

    it('serve says in one sentence that a PostgreSQL database is missing, and how to create it', () => {
      const url = new URL(server);
      url.pathname = '/nothing';
      expect(say('serve', url.href)).toMatchObject({
        status: 1,
        said: expect.stringMatching(/CREATE DATABASE/),
      });
    });

    it('serve says in one sentence that a PostgreSQL server has no TLS, when sslmode requires it', () => {
      const url = new URL(server);
      url.searchParams.set('sslmode', 'require');
      expect(say('serve', url.href)).toMatchObject({ status: 1, said: expect.stringMatching(/has no TLS/) });
    });

    it('serve says in one sentence that a PostgreSQL schema is missing, and how to create it', () => {
      const url = new URL(server);
      url.searchParams.set('schema', 'nothing');
      expect(say('serve', url.href)).toMatchObject({
        status: 1,
        said: expect.stringMatching(/CREATE SCHEMA/),
      });
    });

    it.each(['LATIN1', 'SQL_ASCII'])(
      'serve, migrate and doctor refuse a PostgreSQL database that keeps text as %s, in one sentence',
      async (encoding) => {
        const name = `test_${encoding.toLowerCase()}`;
        await administer(`DROP DATABASE IF EXISTS ${name}`);
        await administer(
          `CREATE DATABASE ${name} ENCODING '${encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`,
        );
        cleanups.push(() => administer(`DROP DATABASE ${name} WITH (FORCE)`));
        const url = new URL(server);
        url.pathname = `/${name}`;
        for (const command of ['serve', 'migrate', 'doctor'])
          expect(say(command, url.href)).toMatchObject({
            status: 1,
            said: expect.stringMatching(new RegExp(`keeps text as ${encoding}`)),
          });
      },
    );

    async function administer(statement: string): Promise<void> {
      const client = new Client({ connectionString: server });
      await client.connect();
      await client.query(statement);
      await client.end();
    }
  });
});

describe('describeDatabaseFailure', () => {
  const URL_WITH_SECRET = `postgres://ada:${SECRET}@db.internal/auth`;
  const failure = (fields: object) =>
    new AuthError('UNAVAILABLE', { cause: Object.assign(new Error('something'), fields) });

  it.each([
    [{ code: 'SELF_SIGNED_CERT_IN_CHAIN' }, /sslrootcert/],
    [{ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, /sslrootcert/],
    [{ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }, /for another host/],
    [{ code: '28P01' }, /refuses the user or the password/],
    [{ code: '42501' }, /may not make tables/],
    [{ code: '53300' }, /no connection left/],
    [{ message: 'timeout exceeded when trying to connect' }, /does not answer at db.internal:5432/],
    [{ message: 'SASL: client password must be a string' }, /asks for a password/],
    [{ errors: [{ message: 'refused', code: 'ECONNREFUSED' }] }, /does not listen/],
    [{ message: 'a thing that nobody thought of' }, /cannot be used: a thing that nobody thought of\.$/],
  ])(
    'describeDatabaseFailure turns %j into a sentence for the operator, without the password',
    (fields, sentence) => {
      const said = describeDatabaseFailure(failure(fields), URL_WITH_SECRET);
      expect(said).toMatch(sentence);
      expect(said).not.toContain(SECRET);
    },
  );

  it('describeDatabaseFailure returns undefined for an error that does not come from a database', () => {
    for (const error of [
      new Error('a fault'),
      Object.assign(new Error('no such file'), { code: 'ENOENT' }),
      Object.assign(new Error('nobody reads'), { code: 'EPIPE' }),
      new AuthError('NOT_FOUND'),
      'text',
      undefined,
    ])
      expect(describeDatabaseFailure(error, URL_WITH_SECRET)).toBeUndefined();
  });
});
