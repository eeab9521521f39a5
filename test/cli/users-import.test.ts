import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { hash as argon2 } from '@node-rs/argon2';
import bcrypt from 'bcrypt';
import { createProgress } from '../../src/cli/progress.ts';
import { openUsersFile } from '../../src/cli/users-file.ts';
import { HASH_COST } from '../../src/crypto/password-hash.ts';
import { migrate } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/open.ts';
import type { RefusedLine, Row } from '../../src/features/transfers/service.ts';
import { LOGIN, ME, register } from '../support/documents.ts';
import { eventsOf } from '../support/events.ts';
import { rolesFile } from '../support/roles.ts';
import { cleanEnvironment } from '../support/server-process.ts';
import { useBuild } from '../support/setup.ts';
import { describeApp, PASSWORD, type TestApp } from '../support/start-app.ts';

const build = useBuild();
const EXAMPLE = fileURLToPath(new URL('../../examples/import/users.ndjson', import.meta.url));
/** Starting a process is slow where cores are few; nothing here is about how slow. */
const PATIENCE_MS = 120_000;
const BCRYPT = '$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
const FIREBASE = {
  signerKey: Buffer.from(
    'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==',
    'base64',
  ),
  saltSeparator: Buffer.of(7),
  rounds: 8,
  memCost: 14,
};

const folder = mkdtempSync(join(tmpdir(), 'latchkey-import-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

/** A new file of the given kind. */
function fileOf(content: string | Buffer, kind = 'ndjson'): string {
  files += 1;
  const path = join(folder, `users-${files}.${kind}`);
  writeFileSync(path, content);
  return path;
}

function ndjson(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

const people = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ email: `user${n}@example.com`, passwordHash: BCRYPT }));

/** Imports a file as the command does; of its rows, those that `choose` lets through. */
async function importFile(
  app: TestApp,
  path: string,
  choose: (rows: AsyncIterable<Row>) => AsyncIterable<Row> = (rows) => rows,
) {
  const refused: RefusedLine[] = [];
  const { digest, rows } = await openUsersFile(path);
  const file = { digest, rows: choose(rows) };
  const result = await app.transfers.importUsers(file, {
    onBatch: (_, lines) => void refused.push(...lines),
  });
  return { ...result, refused };
}

async function exported(app: TestApp, withPasswordHashes = true) {
  const users = [];
  for await (const user of app.transfers.exportUsers({ withPasswordHashes })) users.push(user);
  return users;
}

const attempt = (app: TestApp, email: string, password = PASSWORD) =>
  app.send(LOGIN, { input: { email, password } });

const countUsers = async (app: TestApp) => (await app.database.all('SELECT id FROM users')).length;

describeApp('importing accounts', (start) => {
  it('an import opens the accounts of every supported system with the passwords they had there (PW-2)', async () => {
    const app = await start({ hashCost: HASH_COST, config: { firebaseScrypt: FIREBASE } });
    const { total, refused } = await importFile(app, EXAMPLE);
    expect(refused).toEqual([]);
    expect(total).toEqual({ line: 8, created: 8, skipped: 0, refused: 0 });

    const rows = ndjsonOf(EXAMPLE);
    const codes = [];
    for (const { email } of rows) codes.push((await attempt(app, email)).code);
    expect(codes).toEqual(rows.map(({ passwordHash }) => (passwordHash ? 'OK' : 'INVALID_CREDENTIALS')));
    for (const { passwordHash } of await exported(app))
      expect(passwordHash ?? '$argon2id$v=19$m=19456,t=2,p=1$').toMatch(
        /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/,
      );
    expect((await attempt(app, rows[1]?.email ?? '', `x${PASSWORD}`)).code).toBe('INVALID_CREDENTIALS');
  });

  it('an import takes roles and metadata in both formats, and an export gives them back', async () => {
    const app = await start({ config: { rolesFile: rolesFile() } });
    const rows = [
      { email: 'ada@example.com', roles: ['editor', 'member'], metadata: { tenant: 'acme' } },
      { email: 'bob@example.com' },
    ];
    const csv =
      'email,roles,metadata\r\neve@example.com,admin editor,"{""seats"":3}"\r\nzoe@example.com,,\r\n';
    await importFile(app, fileOf(ndjson(rows)));
    await importFile(app, fileOf(csv, 'csv'));
    const users = (await exported(app, false)).map(({ email, roles, metadata }) => ({
      email,
      roles,
      metadata,
    }));
    expect(users.sort((a, b) => a.email.localeCompare(b.email))).toEqual([
      { email: 'ada@example.com', roles: ['editor'], metadata: { tenant: 'acme' } },
      { email: 'bob@example.com', roles: [], metadata: {} },
      { email: 'eve@example.com', roles: ['admin', 'editor'], metadata: { seats: 3 } },
      { email: 'zoe@example.com', roles: [], metadata: {} },
    ]);
    const granted = (await eventsOf(app, 'authz_change')).map(({ details }) => JSON.parse(details));
    expect(granted).toContainEqual({ by: 'operator', reason: 'import', granted: ['editor'] });
    expect(granted).toHaveLength(2);
  });

  it('an import refuses a line with an unknown role, or with metadata that cannot be kept', async () => {
    const app = await start({ config: { rolesFile: rolesFile() } });
    const bad = [
      { roles: ['editr'] },
      { roles: [1] },
      { roles: 'admin, editor' },
      { metadata: [] },
      { metadata: 'x' },
      { metadata: { all: 'x'.repeat(5_000) } },
    ];
    const path = fileOf(ndjson(bad.map((row, i) => ({ email: `user${i}@example.com`, ...row }))));
    const { refused } = await importFile(app, path);
    const roles = 'roles names a role that is not defined; in CSV, roles have spaces between them';
    const metadata = 'metadata is no JSON object of at most 4096 bytes';
    expect(refused.map(({ problem }) => problem)).toEqual([
      roles,
      roles,
      roles,
      metadata,
      metadata,
      metadata,
    ]);
    expect(await countUsers(app)).toBe(0);
  });

  it('an import keeps the id, the name and the age of an account, and fills in what it lacks', async () => {
    const app = await start();
    const [full, bare, disabled] = [
      {
        id: '0198D2A0-7C1E-4B6F-9D0C-2F6F2F0A1B11',
        email: ' Ada@Example.com ',
        name: ' Ada Lovelace ',
        createdAt: '2019-12-10T08:00:00+01:00',
        disabled: false,
        passwordHash: BCRYPT,
      },
      { email: 'grace@example.com', name: '', passwordHash: BCRYPT, id: null },
      { email: 'alan@example.com', createdAt: 1_500_000_000_000, disabled: true, passwordHash: BCRYPT },
    ];
    await importFile(app, fileOf(ndjson([full, bare, disabled])));

    const answer = await attempt(app, 'ada@example.com', 'U*U');
    const { data } = await app.send(ME, {}, { token: answer.data.login.accessToken });
    expect(data.me).toMatchObject({
      id: full?.id?.toLowerCase(),
      email: 'Ada@Example.com',
      name: 'Ada Lovelace',
      createdAt: '2019-12-10T07:00:00.000Z',
    });
    const made = (await attempt(app, 'grace@example.com', 'U*U')).data.login.user;
    expect(made).toMatchObject({ name: null, createdAt: '2027-01-01T00:00:00.000Z' });
    expect(made.id).toMatch(/^[0-9a-f-]{36}$/);
    expect((await attempt(app, 'alan@example.com', 'U*U')).code).toBe('INVALID_CREDENTIALS');
    await app.admin.enable('alan@example.com');
    expect((await attempt(app, 'alan@example.com', 'U*U')).data.login.user.createdAt).toBe(
      '2017-07-14T02:40:00.000Z',
    );
    expect(await eventsOf(app, 'user_created')).toHaveLength(3);
  });

  it('an import refuses a bad line with a reason that repeats nothing of it, and takes the others (AUD-2)', async () => {
    const app = await start();
    const secret = 'hunter2hunter2';
    const of = (fields: object) => JSON.stringify({ email: 'ada@example.com', ...fields });
    const lines: [string | Buffer, RegExp | undefined][] = [
      [of({ email: 'first@example.com' }), undefined],
      ['', undefined],
      [secret, /^is no JSON in UTF-8$/],
      [`["${secret}"]`, /^is no JSON object$/],
      [
        Buffer.concat([
          Buffer.from('{"email":"ada@example.com","name":"'),
          Buffer.of(0xe9),
          Buffer.from('"}'),
        ]),
        /UTF-8$/,
      ],
      [of({ name: 'x'.repeat(70_000) }), /^is longer than 65536 bytes$/],
      [of({ [secret]: secret }), /^has a field that is none of id, email, /],
      [of({ email: undefined, name: secret }), /^email is missing/],
      [of({ email: secret }), /^email is missing or no address$/],
      [of({ id: secret }), /^id is no UUID$/],
      [of({ emailVerified: secret }), /^emailVerified is neither/],
      [of({ name: `${secret}\u0000` }), /^name has/],
      [of({ name: secret.repeat(8) }), /^name has/],
      [of({ createdAt: secret }), /^createdAt is no moment/],
      [of({ createdAt: '2027-01-01T00:00:00.001Z' }), /^createdAt is no moment/],
      [of({ createdAt: -1 }), /^createdAt is no moment/],
      [of({ disabled: 1 }), /^disabled is neither/],
      [of({ passwordHash: secret }), /^passwordHash is in no form/],
      [of({ passwordHash: { secret } }), /^passwordHash is in no form/],
      [of({ passwordHash: 7 }), /^passwordHash is in no form/],
      [of({ passwordHash: BCRYPT.replace('$05$', '$16$') }), /^passwordHash costs more/],
      [of({ salt: secret }), /^salt has no passwordHash/],
      [of({ passwordHash: secret, salt: secret }), /LATCHKEY_FIREBASE_SCRYPT is needed$/],
      [of({ email: 'last@example.com' }), undefined],
    ];
    const content = Buffer.concat(lines.flatMap(([line]) => [Buffer.from(line), Buffer.from('\n')]));
    const { total, refused } = await importFile(app, fileOf(content));

    const expected = lines.flatMap(([, problem], index) =>
      problem === undefined ? [] : [{ line: index + 1, problem: expect.stringMatching(problem) }],
    );
    expect(refused).toEqual(expected);
    expect(JSON.stringify(refused)).not.toContain(secret);
    expect(total).toEqual({ line: lines.length, created: 2, skipped: 0, refused: expected.length });
    expect((await exported(app)).map(({ email }) => email).sort()).toEqual([
      'first@example.com',
      'last@example.com',
    ]);
    expect(JSON.stringify(await eventsOf(app))).not.toContain(secret);
  });

  it('an import skips empty lines and rows of empty cells, however they end', async () => {
    const app = await start();
    const ada = '{"email":"ada@example.com"}';
    const lines = ['\ufeff', '', ada, '\r', ' \t ', '{"email":"grace@example.com"} ', 'null', ''];
    const { total, refused } = await importFile(app, fileOf(lines.join('\r\n')));
    expect(total).toEqual({ line: 7, created: 2, skipped: 0, refused: 1 });
    expect(refused).toEqual([{ line: 7, problem: 'is no JSON object' }]);
    const csv = [
      ',,',
      'email,name,,',
      ',,,',
      '" ", ,,',
      ',',
      'alan@example.com,Alan',
      'dana@example.com,Dana,,,,',
      'kim@example.com,Kim,x,',
      'eve@example.com',
    ];
    const outcome = await importFile(app, fileOf(csv.join('\r\n'), 'csv'));
    expect(outcome.total).toMatchObject({ created: 2, refused: 2 });
    expect(outcome.refused).toEqual([
      { line: 8, problem: 'has 4 cells, the header has 2' },
      { line: 9, problem: 'has 1 cells, the header has 2' },
    ]);
  });

  it.each<[unknown, string]>([
    ['2019-12-10 08:00:00.123456+00', '2019-12-10T08:00:00.123Z'],
    ['2019-12-10 08:00:00+05:30', '2019-12-10T02:30:00.000Z'],
    ['2019-12-10 08:00:00-0330', '2019-12-10T11:30:00.000Z'],
    ['2019-12-10 08:00:00', '2019-12-10T08:00:00.000Z'],
    ['2019-12-10 08:00:00 UTC', '2019-12-10T08:00:00.000Z'],
    ['2019-12-10T08:00:00', '2019-12-10T08:00:00.000Z'],
    ['2019-12-10T08:00:00+0000', '2019-12-10T08:00:00.000Z'],
    ['2019-12-10T08:00Z', '2019-12-10T08:00:00.000Z'],
    ['2019-12-10t08:00:00,5z', '2019-12-10T08:00:00.500Z'],
    ['20191210T080000Z', '2019-12-10T08:00:00.000Z'],
    ['2020-02-29', '2020-02-29T00:00:00.000Z'],
    [1_575_964_800, '2019-12-10T08:00:00.000Z'],
    ['1575964800', '2019-12-10T08:00:00.000Z'],
    [1_575_964_800.25, '2019-12-10T08:00:00.250Z'],
    [999_999_999, '2001-09-09T01:46:39.000Z'],
    [1_575_964_800_123, '2019-12-10T08:00:00.123Z'],
    ['1575964800123', '2019-12-10T08:00:00.123Z'],
    ['2019-02-31', ''],
    ['2019-02-29T00:00:00Z', ''],
    ['2019-13-01', ''],
    ['2019-12-10T25:00:00Z', ''],
    ['2019-12-10T08:00:00+25:00', ''],
    ['10.12.2019', ''],
    ['12/10/2019', ''],
    ['2019-12', ''],
    ['infinity', ''],
    ['1e9', ''],
    [true, ''],
    [-1_575_964_800, ''],
    [1_575_964_800_123_456, ''],
  ])(
    'an import reads times as other systems write them, and refuses invalid ones: %p',
    async (createdAt, expected) => {
      const app = await start();
      const { refused } = await importFile(app, fileOf(ndjson([{ email: 'ada@example.com', createdAt }])));
      const [user] = await exported(app, false);
      expect(user?.createdAt ?? '').toBe(expected);
      expect(refused.map(({ problem }) => problem)).toEqual(
        expected === '' ? [expect.stringMatching(/^createdAt is no moment/)] : [],
      );
    },
  );

  it('an import takes Django accounts without a usable password, and the true and false of spreadsheets', async () => {
    const app = await start();
    const hash = '!YyZ2lXtmqulYGjKF4umnHSxytEEeLZ7npUheTeNQ';
    const rows = [
      'email,passwordHash,emailVerified,disabled',
      `ada@example.com,${hash},TRUE,FALSE`,
      'grace@example.com,!,t,f',
    ];
    const { refused } = await importFile(app, fileOf(rows.join('\n'), 'csv'));
    expect(refused).toEqual([]);
    for (const user of await exported(app))
      expect(user).toMatchObject({ passwordHash: null, emailVerified: true, disabled: false });
    for (const password of [hash, '!'])
      expect((await attempt(app, 'ada@example.com', password)).code).toBe('INVALID_CREDENTIALS');
  });

  it('an import takes the hashes of one Firebase project, and none that its key cannot have made', async () => {
    const app = await start({ config: { firebaseScrypt: FIREBASE } });
    const hash = 'lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==';
    const rows = [hash, hash.slice(0, 43), BCRYPT, { value: hash }].map((passwordHash, n) => ({
      email: `user${n}@example.com`,
      passwordHash,
      salt: '42xEC+ixf3L2lw==',
    }));
    const { refused } = await importFile(app, fileOf(ndjson(rows)));
    expect(refused.map(({ line }) => line)).toEqual([2, 3, 4]);
    expect((await attempt(app, 'user0@example.com', 'user1password')).code).toBe('OK');
    const row = await app.database.get<{ hash: string }>('SELECT * FROM users');
    expect(JSON.stringify(row)).not.toContain(FIREBASE.signerKey.toString('base64').slice(0, 20));
  });

  it('an import reads quotes, line ends and empty cells of CSV, and refuses rows with fewer cells than the header', async () => {
    const app = await start();
    const keycloak = JSON.stringify(ndjsonOf(EXAMPLE)[5]?.passwordHash).replaceAll('"', '""');
    const content = [
      '\ufeffemail,name,createdAt,disabled,emailVerified,passwordHash',
      `ada@example.com,"Lovelace, Ada",2019-12-10T08:00:00Z,false,true,"${BCRYPT}"`,
      `kim@example.com,"Kim ""K.""",1500000000000,,,"${keycloak}"`,
      '',
      'grace@example.com,Grace',
      'alan@example.com,Al\ufffdn,,,,',
      'margaret@example.com,,,true,,',
    ].join('\r\n');
    const { total, refused } = await importFile(app, fileOf(content, 'csv'));
    expect(refused).toEqual([
      { line: 5, problem: 'has 2 cells, the header has 6' },
      { line: 6, problem: 'is no UTF-8 text' },
    ]);
    expect(total).toEqual({ line: 7, created: 3, skipped: 0, refused: 2 });
    const users = Object.fromEntries((await exported(app, false)).map((user) => [user.email, user]));
    expect(users).toMatchObject({
      'ada@example.com': {
        name: 'Lovelace, Ada',
        emailVerified: true,
        createdAt: '2019-12-10T08:00:00.000Z',
        disabled: false,
      },
      'kim@example.com': { name: 'Kim "K."', emailVerified: false, createdAt: '2017-07-14T02:40:00.000Z' },
      'margaret@example.com': { name: null, disabled: true },
    });
    expect((await attempt(app, 'ada@example.com', 'U*U')).code).toBe('OK');
    expect((await attempt(app, 'kim@example.com')).code).toBe('OK');
  });

  it.each([
    ['an unknown column', 'email,hunter2\nada@example.com,x', /^The header is wrong: column 2 /],
    ['a column twice', 'email,name,email\nada@example.com,x,y', /^The header is wrong: column 3 /],
    ['no header', 'ada@example.com,hunter2', /^The header is wrong: column 1 /],
    [
      'a quote that does not end',
      'email,name\nada@example.com,\neve@example.com,"hunter2',
      /no CSV: line 3, /,
    ],
    [
      'a quote that ends too soon',
      'email,name\nada@example.com,\neve@example.com,"a"hunter2',
      /no CSV: line 3, /,
    ],
    ['a quote in the middle', 'email,name\nada@example.com,\neve@example.com,hunter2"', /no CSV: line 3, /],
    [
      'a record without end',
      `email,name\nada@example.com,\neve@example.com,${'x'.repeat(70_000)}`,
      /line 3, /,
    ],
  ])(
    'an import of a CSV with %s creates no account, and repeats nothing of the file',
    async (_, content, problem) => {
      const app = await start();
      const failure = await importFile(app, fileOf(content, 'csv')).catch((error: Error) => error.message);
      expect(failure).toMatch(problem);
      expect(failure).not.toContain('hunter2');
      expect(await countUsers(app)).toBe(0);
    },
  );

  it('an interrupted import goes on after the last batch on disk, and creates each account once', async () => {
    const app = await start();
    const rows = [...people(1_200), { email: 'no address' }];
    const path = fileOf(ndjson([{ email: 'no address' }, ...rows]));
    async function* untilLine(last: number, all: AsyncIterable<Row>) {
      for await (const row of all) {
        if (row.line > last) throw new Error('interrupted');
        yield row;
      }
    }
    const interrupted = importFile(app, path, (all) => untilLine(1_100, all));
    await expect(interrupted).rejects.toThrow('interrupted');
    expect(await countUsers(app)).toBe(999);

    const { earlier, total, refused } = await importFile(app, path);
    expect(earlier).toEqual({ line: 1_000, created: 999, skipped: 0, refused: 1 });
    expect(total).toEqual({ line: 1_202, created: 1_200, skipped: 0, refused: 2 });
    expect(refused.map(({ line }) => line)).toEqual([1_202]);
    expect(await countUsers(app)).toBe(1_200);
    expect(await eventsOf(app, 'user_created')).toHaveLength(1_200);

    // Done once is done: people may have left since.
    await app.database.run("DELETE FROM users WHERE email = 'user7@example.com'");
    const again = await importFile(app, path);
    expect(again.total).toEqual(total);
    expect(await countUsers(app)).toBe(1_199);
  });

  it('a batch that fails leaves no account and no progress, so that the import can be repeated', async () => {
    const app = await start();
    const path = fileOf(ndjson(people(600)));
    await app.database.run('ALTER TABLE audit_events RENAME TO audit_events_elsewhere');
    // By its message: a native module's error may be of another realm than this test's.
    const missing = expect.stringContaining('audit_events');
    await expect(importFile(app, path)).rejects.toHaveProperty('message', missing);
    expect(await countUsers(app)).toBe(0);
    await app.database.run('ALTER TABLE audit_events_elsewhere RENAME TO audit_events');
    expect((await importFile(app, path)).total.created).toBe(600);
  });

  it('of two concurrent imports of the same file, one runs and the other fails', async () => {
    const app = await start();
    const path = fileOf(ndjson(people(1_200)));
    const outcomes = await Promise.allSettled([importFile(app, path), importFile(app, path)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await countUsers(app)).toBe(1_200);
    expect((await importFile(app, path)).total).toMatchObject({ created: 1_200, refused: 0 });
  });

  it('an import skips an account that is there already, and refuses another with the same address or id', async () => {
    const app = await start();
    const { user } = await register(app);
    const id = '0198d2a0-7c1e-4b6f-9d0c-2f6f2f0a1b11';
    await importFile(app, fileOf(ndjson([{ id, email: 'grace@example.com', passwordHash: BCRYPT }])));
    const rows = [
      { id, email: 'GRACE@example.com', name: 'Somebody else' },
      { email: 'grace@example.com' },
      { email: 'ADA@example.com', passwordHash: BCRYPT },
      { id: user.id, email: 'eve@example.com', passwordHash: BCRYPT },
      { email: 'new@example.com' },
      { email: 'New@example.com' },
    ];
    const { total, refused } = await importFile(app, fileOf(ndjson(rows)));
    expect(total).toMatchObject({ created: 1, skipped: 1, refused: 4 });
    expect(refused).toEqual([
      { line: 2, problem: 'email is the address of another account' },
      { line: 3, problem: 'email is the address of another account' },
      { line: 4, problem: 'id is that of another account' },
      { line: 6, problem: 'email is the address of another account' },
    ]);
    expect((await attempt(app, 'ada@example.com')).code).toBe('OK');
    expect((await attempt(app, 'ada@example.com', 'U*U')).code).toBe('INVALID_CREDENTIALS');
    expect((await attempt(app, 'grace@example.com', 'U*U')).data.login.user.name).toBeNull();
  });
});

/** As two keyboards type it: one character for the letter with its dots, or two. */
const COMPOSED = 'correct horse b\u00e4ttery';
const DECOMPOSED = 'correct horse ba\u0308ttery';
/** This server's own parameters, and stronger ones. */
const OURS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const STRONG = { memoryCost: 32_768, timeCost: 3, parallelism: 2 };

describeApp('imported password hashes', (start) => {
  it.each([
    ['argon2id', (password: string) => argon2(password, OURS)],
    ['a stronger argon2id', (password: string) => argon2(password, STRONG)],
    ['bcrypt', (password: string) => bcrypt.hash(password, 5)],
  ])(
    'an imported hash of %s is compared with the password as typed and in normal form, then replaced (PW-2, PW-5)',
    async (_, make) => {
      const app = await start({ hashCost: HASH_COST });
      const rows = [
        { email: 'composed@example.com', passwordHash: await make(COMPOSED) },
        { email: 'decomposed@example.com', passwordHash: await make(DECOMPOSED) },
      ];
      await importFile(app, fileOf(ndjson(rows)));

      const codes = [];
      for (const [email, password] of [
        ['decomposed@example.com', `x${DECOMPOSED}`],
        ['decomposed@example.com', DECOMPOSED],
        ['composed@example.com', DECOMPOSED],
      ] as const)
        codes.push((await attempt(app, email, password)).code);
      expect(codes).toEqual(['INVALID_CREDENTIALS', 'OK', 'OK']);

      for (const { passwordHash } of await exported(app))
        expect(passwordHash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
      // From now on it is a password of this server: every spelling of it is the same.
      expect((await attempt(app, 'decomposed@example.com', COMPOSED)).code).toBe('OK');
      const replaced = await exported(app);
      expect((await attempt(app, 'composed@example.com', COMPOSED)).code).toBe('OK');
      expect(await exported(app)).toEqual(replaced);
    },
  );

  it('an imported account whose password is set here has a password of this server', async () => {
    const app = await start();
    await importFile(app, fileOf(ndjson([{ email: 'ada@example.com', passwordHash: BCRYPT }])));
    await app.admin.setPassword('ada@example.com', PASSWORD);
    const before = await exported(app);
    expect((await attempt(app, 'ada@example.com')).code).toBe('OK');
    expect(await exported(app)).toEqual(before);
  });

  it('the migration recognizes imported hashes that an earlier version stored', async () => {
    const app = await start();
    const rows = await Promise.all(
      [OURS, STRONG].map(async (cost, n) => ({
        email: `user${n}@example.com`,
        passwordHash: await argon2(DECOMPOSED, cost),
      })),
    );
    await importFile(app, fileOf(ndjson(rows)));
    const own = await register(app, 'own@example.com');
    // What the version before leaves behind.
    await app.database.run('UPDATE users SET password_is_foreign = 0');
    await app.database.run("DELETE FROM latchkey_migrations WHERE name = '0013_imported_passwords'");
    expect(await migrate(app.database)).toEqual(['0013_imported_passwords']);

    for (const { email } of rows) expect((await attempt(app, email, DECOMPOSED)).code).toBe('OK');
    const before = await exported(app);
    expect((await attempt(app, own.user.email)).code).toBe('OK');
    expect(await exported(app)).toEqual(before);
  });
});

describeApp('exporting accounts', (start) => {
  it('an export holds all that an import needs, and its import gives the same accounts', async () => {
    const app = await start({ config: { firebaseScrypt: FIREBASE } });
    await importFile(app, EXAMPLE);
    await register(app, 'someone@example.com');
    await app.admin.disable('someone@example.com');
    const before = await exported(app);
    expect(before).toHaveLength(9);

    const other = await start({ config: { firebaseScrypt: FIREBASE } });
    const { refused } = await importFile(other, fileOf(ndjson(before)));
    expect(refused).toEqual([]);
    expect(await exported(other)).toEqual(before);
    expect((await attempt(other, 'fred@firebase.example')).code).toBe('OK');
    expect((await attempt(other, 'someone@example.com')).code).toBe('INVALID_CREDENTIALS');
  });

  it('an export has password hashes only on request, and is in the audit trail before it begins (AUD-1)', async () => {
    const app = await start();
    await register(app);
    const { value: user } = await app.transfers.exportUsers({ withPasswordHashes: false }).next();
    expect(user).toEqual({
      id: expect.any(String),
      email: 'ada@example.com',
      emailVerified: false,
      name: null,
      createdAt: '2027-01-01T00:00:00.000Z',
      disabled: false,
      roles: [],
      metadata: {},
    });
    await exported(app);
    const events = await eventsOf(app, 'sensitive_read');
    expect(events.map(({ details }) => JSON.parse(details).passwordHashes).sort()).toEqual(['no', 'yes']);
  });
});

describe('latchkey users import and export', () => {
  const running = new Set<ChildProcess>();
  afterEach(() => {
    for (const child of running) child.kill('SIGKILL');
  });

  function begin(args: string[], cwd: string, environment: Record<string, string> = {}) {
    const child = spawn(process.execPath, [build.cli, 'users', ...args], {
      cwd,
      env: { ...cleanEnvironment(), ...environment },
    });
    running.add(child);
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
      });
    const ended = new Promise<typeof output & { exitCode: number | null }>((resolve) => {
      child.on('close', (exitCode) => {
        running.delete(child);
        resolve({ exitCode, ...output });
      });
    });
    return { child, ended };
  }
  const run = (args: string[], cwd: string) => begin(args, cwd).ended;
  const freshFolder = () => mkdtempSync(join(folder, 'cwd-'));

  it(
    'users import prints its result, and exits with 1 for a refused line and with 2 for wrong use',
    async () => {
      const cwd = freshFolder();
      const path = fileOf(ndjson([...people(2), { email: 'hunter2' }]));
      expect(await run(['import', path], cwd)).toEqual({
        exitCode: 1,
        stdout:
          'line 3: email is missing or no address\nCreated 2 accounts; 0 were there already; refused 1 lines.\n',
        stderr: '',
      });
      const [again, good, wrongName, missing, none] = await Promise.all([
        run(['import', path], cwd),
        run(['import', fileOf('email\nada@example.com\n', 'csv')], freshFolder()),
        run(['import', fileOf('', 'json')], cwd),
        run(['import', join(folder, 'missing.csv')], cwd),
        run(['import'], cwd),
      ]);
      expect(again).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/^Went on after line 3, /) });
      expect(good).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^Created 1 accounts/) });
      expect([wrongName, missing, none].map(({ exitCode }) => exitCode)).toEqual([2, 2, 2]);
    },
    PATIENCE_MS,
  );

  it.each([
    ['NDJSON', `\ufeff\n ${ndjson([...people(2), { email: 'hunter2' }])}`],
    ['CSV', 'email\nuser0@example.com\nuser1@example.com\nhunter2\n'],
  ])(
    'users import takes accounts from standard input, and a second run goes on with them: %s',
    async (_, content) => {
      const cwd = freshFolder();
      const left = () => readdirSync(cwd).filter((name) => name !== 'data');
      const importStdin = () => {
        const { child, ended } = begin(['import', '-'], cwd, { TMPDIR: cwd });
        child.stdin?.end(content);
        return ended;
      };
      const outcome = { exitCode: 1, stderr: '' };
      expect(await importStdin()).toEqual({
        ...outcome,
        stdout: expect.stringMatching(
          /^line \d: email .*\nCreated 2 accounts; 0 were there already; refused 1 lines\.\n$/,
        ),
      });
      expect(await importStdin()).toEqual({
        ...outcome,
        stdout: expect.stringMatching(/^Went on after line \d/),
      });
      expect(left()).toEqual([]);
      expect((await run(['export', '--output', '-'], cwd)).stdout.trim().split('\n')).toHaveLength(2);
      expect(left()).toEqual([]);
    },
    PATIENCE_MS,
  );

  it(
    'users export writes to a new file that only its owner can read, or to standard output',
    async () => {
      const cwd = freshFolder();
      await run(['import', fileOf(ndjson(people(1_100)))], cwd);
      const shown = await run(['export'], cwd);
      expect(shown).toMatchObject({ exitCode: 0, stderr: '' });
      expect(shown.stdout).not.toContain('$2b$');
      const emails = shown.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).email as string);
      expect(emails.sort()).toEqual(
        people(1_100)
          .map(({ email }) => email)
          .sort(),
      );

      const target = join(cwd, 'all.ndjson');
      expect(await run(['export', '--with-password-hashes', '--output', target], cwd)).toEqual({
        exitCode: 0,
        stdout: '',
        stderr: '',
      });
      expect(statSync(target).mode & 0o777).toBe(0o600);
      const written = readFileSync(target, 'utf8');
      expect(written.match(/\$2b\$/g)).toHaveLength(1_100);
      expect(await run(['export', '--output', target], cwd)).toMatchObject({
        exitCode: 1,
        stderr: `latchkey: ${target} exists already; an export overwrites nothing.\n`,
      });
      expect(readFileSync(target, 'utf8')).toBe(written);
    },
    PATIENCE_MS,
  );

  it(
    'users import loses no account and doubles none when it is killed (CR-2)',
    async () => {
      const cwd = freshFolder();
      await run(['list'], cwd);
      const path = fileOf(ndjson(people(20_000)));
      const database = await openDatabase(`file:${join(cwd, 'data', 'latchkey.db')}`);
      const count = async () =>
        (await database.get<{ count: number }>('SELECT COUNT(*) AS count FROM users'))?.count ?? 0;
      const { child, ended } = begin(['import', path], cwd);
      while ((await count()) === 0) await new Promise(setImmediate);
      child.kill('SIGKILL');
      await ended;
      const left = await count();
      expect(left % 500).toBe(0);
      expect(left).toBeLessThan(20_000);

      const { exitCode, stdout } = await run(['import', path], cwd);
      expect(exitCode).toBe(0);
      expect(stdout).toBe(
        `Went on after line ${left}, where it stopped the last time.\nCreated 20000 accounts; 0 were there already; refused 0 lines.\n`,
      );
      expect(await count()).toBe(20_000);
      await database.close();
    },
    PATIENCE_MS,
  );
});

describe('progress bars', () => {
  const drawn = (isTTY: boolean) => {
    let text = '';
    const terminal = {
      isTTY,
      write: (piece: string) => {
        text += piece;
        return true;
      },
    };
    const progress = createProgress('Importing', terminal);
    for (const share of [0.25, 0.251, 1]) progress.show(share);
    progress.clear();
    return text;
  };

  it('the progress of a command is a bar on a terminal, and nothing elsewhere', () => {
    const steps = drawn(true).split('\r\u001b[K');
    expect(steps).toEqual([
      '',
      `Importing ${'█'.repeat(8)}${'░'.repeat(22)} 25 %`,
      `Importing ${'█'.repeat(30)} 100 %`,
      '',
    ]);
    expect(drawn(false)).toBe('');
  });
});

function ndjsonOf(path: string): { email: string; passwordHash?: unknown }[] {
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}
