import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { RESET_PASSWORD } from '../../src/core/passwords/mails.ts';
import { migrate } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/open.ts';
import { createClock } from '../../src/platform/clock.ts';
import { freePort } from '../faults/support/server.ts';
import { type CommandOptions, type Ended, useCommands } from '../support/command.ts';
import { engines, freshDatabase } from '../support/databases.ts';
import { ROLES_FILE } from '../support/roles.ts';
import { useBuild } from '../support/setup.ts';
import { startSmtpServer } from '../support/smtp-server.ts';

const build = useBuild();
const commands = useCommands(build);
const EMAIL = 'ada@example.com';
const PASSWORD = 'correct horse battery staple';
/** Starting a process is slow where cores are few; nothing here is about how slow. */
const PATIENCE_MS = 120_000;

/** Every process starts in here, so the embedded database and the secret land in its `data/`. */
const folder = mkdtempSync(join(tmpdir(), 'latchkey-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the latchkey command', () => {
  it(
    'latchkey tells how it is used, and exits with 2 when it is used otherwise',
    async () => {
      const [help, subHelp, noCommand, unknown, noAddress, noTerminal] = await Promise.all([
        run(['--help']),
        run(['users', 'create', '--help']),
        run([]),
        run(['frobnicate']),
        run(['users', 'create', 'ada']),
        run(['users', 'create', EMAIL]),
      ]);

      expect(help).toMatchObject({ exitCode: 0, stderr: '' });
      for (const command of ['serve', 'migrate', 'users', 'keys', 'mail', 'doctor'])
        expect(help.stdout).toContain(command);
      expect(subHelp).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('--password-stdin') });
      expect([noCommand, unknown, noAddress, noTerminal].map(({ exitCode }) => exitCode)).toEqual([
        2, 2, 2, 2,
      ]);
      expect(unknown.stderr).toBe("error: unknown command 'frobnicate'\n");
      expect(noTerminal.stderr).toContain('--password-stdin');
    },
    PATIENCE_MS,
  );

  it(
    'latchkey prints its version',
    async () => {
      const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
      for (const option of ['--version', '-V'])
        expect(await run([option])).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
    },
    PATIENCE_MS,
  );

  it(
    'users create takes a password without its byte order mark, and refuses one that is not UTF-8',
    async () => {
      const cwd = mkdtempSync(join(folder, 'typed-'));
      const args = (name: string) => ['users', 'create', `${name}@example.com`, '--password-stdin'];
      const marked = await run(args('ada'), { cwd, input: `\ufeff${PASSWORD}\r\n` });
      expect(marked).toMatchObject({ exitCode: 0, stderr: '' });
      const utf16 = await run(args('grace'), { cwd, input: Buffer.from(`\ufeff${PASSWORD}`, 'utf16le') });
      expect(utf16).toEqual({
        exitCode: 1,
        stdout: '',
        stderr: 'latchkey: The password is not UTF-8 text.\n',
      });

      const { child, url } = await serve(cwd);
      const body = {
        query: `mutation { login(input: { email: "ada@example.com", password: "${PASSWORD}" }) { expiresIn } }`,
      };
      const answer = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      expect(await answer.json()).toEqual({ data: { login: { expiresIn: 600 } } });
      child.kill('SIGTERM');
    },
    PATIENCE_MS,
  );

  it(
    'serve takes an IPv6 address in the brackets of a URL',
    async () => {
      const { child, url, ended } = await serve(mkdtempSync(join(folder, 'v6-')), { HOST: '[::1]' });
      expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
      expect((await fetch(`${url}/livez`)).status).toBe(200);
      child.kill('SIGTERM');
      expect(await ended).toMatchObject({ exitCode: 0 });
    },
    PATIENCE_MS,
  );

  it(
    'serve and doctor name the settings that are wrong, without their secrets, and exit with 1 (KEY-1)',
    async () => {
      const secret = randomBytes(16).toString('hex');
      const environment = { PORT: 'http', LATCHKEY_SECRET: secret };
      for (const { exitCode, stdout, stderr } of await Promise.all([
        run(['serve'], { environment }),
        run(['doctor'], { environment }),
      ])) {
        expect(exitCode).toBe(1);
        expect(stderr).toMatch(/ {2}PORT: .*\n {2}LATCHKEY_SECRET: .*\n$/);
        expect(stdout + stderr).not.toMatch(/\n {4}at /);
        expect(stdout + stderr).not.toContain(secret);
      }
    },
    PATIENCE_MS,
  );

  it(
    'the users commands create, list, disable and enable accounts, with passwords from standard input',
    async () => {
      const created = await run(['users', 'create', EMAIL, '--name', 'Ada', '--password-stdin'], {
        input: `${PASSWORD}\n`,
      });
      expect(created).toMatchObject({ exitCode: 0, stderr: '' });
      const id = created.stdout.trim();
      expect((await run(['users', 'list'])).stdout).toMatch(
        new RegExp(`^${id}\t${EMAIL}\tactive\t\\S+\t-\n$`),
      );

      expect(await run(['users', 'disable', ' ADA@example.com'])).toMatchObject({ exitCode: 0, stderr: '' });
      expect((await run(['users', 'list'])).stdout).toContain(`${EMAIL}\tdisabled`);
      expect(await run(['users', 'enable', EMAIL])).toMatchObject({ exitCode: 0, stderr: '' });
      expect((await run(['users', 'list'])).stdout).toContain(`${EMAIL}\tactive`);
    },
    PATIENCE_MS,
  );

  it(
    'users factors lists the second factors of an account and removes them, and its owner logs in without',
    async () => {
      const cwd = mkdtempSync(join(folder, 'factors-'));
      const cli = (...args: string[]) => run(args, { cwd });
      const printed = (stdout: string) => ({ exitCode: 0, stdout, stderr: '' });
      await run(['users', 'create', EMAIL, '--password-stdin'], { cwd, input: PASSWORD });
      expect(await cli('users', 'factors', EMAIL)).toEqual(printed(''));
      const id = '0e000000-0000-4000-8000-000000000000';
      const database = await openDatabase(`file:${join(cwd, 'data', 'latchkey.db')}`);
      await database.run(
        `INSERT INTO factors (id, user_id, kind, name, sealed_secret, last_step, created_at, confirmed_at)
         SELECT :id, id, 'TOTP', 'phone', '', 0, 0, 0 FROM users`,
        { id },
      );
      await database.run("UPDATE users SET second_factors = 'TOTP'");
      const line = `${id}\tTOTP\tphone\t1970-01-01T00:00:00.000Z\t-\n`;
      expect(await cli('users', 'factors', EMAIL)).toEqual(printed(line));
      const both = await cli('users', 'factors', EMAIL, '--remove', id, '--remove-all');
      expect(both).toMatchObject({ exitCode: 2, stdout: '' });
      const other = await cli('users', 'factors', EMAIL, '--remove', id.replace('0e', '0f'));
      expect(other).toEqual({ exitCode: 1, stdout: '', stderr: 'latchkey: Not found.\n' });
      expect(await cli('users', 'factors', EMAIL, '--remove', id)).toEqual(
        printed('Removed 1 second factor.\n'),
      );
      expect(await database.all('SELECT second_factors AS kinds FROM users')).toEqual([{ kinds: '' }]);
      await database.close();
      expect(await cli('users', 'factors', EMAIL, '--remove-all')).toMatchObject({ exitCode: 1 });
    },
    PATIENCE_MS,
  );

  it(
    'the commands of roles give them, take them away, list them, and keep metadata',
    async () => {
      const cwd = mkdtempSync(join(folder, 'roles-'));
      const file = join(cwd, 'roles.json');
      writeFileSync(file, JSON.stringify(ROLES_FILE));
      const environment = { LATCHKEY_ROLES_FILE: file };
      const cli = (...args: string[]) => run(args, { cwd, environment });
      const printed = (stdout: string) => ({ exitCode: 0, stdout: `${stdout}\n`, stderr: '' });
      await run(['users', 'create', EMAIL, '--password-stdin'], { cwd, environment, input: PASSWORD });

      expect(await cli('users', 'grant', EMAIL, 'editor')).toEqual(printed(`${EMAIL} has: editor, member`));
      expect(await cli('users', 'grant', EMAIL, 'editr')).toEqual({
        exitCode: 1,
        stdout: '',
        stderr:
          'latchkey: An argument has an invalid value. (there is no role "editr"; there is admin, editor, member)\n',
      });
      expect((await cli('users', 'list')).stdout).toMatch(/\tactive\t\S+\teditor member\n$/);
      expect((await cli('roles', 'list')).stdout.split('\n').slice(1)).toEqual([
        'editor\tposts:write posts:read\t1',
        'member\tposts:read\t1',
        '',
      ]);
      expect(await cli('users', 'revoke', EMAIL, 'editor')).toEqual(printed(`${EMAIL} has: member`));

      expect(await cli('users', 'metadata', EMAIL, '--set', '{"tenant":"acme","plan":"pro"}')).toEqual(
        printed('{"tenant":"acme","plan":"pro"}'),
      );
      expect(await cli('users', 'metadata', EMAIL, '--unset', 'plan')).toEqual(printed('{"tenant":"acme"}'));
      expect(await cli('users', 'metadata', EMAIL)).toEqual(printed('{"tenant":"acme"}'));
      const twice = await cli('users', 'metadata', EMAIL, '--set', '{"a":1}', '--set', '{"b":2}');
      expect(twice).toMatchObject({ exitCode: 2, stdout: '' });
      const unset = await cli('users', 'metadata', EMAIL, '--unset', 'tenant', '--unset', 'plan');
      expect(unset).toEqual(printed('{}'));
      expect(await cli('users', 'metadata', EMAIL, '--set', '[]')).toEqual({
        exitCode: 1,
        stdout: '',
        stderr: 'latchkey: An argument has an invalid value. (metadata is no JSON object)\n',
      });
      expect(await cli('users', 'metadata', EMAIL, '--set', '{')).toMatchObject({ exitCode: 2, stdout: '' });
    },
    PATIENCE_MS,
  );

  it(
    'keys jwks prints the key set that the server publishes',
    async () => {
      const cwd = mkdtempSync(join(folder, 'jwks-'));
      const { child, url } = await serve(cwd);
      const published = await (await fetch(`${url}/.well-known/jwks.json`)).json();
      const { exitCode, stdout } = await run(['keys', 'jwks'], { cwd });
      expect([exitCode, JSON.parse(stdout)]).toEqual([0, published]);
      expect(stdout).not.toContain('"d"');
      child.kill('SIGTERM');
    },
    PATIENCE_MS,
  );

  it(
    'a command about roles says when the servers of its database have another file',
    async () => {
      const cwd = mkdtempSync(join(folder, 'other-roles-'));
      const file = join(cwd, 'roles.json');
      writeFileSync(file, JSON.stringify(ROLES_FILE));
      const { child, ended } = await serve(cwd, { LATCHKEY_ROLES_FILE: file });
      child.kill('SIGTERM');
      await ended;
      const { exitCode, stderr } = await run(['roles', 'list'], { cwd });
      expect([exitCode, stderr]).toEqual([
        0,
        'latchkey: the servers of this database began with another LATCHKEY_ROLES_FILE, or another content of it\n',
      ]);
    },
    PATIENCE_MS,
  );

  it(
    'commands print lists, the audit trail and the configuration as JSON with --json',
    async () => {
      const cwd = mkdtempSync(join(folder, 'json-'));
      await run(['users', 'create', EMAIL, '--password-stdin'], { cwd, input: PASSWORD });
      const url = `file:${join(cwd, 'data', 'latchkey.db')}`;
      await queueMail(url);
      const moment = expect.stringMatching(/^20\d\d-.*Z$/);
      const id = expect.stringMatching(/^[\w-]+$/);

      const lines = async (...args: string[]) => {
        const { exitCode, stdout, stderr } = await run([...args, '--json'], { cwd });
        expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
        return stdout
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line));
      };
      expect(await lines('users', 'list')).toEqual([
        { id, email: EMAIL, status: 'active', createdAt: moment, roles: null },
      ]);
      expect(await lines('keys', 'list')).toEqual([
        { kid: id, algorithm: 'ES256', status: 'signing', createdAt: moment, activatesAt: moment },
      ]);
      expect(await lines('mail', 'list')).toEqual([
        {
          ...{ id, status: 'waiting', template: 'reset-password', to: EMAIL },
          ...{ queuedAt: moment, tries: 0, failure: null },
        },
      ]);
      expect(await lines('audit', 'verify')).toEqual([
        {
          ...{ isIntact: true, findings: [], batchCount: 0, eventCount: 0 },
          ...{ unchainedCount: expect.any(Number), bareCount: 0, head: '0:' },
        },
      ]);
      const [{ settings, ...examined }] = await lines('doctor');
      expect(settings).toMatchObject({
        PORT: '4000',
        LATCHKEY_SMTP_URL: null,
        LATCHKEY_SECRET: '*** (one secret)',
      });
      expect(examined).toEqual({
        notes: expect.arrayContaining([`The database is the file ${cwd}/data/latchkey.db.`]),
        warnings: [],
        problems: [],
      });

      const database = await openDatabase(url);
      await database.run('UPDATE audit_events SET batch = 7');
      await database.close();
      const broken = await run(['audit', 'verify', '--json'], { cwd });
      expect(broken.exitCode).toBe(1);
      expect(JSON.parse(broken.stdout)).toMatchObject({
        isIntact: false,
        findings: [{ problem: 'inserted', message: expect.stringContaining('put in') }],
      });
    },
    PATIENCE_MS,
  );

  it(
    'a command that fails says why in one line',
    async () => {
      const [weak, unknown] = await Promise.all([
        run(['users', 'set-password', EMAIL, '--password-stdin'], { input: 'too short' }),
        run(['users', 'disable', 'nobody@example.com']),
      ]);
      expect(weak).toMatchObject({
        exitCode: 1,
        stdout: '',
        stderr: expect.stringMatching(/^latchkey: .*15 characters\)\n$/),
      });
      expect(unknown).toMatchObject({
        exitCode: 1,
        stdout: '',
        stderr: expect.stringMatching(/^latchkey: .*\n$/),
      });
    },
    PATIENCE_MS,
  );

  it(
    'audit verify says whether the trail is as it was written, and exits with 1 if it is not (AUD-4)',
    async () => {
      const cwd = mkdtempSync(join(folder, 'audited-'));
      const intact = await run(['audit', 'verify'], { cwd });
      expect(intact).toMatchObject({ exitCode: 0, stderr: '' });
      expect(intact.stdout).toMatch(/^Intact\.\n0 events in 0 batches; \d+ newer .*\nHead: 0:\n$/);

      const database = await openDatabase(`file:${join(cwd, 'data', 'latchkey.db')}`);
      await database.run('UPDATE audit_events SET batch = 7');
      await database.close();
      const [broken, cut, wrong] = await Promise.all([
        run(['audit', 'verify'], { cwd }),
        run(['audit', 'verify', '--head', '3:abc'], { cwd }),
        run(['audit', 'verify', '--head', 'abc'], { cwd }),
      ]);
      expect(broken).toMatchObject({ exitCode: 1, stderr: '' });
      expect(broken.stdout).toMatch(/^batch 7, event [\w-]+: put in, .*\n0 events/);
      expect(cut).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/^batch 3: removed .*since/m) });
      expect(wrong.exitCode).toBe(2);
    },
    PATIENCE_MS,
  );

  it(
    'mail list shows unsent mail, mail retry queues dead letters again, and a server sends them (CR-8)',
    async () => {
      const cwd = mkdtempSync(join(folder, 'mailing-'));
      const url = `file:${join(cwd, 'data', 'latchkey.db')}`;
      expect(await run(['mail', 'list'], { cwd })).toEqual({ exitCode: 0, stdout: '', stderr: '' });
      await queueMail(url);
      const waiting = await run(['mail', 'list'], { cwd });
      expect(waiting).toMatchObject({ exitCode: 0, stderr: '' });
      const [id = '', ...columns] = waiting.stdout.trimEnd().split('\t');
      expect(columns).toEqual([
        ...['waiting', 'reset-password', EMAIL],
        ...[expect.stringMatching(/^20.*Z$/), '0', '-'],
      ]);
      const notDead = await run(['mail', 'retry', id], { cwd });
      expect(notDead).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('no such dead letter') });

      const database = await openDatabase(url);
      await database.run(`UPDATE mails SET failed_at = 1, failure = '550 to RCPT TO'`);
      await database.close();
      expect((await run(['mail', 'list'], { cwd })).stdout).toMatch(/\tdead\t.*\t550 to RCPT TO\n$/);
      expect((await run(['mail', 'retry'], { cwd })).stdout).toMatch(/^Queued 1 mails again/);

      const smtp = await startSmtpServer();
      const arrived = smtp.nextArrival();
      const { child, ended } = await serve(cwd, { LATCHKEY_SMTP_URL: smtp.url });
      await arrived;
      child.kill('SIGTERM');
      expect(await ended).toMatchObject({ exitCode: 0, stderr: '' });
      await smtp.stop();
      expect(smtp.received).toMatchObject([{ to: EMAIL, content: expect.stringContaining('#token=3Dx') }]);
      expect((await run(['mail', 'list'], { cwd })).stdout).toBe('');
    },
    PATIENCE_MS,
  );

  it(
    'serve refuses a folder of templates that cannot be read',
    async () => {
      const environment = { PORT: '0', LATCHKEY_TEMPLATES: join(folder, 'nowhere') };
      const { exitCode, stderr } = await run(['serve'], { environment });
      expect([exitCode, stderr]).toEqual([
        1,
        'The configuration is not usable:\n  LATCHKEY_TEMPLATES: cannot be read (ENOENT)\n',
      ]);
    },
    PATIENCE_MS,
  );

  it(
    'migrate and doctor refuse a database with tables of another program, name them and change nothing',
    async () => {
      const cwd = mkdtempSync(join(folder, 'shared-'));
      const database = await openDatabase(`file:${join(cwd, 'data', 'latchkey.db')}`);
      await database.run('CREATE TABLE schema_migrations (version TEXT PRIMARY KEY)');
      await database.run('CREATE TABLE users (id INTEGER PRIMARY KEY, login TEXT)');
      const [migrated, examined] = [await run(['migrate'], { cwd }), await run(['doctor'], { cwd })];
      for (const { exitCode, stdout, stderr } of [migrated, examined]) {
        expect(exitCode).toBe(1);
        expect(stdout + stderr).toMatch(
          /belongs to another program, .*: users\. Give Latchkey a database of its own/,
        );
        expect(stdout + stderr).not.toContain('`latchkey migrate`');
      }
      expect(
        await database.all('SELECT name FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name'),
      ).toEqual([{ name: 'schema_migrations' }, { name: 'users' }]);
      await database.close();
    },
    PATIENCE_MS,
  );

  it(
    'doctor masks secrets, and finds signing keys that they do not open (KEY-4)',
    async () => {
      const secret = randomBytes(32).toString('hex');
      const [well, ill] = await Promise.all([
        run(['doctor']),
        run(['doctor'], { environment: { LATCHKEY_SECRET: secret } }),
      ]);

      expect(well).toMatchObject({
        exitCode: 0,
        stdout: expect.stringMatching(/LATCHKEY_SECRET_FILE +data\/secret\n/),
      });
      expect(well.stdout).not.toContain(readFileSync(join(folder, 'data', 'secret'), 'utf8').trim());
      expect(ill).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/problem: .*signing key/) });
      expect(ill.stdout + ill.stderr).not.toContain(secret);
    },
    PATIENCE_MS,
  );
});

describe('doctor', () => {
  it(
    'doctor tries the mail server, and says what is wrong with it',
    async () => {
      const cwd = mkdtempSync(join(folder, 'mail-'));
      await run(['migrate'], { cwd });
      const smtp = await startSmtpServer({
        authOptional: false,
        onAuth: ({ password }, _session, done) =>
          password === 'right'
            ? done(null, { user: 'ada' })
            : done(Object.assign(new Error('no'), { responseCode: 535 })),
      });
      const { port } = new URL(smtp.url);
      const doctor = (url: string) => run(['doctor'], { cwd, environment: { LATCHKEY_SMTP_URL: url } });
      const right = await doctor(`smtp://ada:right@127.0.0.1:${port}`);
      const wrong = await doctor(`smtp://ada:hunter2@127.0.0.1:${port}`);
      const noTls = await doctor(`smtps://ada:right@127.0.0.1:${port}`);
      const closed = await doctor('smtp://127.0.0.1:1');
      await smtp.stop();

      expect(right).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/Nothing is wrong\.\n$/) });
      expect(smtp.received).toEqual([]);
      for (const [end, reason] of [
        [wrong, /535/],
        [noTls, /[A-Z]+/],
        [closed, /ECONNREFUSED/],
      ] as const) {
        expect(end).toMatchObject({ exitCode: 1, stderr: '' });
        const [, problem = ''] =
          /^problem: The mail server of LATCHKEY_SMTP_URL (.*)$/m.exec(end.stdout) ?? [];
        expect(problem).toMatch(reason);
        expect(end.stdout).not.toContain('hunter2');
      }
    },
    PATIENCE_MS,
  );

  it(
    'doctor finds a database that every user may read or change',
    async () => {
      const cwd = mkdtempSync(join(folder, 'open-'));
      await run(['migrate'], { cwd });
      const file = join(cwd, 'data', 'latchkey.db');
      for (const [mode, exitCode] of [
        [0o644, 1],
        [0o602, 1],
        [0o640, 0],
      ] as const) {
        chmodSync(file, mode);
        const end = await run(['doctor'], { cwd });
        expect(end.exitCode).toBe(exitCode);
        if (exitCode === 1)
          expect(end.stdout).toMatch(/^problem: Every user .* chmod 600 \S*data\/latchkey\.db$/m);
      }
    },
    PATIENCE_MS,
  );

  it.each(engines.filter((engine) => engine === 'postgres'))(
    'doctor warns of an unencrypted connection to %s on another machine',
    async (engine) => {
      const { database, url, drop } = await freshDatabase(engine);
      await migrate(database);
      // For the system 0.0.0.0 is this machine, and for a reader of the URL it is not.
      const elsewhere = url.replace('127.0.0.1', '0.0.0.0');
      const environment = { NODE_ENV: 'test', LATCHKEY_SECRET: randomBytes(32).toString('hex') };
      const examined = (DATABASE_URL: string) =>
        run(['doctor'], { environment: { ...environment, DATABASE_URL } });
      const warned = await examined(elsewhere);
      const local = await examined(url);
      await drop();
      expect(warned).toMatchObject({
        exitCode: 0,
        stdout: expect.stringMatching(/^warning: The connection to PostgreSQL is not encrypted/m),
      });
      expect(local.stdout).not.toContain('encrypted');
    },
    PATIENCE_MS,
  );
});

describe('running servers', () => {
  it(
    'two servers that first start side by side share their secret and keys, and end with 0 (CR-3, CR-4)',
    async () => {
      const cwd = mkdtempSync(join(folder, 'pair-'));
      const servers = await Promise.all([serve(cwd), serve(cwd)]);

      // What one of them sealed opens for the other one only under the same secret.
      const ready = await Promise.all(servers.map(async ({ url }) => (await fetch(`${url}/readyz`)).json()));
      expect(ready).toEqual(
        [0, 1].map(() => ({ database: true, writable: true, keys: true, migrations: true })),
      );
      const [first, second] = await Promise.all(
        servers.map(async ({ url }) => (await fetch(`${url}/.well-known/jwks.json`)).json()),
      );
      expect(first).toEqual({ keys: [expect.objectContaining({ kty: 'EC' })] });
      expect(second).toEqual(first);

      for (const { child } of servers) child.kill('SIGTERM');
      for (const { ended } of servers) expect(await ended).toMatchObject({ exitCode: 0, stderr: '' });
    },
    PATIENCE_MS,
  );

  it(
    'a server finishes the request under way, however often it is told to stop (CR-3)',
    async () => {
      const { child, url, ended, printed } = await serve(mkdtempSync(join(folder, 'drained-')));
      const { hostname, port } = new URL(url);
      const body = JSON.stringify({ query: '{ __typename }' });
      const socket = connect(Number(port), hostname);
      const answer = new Promise<string>((resolve) => {
        let text = '';
        socket.on('data', (chunk) => {
          text += String(chunk);
        });
        socket.on('close', () => resolve(text));
      });
      // `Expect` is answered when the server has the headers: from then on the request is under way.
      socket.write(
        `POST /graphql HTTP/1.1\r\nHost: ${hostname}\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${body.length}\r\n\r\n`,
      );
      await new Promise((resolve) => socket.once('data', resolve));

      child.kill('SIGTERM');
      await printed(/Stopping/);
      child.kill('SIGTERM');
      child.kill('SIGINT');
      await refusal(`${url}/livez`);
      socket.write(body);

      expect(await answer).toMatch(/HTTP\/1\.1 200 OK.*"__typename":"Query"/s);
      expect(await ended).toMatchObject({ exitCode: 0, stderr: '' });
    },
    PATIENCE_MS,
  );

  it.each([{}, { LATCHKEY_WORKERS: '2' }])(
    'a server in development signs with the address that it prints, on any port: %p',
    async (settings) => {
      const { child, ended, url } = await serve(mkdtempSync(join(folder, 'issuer-')), settings);
      const input = `{ email: "${EMAIL}", password: "${PASSWORD}" }`;
      const answer = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: `mutation { register(input: ${input}) { auth { accessToken } } }` }),
      });
      const { data } = (await answer.json()) as { data: { register: { auth: { accessToken: string } } } };
      const [, claims = ''] = data.register.auth.accessToken.split('.');
      const issuer = `http://localhost:${new URL(url).port}`;
      expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
        iss: issuer,
        aud: issuer,
      });
      child.kill('SIGTERM');
      expect(await ended).toMatchObject({ exitCode: 0 });
    },
    PATIENCE_MS,
  );

  it.each([
    [{}, /Metrics: (http:\/\/127\.0\.0\.1:\d+\/metrics)/],
    [{ LATCHKEY_METRICS_HOST: '[::1]' }, /Metrics: (http:\/\/\[::1\]:\d+\/metrics)/],
    [{ LATCHKEY_WORKERS: '2' }, /Metrics: (http:\/\/127\.0\.0\.1:\d+\/metrics)/],
  ])(
    'a server shows its metrics where it is told to, and otherwise on this machine alone: %p',
    async (settings, line) => {
      const cwd = mkdtempSync(join(folder, 'metrics-'));
      const environment = {
        HOST: '127.0.0.2',
        LATCHKEY_METRICS: 'on',
        LATCHKEY_METRICS_PORT: '0',
        ...settings,
      };
      const { child, ended, url, printed } = await serve(cwd, environment);
      const [, metrics = ''] = await printed(line);
      expect(new URL(url).hostname).toBe('127.0.0.2');
      expect(await (await fetch(metrics)).text()).toContain('nodejs_eventloop_lag_p99_seconds');
      child.kill('SIGTERM');
      expect(await ended).toMatchObject({ exitCode: 0 });
    },
    PATIENCE_MS,
  );

  it.each(['1', '2'])(
    'a server of %s processes whose log is no longer read works on, and ends in its time (CR-3)',
    async (workers) => {
      const cwd = mkdtempSync(join(folder, 'unread-'));
      const { child, url } = await serve(cwd, { LATCHKEY_WORKERS: workers });
      child.stdout?.pause();
      // Each has a line of the log: more than the pipe holds.
      for (let round = 0; round < 20; round += 1) {
        const answers = await Promise.all(Array.from({ length: 50 }, () => fetch(`${url}/livez`)));
        for (const answer of answers) await answer.text();
      }
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
      child.stdout?.destroy();
    },
    PATIENCE_MS,
  );

  it(
    'a server whose log goes to a full disk works on, and ends in its time (CR-3, CR-5)',
    async () => {
      const full = openSync('/dev/full', 'w');
      const cwd = mkdtempSync(join(folder, 'full-'));
      const port = await freePort();
      const { child, ended } = commands.start(['serve'], {
        cwd,
        environment: { PORT: String(port) },
        stdout: full,
      });
      closeSync(full);
      while (!(await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.ok)
        if (child.exitCode !== null) throw new Error(`It ended: ${(await ended).stderr}`);
      child.kill('SIGTERM');
      expect(await ended).toMatchObject({ exitCode: 0, stderr: '' });
    },
    PATIENCE_MS,
  );
});

/** Resolves once no server listens there any more. */
async function refusal(url: string): Promise<void> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer === undefined) return;
    await answer.text();
  }
  throw new Error('It still listens.');
}

/** Queues a mail as a running server does, in the database of a server that does not run. */
async function queueMail(url: string): Promise<void> {
  const config = loadConfig({ DATABASE_URL: url });
  const database = await openDatabase(url);
  const app = await createApp({ config, database, clock: createClock(), logger: pino({ level: 'silent' }) });
  await database.transaction((sql) =>
    app.mail.enqueue(sql, {
      to: EMAIL,
      template: RESET_PASSWORD.template,
      path: '/reset-password#token=x',
      expiresAt: Date.now() + 3_600_000,
    }),
  );
  await app.close();
  await database.close();
}

function run(args: string[], options: Partial<CommandOptions> = {}): Promise<Ended> {
  return commands.run(args, { cwd: folder, ...options });
}

/** A server on any free port, once it listens. */
async function serve(cwd: string, environment: Record<string, string> = {}) {
  const server = commands.start(['serve'], { cwd, environment: { PORT: '0', ...environment } });
  const [, url = ''] = await server.printed(/JWKS: (http:[^"]+)\/\.well-known/);
  return { ...server, url };
}
