import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Database } from '../../src/database/database.ts';
import { describeDatabaseFailure } from '../../src/database/failure.ts';
import { openDatabase } from '../../src/database/open.ts';
import { engines } from '../support/databases.ts';
import { hasSystemPostgres, type PostgresServer, startPostgres } from '../support/postgres-server.js';
import { cleanEnvironment } from '../support/server-process.ts';
import { useCleanups } from '../support/setup.ts';

/*
 * TLS to PostgreSQL, with certificates that are made here: the server's is of `localhost`, signed by an authority of its
 * own. The PostgreSQL of the other tests was built without TLS, so this one is the system's.
 */

const TIME_LIMIT_MS = 60_000;
const canRun =
  hasSystemPostgres && spawnSync('openssl', ['version'], { env: cleanEnvironment() }).status === 0;
if (!canRun) console.warn('Skipped: there is no PostgreSQL of the system here, or no openssl.');

(canRun && engines.includes('postgres') ? describe : describe.skip)('TLS to PostgreSQL', () => {
  const cleanups = useCleanups();
  let folder: string;
  let server: PostgresServer;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-tls-'));
    for (const name of ['authority', 'stranger'])
      openssl(
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-days',
        '2',
        '-subj',
        `/CN=${name}`,
        ...files(name),
      );
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', ...files('server', 'csr'));
    openssl(
      ...['x509', '-req', '-in', 'server.csr', '-CA', 'authority.crt', '-CAkey', 'authority.key'],
      ...['-CAcreateserial', '-days', '2', '-out', 'server.crt'],
    );
    server = await startPostgres({
      certificate: { certificate: join(folder, 'server.crt'), key: join(folder, 'server.key') },
    });
  }, TIME_LIMIT_MS);
  afterAll(async () => {
    await server?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    ['localhost', 'sslmode=verify-full&sslrootcert=CA'],
    ['localhost', 'sslmode=require&sslrootcert=CA'],
    ['localhost', 'ssl=true&sslrootcert=CA'],
    ['localhost', 'sslrootcert=CA'],
    ['127.0.0.1', 'sslmode=verify-ca&sslrootcert=CA'],
    ['127.0.0.1', 'sslmode=no-verify'],
    ['127.0.0.1', 'ssl=no-verify'],
    ['localhost', 'sslmode=verify-full&sslrootcert=CA&channel_binding=prefer'],
  ])('the connection to PostgreSQL at %s is encrypted with ?%s', async (host, query) => {
    expect(await isEncrypted(open(host, query))).toBe(true);
  });

  it.each([['sslmode=disable'], ['ssl=off'], ['application_name=plain']])(
    'the connection to PostgreSQL is not encrypted with ?%s',
    async (query) => {
      expect(await isEncrypted(open('localhost', query))).toBe(false);
    },
  );

  it.each([
    ['localhost', 'sslmode=verify-full', /sslrootcert/],
    ['localhost', 'sslmode=require', /sslrootcert/],
    ['localhost', 'ssl=on', /sslrootcert/],
    ['localhost', 'sslmode=verify-full&sslrootcert=STRANGER', /sslrootcert/],
    ['127.0.0.1', 'sslmode=verify-ca&sslrootcert=STRANGER', /sslrootcert/],
    ['127.0.0.1', 'sslmode=verify-full&sslrootcert=CA', /for another host/],
    ['127.0.0.1', 'sslmode=require&sslrootcert=CA', /for another host/],
  ])(
    'the connection to PostgreSQL at %s with ?%s fails, and says why the server is not proven',
    async (host, query, sentence) => {
      const url = urlOf(host, query);
      const error = await isEncrypted(open(host, query)).then(
        () => undefined,
        (failure: unknown) => failure,
      );
      expect(error).toMatchObject({ code: 'UNAVAILABLE' });
      expect(describeDatabaseFailure(error, url)).toMatch(sentence);
    },
  );

  function urlOf(host: string, query: string): string {
    const url = new URL(server.url);
    url.hostname = host;
    const paths = { CA: join(folder, 'authority.crt'), STRANGER: join(folder, 'stranger.crt') };
    return `${url.href}?${query.replace(/CA|STRANGER/, (name) => encodeURIComponent(paths[name as keyof typeof paths]))}`;
  }

  async function open(host: string, query: string): Promise<Database> {
    const database = await openDatabase(urlOf(host, query));
    cleanups.push(() => database.close());
    return database;
  }

  async function isEncrypted(opened: Promise<Database>): Promise<boolean | undefined> {
    const database = await opened;
    const row = await database.get<{ ssl: boolean }>(
      'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
    );
    return row?.ssl;
  }

  function files(name: string, what = 'crt'): string[] {
    return ['-keyout', `${name}.key`, '-out', `${name}.${what}`];
  }

  function openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: folder, env: cleanEnvironment(), stdio: 'ignore' });
  }
});
