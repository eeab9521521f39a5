import { chmod, copyFile, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import Sqlite from 'better-sqlite3';
import { Client } from 'pg';
import { type Database, isUniqueViolation, type Sql } from '../../src/database/database.ts';
import { migrate, migrationObstacle, pendingMigrations } from '../../src/database/migrate.ts';
import { durabilityWarnings, fileWarnings, openDatabase } from '../../src/database/open.ts';
import { databaseTimeMs } from '../../src/database/postgres.ts';
import { openSqlite } from '../../src/database/sqlite.ts';
import { engines, type FreshDatabase, freshDatabase } from '../support/databases.ts';
import { gate } from '../support/gate.ts';
import { type SilentProxy, startSilentProxy } from '../support/silent-proxy.ts';
import { noteStatements } from '../support/statements.ts';

const INSERT = 'INSERT INTO items (id, amount) VALUES (:id, :amount)';
const AMOUNT = 'SELECT amount FROM items WHERE id = :id';
const UNAVAILABLE = { code: 'UNAVAILABLE', extensions: { code: 'UNAVAILABLE', retryAfter: 1 } };

/** Keeps a transaction open, with statements of its own, until something outside of it is done. */
async function hold<Result>(sql: Sql, outside: Promise<Result>): Promise<Result> {
  let isDone = false;
  const done = outside.finally(() => {
    isDone = true;
  });
  done.catch(() => {});
  // Other limits end it sooner; this one, where a test has failed.
  const deadline = performance.now() + 60_000;
  while (!isDone && performance.now() < deadline) await sql.get('SELECT 1 AS one');
  return done;
}

function createItems(sql: Sql) {
  return sql.run('CREATE TABLE items (id TEXT PRIMARY KEY, amount BIGINT NOT NULL)');
}

async function ids(sql: Sql): Promise<string[]> {
  return (await sql.all<{ id: string }>('SELECT id FROM items ORDER BY id')).map(({ id }) => id);
}

/** What SQLite gives `describeDatabase` when nothing is on disk. */
async function inMemory(): Promise<FreshDatabase> {
  const database = await openDatabase('file::memory:', { refusesOuterUse: true });
  return { url: 'file::memory:', database, open: async () => database, drop: () => database.close() };
}

const kinds = [
  ...engines.map((engine) => [engine, () => freshDatabase(engine)] as const),
  ['memory', inMemory] as const,
];

describe.each(kinds)('the database on %s', (_kind, create) => {
  let fresh: FreshDatabase;
  let database: Database;
  beforeEach(async () => {
    fresh = await create();
    database = fresh.database;
    await createItems(database);
  });
  afterEach(() => fresh.drop());

  describe('statements', () => {
    it('a read returns rows, one row, or undefined when there is none', async () => {
      await database.run(INSERT, { id: 'a', amount: 1 });
      await database.run(INSERT, { id: 'b', amount: 2 });

      expect(await database.get(AMOUNT, { id: 'a' })).toEqual({ amount: 1 });
      expect(await database.get(AMOUNT, { id: 'z' })).toBeUndefined();
      expect(await database.all('SELECT id, amount FROM items ORDER BY id')).toEqual([
        { id: 'a', amount: 1 },
        { id: 'b', amount: 2 },
      ]);
      expect(await database.all('SELECT id FROM items WHERE amount > :least', { least: 5 })).toEqual([]);
    });

    it('a write returns how many rows it changed', async () => {
      expect(await database.run(INSERT, { id: 'a', amount: 1 })).toBe(1);
      expect(await database.run(INSERT, { id: 'b', amount: 1 })).toBe(1);
      expect(await database.run('UPDATE items SET amount = 2')).toBe(2);
      expect(await database.run('UPDATE items SET amount = 3 RETURNING id')).toBe(2);
      expect(await database.run('DELETE FROM items WHERE id = :id', { id: 'z' })).toBe(0);
    });

    it('an UPDATE with RETURNING gives the row that it wrote, or undefined when it matched none', async () => {
      await database.run(INSERT, { id: 'a', amount: 1 });
      const text =
        'UPDATE items SET amount = amount + 1 WHERE id = :id AND amount = :read RETURNING id, amount';

      expect(await database.get(text, { id: 'a', read: 1 })).toEqual({ id: 'a', amount: 2 });
      expect(await database.get(text, { id: 'a', read: 1 })).toBeUndefined();
      expect(await database.get(AMOUNT, { id: 'a' })).toEqual({ amount: 2 });
    });

    it('an INSERT with ON CONFLICT does nothing or updates the row, as it says', async () => {
      await database.run(INSERT, { id: 'a', amount: 1 });

      expect(await database.run(`${INSERT} ON CONFLICT DO NOTHING`, { id: 'a', amount: 5 })).toBe(0);
      const upsert = `${INSERT} ON CONFLICT (id) DO UPDATE SET amount = items.amount + excluded.amount RETURNING amount`;
      expect(await database.get(upsert, { id: 'a', amount: 5 })).toEqual({ amount: 6 });
    });

    it('integers beyond 2^31 come back as numbers, and counts too', async () => {
      const amount = Date.UTC(2027, 0, 1);
      await database.run(INSERT, { id: 'a', amount });

      expect(await database.get(AMOUNT, { id: 'a' })).toEqual({ amount });
      expect(await database.get('SELECT COUNT(*) AS count FROM items')).toEqual({ count: 1 });
    });

    it('a statement takes one parameter twice, takes null, and leaves strings and comments alone', async () => {
      await database.run('CREATE TABLE notes (id TEXT, other TEXT, note TEXT)');
      await database.run(`INSERT INTO notes (id, other, note) VALUES (:id, :id, ':note''s :id') -- :nobody`, {
        id: 'a',
      });
      await database.run('INSERT INTO notes (id, other) VALUES (:id, :other)', { id: 'b', other: null });

      expect(await database.all('SELECT id, other, note FROM notes ORDER BY id')).toEqual([
        { id: 'a', other: 'a', note: ":note's :id" },
        { id: 'b', other: null, note: null },
      ]);
    });

    it('a statement is refused with a plain error when a parameter has no value', async () => {
      const refused = expect.not.objectContaining({ code: 'UNAVAILABLE' });
      await expect(database.run(INSERT, { id: 'a' })).rejects.toEqual(refused);
      await expect(database.get(AMOUNT)).rejects.toEqual(refused);
      // @ts-expect-error: undefined is no value, though a caller without types may pass it.
      await expect(database.run(INSERT, { id: 'a', amount: undefined })).rejects.toThrow(':amount');
      await expect(database.transaction((sql) => sql.run(INSERT, { id: 'a' }))).rejects.toEqual(refused);
      expect(await ids(database)).toEqual([]);
    });

    it('an invalid statement is refused with a plain error', async () => {
      const refused = expect.not.objectContaining({ code: 'UNAVAILABLE' });
      await expect(database.run('UPDATE nothing SET x = 1')).rejects.toEqual(refused);
      await expect(database.all('SELEKT')).rejects.toEqual(refused);
    });

    it('a statement that breaks a constraint fails alone, and the other statements of its turn are written', async () => {
      await database.run(INSERT, { id: 'b', amount: 0 });
      const results = await Promise.allSettled(
        ['a', 'b', 'c'].map((id, amount) => database.run(INSERT, { id, amount })),
      );

      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(await ids(database)).toEqual(['a', 'b', 'c']);
      expect(await database.get(AMOUNT, { id: 'b' })).toEqual({ amount: 0 });
    });

    it('isUniqueViolation recognises a value that another row already has, and no other failure', async () => {
      await database.run(INSERT, { id: 'a', amount: 0 });
      await database.run('CREATE UNIQUE INDEX items_by_amount ON items (amount)');
      const failures = await Promise.allSettled([
        database.run(INSERT, { id: 'a', amount: 1 }),
        database.run(INSERT, { id: 'b', amount: 0 }),
        database.run(INSERT, { id: 'c', amount: null }),
        database.run('SELEKT'),
      ]);
      const reasons = failures.map((failure) => 'reason' in failure && failure.reason);
      expect(reasons.map(isUniqueViolation)).toEqual([true, true, false, false]);
    });
  });

  describe('transactions', () => {
    it('a transaction writes everything or nothing', async () => {
      const count = await database.transaction(async (sql) => {
        await sql.run(INSERT, { id: 'a', amount: 1 });
        await sql.run(INSERT, { id: 'b', amount: 2 });
        return (await ids(sql)).length;
      });
      expect(count).toBe(2);

      const failed = database.transaction(async (sql) => {
        await sql.run(INSERT, { id: 'c', amount: 3 });
        throw new Error('changed my mind');
      });
      await expect(failed).rejects.toThrow('changed my mind');
      expect(await ids(database)).toEqual(['a', 'b']);
    });

    it('a transaction runs its afterCommit effects in order once it is on disk, before its caller goes on', async () => {
      const seen: unknown[] = [];
      const other = await fresh.open();
      await database.transaction(async (tx) => {
        tx.afterCommit(() => seen.push('first'));
        await tx.run(INSERT, { id: 'a', amount: 1 });
        tx.afterCommit(() => seen.push('second'));
        expect(seen).toEqual([]);
      });
      seen.push('caller', await ids(other));
      expect(seen).toEqual(['first', 'second', 'caller', ['a']]);
    });

    it('a transaction drops its afterCommit effects when its work or a failed statement undoes it', async () => {
      const effect = jest.fn();
      for (const fail of [
        () => Promise.reject(new Error('changed my mind')),
        (tx: Sql) => tx.run('INSERT INTO nowhere VALUES (1)'),
      ]) {
        const undone = database.transaction(async (tx) => {
          tx.afterCommit(effect);
          await tx.run(INSERT, { id: 'a', amount: 1 });
          await fail(tx);
        });
        // `toThrow` knows the errors of this realm; SQLite's may be of the file that a worker of Jest ran before.
        expect(await undone.catch(() => 'undone')).toBe('undone');
      }
      expect(effect).not.toHaveBeenCalled();
    });

    it('a transaction that is rolled back undoes no other write of its turn', async () => {
      const results = await Promise.allSettled([
        database.run(INSERT, { id: 'a', amount: 1 }),
        database.transaction(async (sql) => {
          await sql.run(INSERT, { id: 'b', amount: 1 });
          throw new Error('no');
        }),
        database.transaction((sql) => sql.run(INSERT, { id: 'c', amount: 1 })),
        database.run(INSERT, { id: 'd', amount: 1 }),
      ]);
      expect(results.map(({ status }) => status)).toEqual([
        'fulfilled',
        'rejected',
        'fulfilled',
        'fulfilled',
      ]);
      expect(await ids(database)).toEqual(['a', 'c', 'd']);
    });

    it('a transaction with a failed statement is rolled back, even if its work catches the error', async () => {
      await database.run(INSERT, { id: 'a', amount: 1 });
      let laterError: unknown;
      const doomed = database.transaction(async (sql) => {
        await sql.run(INSERT, { id: 'b', amount: 1 });
        await sql.run(INSERT, { id: 'a', amount: 1 }).catch(() => {});
        await sql.run(INSERT, { id: 'c', amount: 1 }).catch((error) => {
          laterError = error;
        });
      });
      await expect(doomed).rejects.toHaveProperty('message', expect.stringMatching(/unique/i));
      expect(laterError).toHaveProperty('message', expect.stringMatching(/unique/i));
      expect(await ids(database)).toEqual(['a']);
    });

    it('a transaction rejects with the error that its work makes of a failed statement', async () => {
      await database.run(INSERT, { id: 'a', amount: 1 });
      const refused = database.transaction(async (sql) => {
        await sql.run(INSERT, { id: 'a', amount: 1 }).catch(() => {
          throw new Error('taken');
        });
      });
      await expect(refused).rejects.toThrow('taken');
    });

    it('a transaction runs its statements one after the other, even those that its work does not await', async () => {
      await database.transaction(async (sql) => {
        void sql.run(INSERT, { id: 'a', amount: 1 });
        await Promise.all([sql.run(INSERT, { id: 'b', amount: 1 }), sql.run(INSERT, { id: 'c', amount: 1 })]);
        void sql.run(INSERT, { id: 'd', amount: 1 });
      });
      expect(await ids(database)).toEqual(['a', 'b', 'c', 'd']);
    });

    it('a transaction that is rolled back leaves no row of the statements that its work did not await', async () => {
      const failed = database.transaction(async (sql) => {
        for (let amount = 0; amount < 20; amount += 1)
          sql.run(INSERT, { id: `${amount}`, amount }).catch(() => {});
        throw new Error('no');
      });
      await expect(failed).rejects.toThrow('no');
      expect(await ids(database)).toEqual([]);
    });

    it('transactions that change the same row wait for each other', async () => {
      await database.run(INSERT, { id: 'a', amount: 0 });
      await Promise.all(
        Array.from({ length: 20 }, () =>
          database.transaction(async (sql) => {
            await sql.run('UPDATE items SET amount = amount WHERE id = :id', { id: 'a' });
            const row = await sql.get<{ amount: number }>(AMOUNT, { id: 'a' });
            await sql.run('UPDATE items SET amount = :next WHERE id = :id', {
              id: 'a',
              next: (row?.amount ?? 0) + 1,
            });
          }),
        ),
      );
      expect(await database.get(AMOUNT, { id: 'a' })).toEqual({ amount: 20 });
    });

    it('a transaction refuses the outer database inside it, and its own sql after its end', async () => {
      const inside: unknown[] = [];
      let leaked: Sql = database;
      await database.transaction(async (sql) => {
        leaked = sql;
        const attempts = [
          () => database.run(INSERT, { id: 'a', amount: 1 }),
          () => database.get(AMOUNT, { id: 'a' }),
          () => database.transaction(async () => {}),
          () => database.close(),
        ];
        for (const attempt of attempts) inside.push(await attempt().catch((error) => error.message));
      });

      expect(inside).toEqual(Array(4).fill('Inside a transaction, use the sql that was passed to it.'));
      await expect(leaked.run(INSERT, { id: 'a', amount: 1 })).rejects.toThrow('has ended');
      expect(await ids(database)).toEqual([]);
    });

    it.each<[string, () => unknown]>([
      ['a pause', () => pause(1)],
      ['a file', () => readFile(fileURLToPath(import.meta.url))],
    ])('a transaction that waits for %s is undone, and delays no other statement', async (_name, wait) => {
      const left = gate();
      let behind: Promise<unknown> | undefined;
      const waiting = database.transaction(async (sql) => {
        await sql.run(INSERT, { id: 'a', amount: 1 });
        await wait();
        behind = sql.run(INSERT, { id: 'b', amount: 1 });
        behind.catch(left.open);
      });
      const next = database.run(INSERT, { id: 'c', amount: 1 });

      await expect(waiting).rejects.toThrow('waits for its own sql and for nothing else');
      expect(await next).toBe(1);
      await left.opened;
      await expect(behind).rejects.toThrow('has ended');
      expect(await ids(database)).toEqual(['c']);
    });

    it('a transaction that waits for something else before its first statement is undone', async () => {
      const waiting = database.transaction(async (sql) => {
        await pause(1);
        await sql.run(INSERT, { id: 'a', amount: 1 });
      });
      await expect(waiting).rejects.toThrow('waits for its own sql and for nothing else');
      expect(await ids(database)).toEqual([]);
    });

    it('a transaction that also waits for a promise that never settles is undone once its own statements are done', async () => {
      const waiting = database.transaction(async (sql) => {
        await Promise.all([sql.run(INSERT, { id: 'a', amount: 1 }), new Promise(() => {})]);
      });
      await expect(waiting).rejects.toThrow('waits for its own sql and for nothing else');
      expect(await ids(database)).toEqual([]);
    });

    it('a transaction refuses the outer database after each of its statements, while callers outside may use it', async () => {
      const inside: unknown[] = [];
      const attempt = () => database.get(AMOUNT, { id: 'a' }).catch((error) => error.message);
      const transaction = database.transaction(async (sql) => {
        for (const id of ['a', 'b']) {
          await sql.run(INSERT, { id, amount: 1 });
          inside.push(await attempt());
          await sql.get(AMOUNT, { id: 'none' });
        }
        await sql.run(INSERT, { id: 'a', amount: 1 }).catch(async () => inside.push(await attempt()));
      });
      const outside: unknown[] = [];
      let isOver = false;
      transaction
        .catch(() => {})
        .finally(() => {
          isOver = true;
        });
      while (!isOver) {
        outside.push(await attempt());
        await turn();
      }

      expect(inside).toEqual(Array(3).fill('Inside a transaction, use the sql that was passed to it.'));
      expect(new Set(outside)).toEqual(new Set([undefined]));
      await expect(transaction).rejects.toMatchObject({ message: expect.stringMatching(/unique/i) });
    });

    it('work that a transaction leaves behind may use the outer database after the transaction has ended', async () => {
      const { open, opened } = gate();
      let behind: Promise<number> | undefined;
      await database.transaction(async () => {
        behind = opened.then(() => database.run(INSERT, { id: 'a', amount: 1 }));
      });
      open();
      expect(await behind).toBe(1);
    });
  });

  it('a statement or transaction that still waits when its deadline passes does nothing, and its neighbours succeed (GQL-6)', async () => {
    const one = await fresh.open({ poolSize: 1 });
    let hasPassed = false;
    const late = one.before({ hasPassed: () => hasPassed });

    const before = late.transaction(async (sql) => {
      hasPassed = true;
      await sql.run(INSERT, { id: 'begun', amount: 1 });
    });
    const waiting = [
      late.run(INSERT, { id: 'b', amount: 1 }),
      late.transaction((sql) => sql.run(INSERT, { id: 'c', amount: 1 })),
      one.run(INSERT, { id: 'neighbour', amount: 1 }),
    ];

    await before;
    expect(await Promise.allSettled(waiting)).toMatchObject([
      { status: 'rejected', reason: UNAVAILABLE },
      { status: 'rejected', reason: UNAVAILABLE },
      { status: 'fulfilled' },
    ]);
    await expect(late.get(AMOUNT, { id: 'begun' })).rejects.toMatchObject(UNAVAILABLE);
    expect(await ids(one)).toEqual(['begun', 'neighbour']);

    hasPassed = false;
    expect(await late.run(INSERT, { id: 'd', amount: 1 })).toBe(1);
    expect(await late.get(AMOUNT, { id: 'd' })).toEqual({ amount: 1 });
  });

  it('a database that is closed finishes the work under way, and refuses new work', async () => {
    const written = database.run(INSERT, { id: 'a', amount: 1 });
    const transaction = database.transaction((sql) => sql.run(INSERT, { id: 'b', amount: 1 }));
    const closed = database.close();
    await expect(database.run(INSERT, { id: 'c', amount: 1 })).rejects.toMatchObject(UNAVAILABLE);
    await expect(database.get(AMOUNT, { id: 'a' })).rejects.toMatchObject(UNAVAILABLE);
    await expect(database.transaction(async () => {})).rejects.toMatchObject(UNAVAILABLE);

    expect(await Promise.all([written, transaction])).toEqual([1, 1]);
    await closed;
    await database.close();
    if (fresh.url !== 'file::memory:') expect(await ids(await fresh.open())).toEqual(['a', 'b']);
  });
});

describe.each(engines)('uncommitted rows on %s', (engine) => {
  it('uncommitted rows are invisible outside their transaction', async () => {
    const fresh = await freshDatabase(engine);
    const other = await fresh.open();
    await createItems(fresh.database);
    const { open, opened } = gate();
    const outside = opened.then(() => Promise.all([other, fresh.database].map(ids)));

    await fresh.database.transaction(async (sql) => {
      await sql.run(INSERT, { id: 'a', amount: 1 });
      open();
      expect(await hold(sql, outside)).toEqual([[], []]);
    });
    expect([await ids(fresh.database), await ids(other)]).toEqual([['a'], ['a']]);
    await fresh.drop();
  });
});

describe.each(engines)('transactions in production on %s', (engine) => {
  it('in production, a transaction that waits for the outer database is undone instead of blocking it', async () => {
    const fresh = await freshDatabase(engine);
    await createItems(fresh.database);
    const database = await fresh.open({ refusesOuterUse: false });
    const wrong = [
      () => database.run(INSERT, { id: 'outer', amount: 1 }),
      () => database.transaction((sql) => sql.run(INSERT, { id: 'nested', amount: 1 })),
      () => database.close(),
    ];
    for (const outer of wrong) {
      const waiting = database.transaction(async (sql) => {
        await sql.run(INSERT, { id: 'inner', amount: 1 });
        await outer();
      });
      await expect(waiting).rejects.toThrow('waits for its own sql and for nothing else');
    }
    expect(await ids(fresh.database)).not.toContain('inner');
    await fresh.drop();
  });
});

describe.each(engines)('migrate on %s', (engine) => {
  let fresh: FreshDatabase;
  beforeEach(async () => {
    fresh = await freshDatabase(engine);
  });
  afterEach(() => fresh.drop());

  it('migrate applies each migration once (CR-4)', async () => {
    const applied = await migrate(fresh.database);
    expect(applied[0]).toBe('0001_initial');
    expect(applied.includes('0008_room_for_rotations')).toBe(engine === 'postgres');
    expect(await migrate(fresh.database)).toEqual([]);
    expect(await pendingMigrations(fresh.database)).toEqual([]);
  });

  it('migrate applies each migration once when several connections start it at the same time (CR-4)', async () => {
    const handles = [fresh.database, await fresh.open(), await fresh.open(), await fresh.open()];
    const applied = await Promise.all(handles.map(migrate));

    const names = (
      await fresh.database.all<{ name: string }>('SELECT name FROM latchkey_migrations ORDER BY name')
    ).map(({ name }) => name);
    expect(applied.flat().sort()).toEqual(names);
  });

  it('migrate leaves the migrations of a newer version alone, and pendingMigrations lists the missing ones (CR-4)', async () => {
    await migrate(fresh.database);
    await fresh.database.run(`INSERT INTO latchkey_migrations (name, applied_at) VALUES ('9999_future', 1)`);
    expect(await migrate(fresh.database)).toEqual([]);
    expect(await pendingMigrations(fresh.database)).toEqual([]);

    await fresh.database.run(`DELETE FROM latchkey_migrations WHERE name = '0001_initial'`);
    expect(await pendingMigrations(fresh.database)).toEqual(['0001_initial']);
  });

  it('audit_events has only the four indexes that queries use, because each event is written to all of them', async () => {
    await migrate(fresh.database);
    const indexes = await fresh.database.all<{ name: string }>(
      engine === 'sqlite'
        ? `SELECT name FROM sqlite_schema WHERE tbl_name = 'audit_events' AND type = 'index' AND sql IS NOT NULL
           ORDER BY name`
        : `SELECT indexname AS name FROM pg_indexes WHERE tablename = 'audit_events'
           AND schemaname = current_schema() AND indexname NOT LIKE '%_pkey' ORDER BY indexname`,
    );
    expect(indexes.map(({ name }) => name)).toEqual([
      'audit_events_by_batch',
      'audit_events_by_name',
      'audit_events_by_time',
      'audit_events_by_user',
    ]);
  });

  it('migrate undoes a migration that fails half way', async () => {
    const failing = noteStatements(fresh.database, (text) => {
      if (text.includes('CREATE TABLE signing_keys')) throw new Error('no more tables');
      return text;
    });
    await expect(migrate(failing.database)).rejects.toThrow('no more tables');
    // By their messages: the class of a native module's errors is that of the first file that loaded it.
    await expect(fresh.database.all('SELECT id FROM users')).rejects.toMatchObject({
      message: expect.stringContaining('users'),
    });
    expect(await pendingMigrations(fresh.database)).toContain('0001_initial');
    expect(await migrate(fresh.database)).toContain('0001_initial');
  });

  it.each([
    ['Rails', 'CREATE TABLE schema_migrations (version TEXT PRIMARY KEY)'],
    ['golang-migrate', 'CREATE TABLE schema_migrations (version BIGINT PRIMARY KEY, dirty INTEGER NOT NULL)'],
    ['one with our columns', 'CREATE TABLE schema_migrations (name TEXT, applied_at BIGINT)'],
  ])('migrate leaves the schema_migrations table of another program alone: %s', async (_, statement) => {
    await fresh.database.run(statement);
    expect(await pendingMigrations(fresh.database)).toContain('0001_initial');
    expect(await migrate(fresh.database)).toContain('0001_initial');
    expect(await pendingMigrations(fresh.database)).toEqual([]);
    expect(await fresh.database.all('SELECT * FROM schema_migrations')).toEqual([]);
  });

  it.each([
    ['a table', 'CREATE TABLE users (id INTEGER)', 'users'],
    ['a table of a later migration', 'CREATE TABLE mails (id INTEGER)', 'mails'],
    ['a view', 'CREATE VIEW sessions AS SELECT 1 AS id', 'sessions'],
    [
      'an index',
      'CREATE TABLE posts (id INTEGER); CREATE INDEX mails_by_user ON posts (id)',
      'mails_by_user',
    ],
  ])(
    'migrate creates nothing in a database where another program already uses a Latchkey name: %s',
    async (_, statements, name) => {
      for (const statement of statements.split('; ')) await fresh.database.run(statement);
      const before = await relationsOf(fresh.database);
      const refusal = new RegExp(
        `belongs to another program.*: ${name}\\. Give Latchkey a database of its own`,
      );
      await expect(migrate(fresh.database)).rejects.toThrow(refusal);
      expect(await migrationObstacle(fresh.database)).toMatch(refusal);
      expect(await relationsOf(fresh.database)).toEqual(before);
    },
  );

  it('migrate continues the ledger of an earlier version under its old name, schema_migrations', async () => {
    await migrate(fresh.database);
    await fresh.database.run('ALTER TABLE latchkey_migrations RENAME TO schema_migrations');
    await fresh.database.run(`DELETE FROM schema_migrations WHERE name = '0013_imported_passwords'`);

    expect(await pendingMigrations(fresh.database)).toEqual(['0013_imported_passwords']);
    expect(await migrate(fresh.database)).toEqual(['0013_imported_passwords']);
    const rows = await fresh.database.all<{ name: string }>(
      'SELECT name FROM schema_migrations ORDER BY name',
    );
    expect(rows.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['0001_initial', '0013_imported_passwords']),
    );
    expect(await relationsOf(fresh.database)).not.toContain('latchkey_migrations');
  });

  async function relationsOf(database: Database): Promise<string[]> {
    const rows = await database.all<{ name: string }>(
      engine === 'sqlite'
        ? 'SELECT name FROM sqlite_schema ORDER BY name'
        : 'SELECT relname AS name FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace) ORDER BY 1',
    );
    return rows.map(({ name }) => name);
  }
});

const onBothEngines = engines.length > 1 ? it : it.skip;
onBothEngines('migrations make the same tables on both engines', async () => {
  const shapes = await Promise.all(
    engines.map(async (engine) => {
      const fresh = await freshDatabase(engine);
      await migrate(fresh.database);
      const columns = await fresh.database.all<{
        table: string;
        name: string;
        type: string;
        required: number;
      }>(
        engine === 'sqlite'
          ? `SELECT m.name AS "table", c.name, c.type, (c."notnull" OR c.pk > 0) AS required
             FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'`
          : `SELECT table_name AS "table", column_name AS name, upper(data_type) AS type,
               CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END AS required
             FROM information_schema.columns WHERE table_schema = current_schema()`,
      );
      await fresh.drop();
      return columns.map(({ table, name, type, required }) => `${table}.${name} ${type} ${required}`).sort();
    }),
  );
  expect(shapes[0]).toContain('sessions.generation BIGINT 1');
  expect(shapes[1]).toEqual(shapes[0]);
});

describe('SQLite', () => {
  let fresh: FreshDatabase;
  let database: Database;
  let path: string;
  beforeEach(async () => {
    fresh = await freshDatabase('sqlite');
    database = fresh.database;
    path = fileURLToPath(fresh.url);
    await createItems(database);
  });
  afterEach(() => fresh.drop());

  it('every SQLite connection is in WAL mode and synchronous FULL, after a write too (CR-1)', async () => {
    await database.run(INSERT, { id: 'a', amount: 1 });
    const pragmas = async (sql: Sql) => ({
      ...(await sql.get<object>('PRAGMA journal_mode')),
      ...(await sql.get<object>('PRAGMA synchronous')),
      ...(await sql.get<object>('PRAGMA foreign_keys')),
      ...(await sql.get<object>('PRAGMA trusted_schema')),
    });
    const expected = { journal_mode: 'wal', synchronous: 2, foreign_keys: 1, trusted_schema: 0 };

    expect(await pragmas(database)).toEqual(expected);
    expect(await database.transaction(pragmas)).toEqual(expected);
  });

  it('the folder of a SQLite database is 0700 and each of its files 0600', async () => {
    const mode = async (file: string) => ((await stat(file)).mode & 0o777).toString(8);
    expect(await Promise.all([dirname(path), path, `${path}-wal`, `${path}-shm`].map(mode))).toEqual([
      '700',
      '600',
      '600',
      '600',
    ]);
  });

  it('SQLite writes of several requests that are read in one turn share one commit', async () => {
    const observer = new Sqlite(path, { readonly: true });
    const seen = await Promise.all(
      ['a', 'b', 'c'].map(async (id) => {
        // Each in a callback of its own, as sockets have: promises settle between them.
        await new Promise<void>((resolve) => setImmediate(resolve));
        await database.run(INSERT, { id, amount: 1 });
        return observer.pragma('data_version', { simple: true });
      }),
    );
    observer.close();
    expect(new Set(seen).size).toBe(1);
  });

  it('SQLite writes of one turn share one commit, transactions among them', async () => {
    const observer = new Sqlite(path, { readonly: true });
    // Changes with every commit of another connection.
    const version = () => observer.pragma('data_version', { simple: true }) as number;
    const seen: number[] = [];
    const before = version();
    const note = () => seen.push(version());

    await Promise.all([
      ...['a', 'b', 'c'].map((id) => database.run(INSERT, { id, amount: 1 }).then(note)),
      database.transaction((sql) => sql.run(INSERT, { id: 'd', amount: 1 })).then(note),
      database.run(INSERT, { id: 'a', amount: 1 }).catch(note),
    ]);

    observer.close();
    expect(await ids(database)).toEqual(['a', 'b', 'c', 'd']);
    expect(new Set(seen).size).toBe(1);
    expect(seen[0]).not.toBe(before);
  });

  it('a SQLite write is UNAVAILABLE when another process holds the lock too long, and waits for a short lock', async () => {
    const impatient = await openSqlite(path, { busyTimeoutMs: 50 });
    const other = new Sqlite(path);
    other.exec('BEGIN IMMEDIATE');
    await expect(impatient.run(INSERT, { id: 'a', amount: 1 })).rejects.toMatchObject({
      ...UNAVAILABLE,
      cause: expect.objectContaining({}),
    });
    await expect(
      impatient.transaction((sql) => sql.run(INSERT, { id: 'a', amount: 1 })),
    ).rejects.toMatchObject(UNAVAILABLE);
    expect(await ids(impatient)).toEqual([]);

    const patient = database.run(INSERT, { id: 'b', amount: 1 });
    await expect(impatient.run(INSERT, { id: 'a', amount: 1 })).rejects.toMatchObject(UNAVAILABLE);
    other.exec('COMMIT');
    other.close();
    expect(await patient).toBe(1);
    expect(await impatient.run(INSERT, { id: 'c', amount: 1 })).toBe(1);
    await impatient.close();
  });

  describe('a SQLite database whose files are missing or replaced', () => {
    let faults: string[] = [];
    let watched: Database;
    beforeEach(async () => {
      faults = [];
      watched = await openSqlite(path, { onFault: (problem) => faults.push(problem) });
      await watched.run(INSERT, { id: 'a', amount: 1 });
    });
    afterEach(() => watched.close());

    it.each<[string, () => Promise<void>, RegExp]>([
      ['its removal', () => rm(path), /removed/],
      ['its move', () => rename(path, `${path}.old`), /removed/],
      ['its replacement', () => replace(path), /replaced/],
      ['the removal of its log', () => rm(`${path}-wal`), /removed/],
      ['the removal of its index', () => rm(`${path}-shm`), /removed/],
      ['the replacement of its log', () => replace(`${path}-wal`), /replaced/],
      ['the removal of its folder', () => rm(dirname(path), { recursive: true }), /removed/],
    ])(
      'a SQLite database acknowledges no write and reports one fault after %s',
      async (_name, change, fault) => {
        await change();
        await expect(watched.run(INSERT, { id: 'b', amount: 1 })).rejects.toMatchObject(UNAVAILABLE);
        await expect(
          watched.transaction((sql) => sql.run(INSERT, { id: 'c', amount: 1 })),
        ).rejects.toMatchObject(UNAVAILABLE);
        expect(faults).toEqual([expect.stringMatching(fault)]);
      },
    );

    it('a SQLite database writes again when its file is back in its place', async () => {
      await rename(path, `${path}.old`);
      await expect(watched.run(INSERT, { id: 'b', amount: 1 })).rejects.toMatchObject(UNAVAILABLE);
      await rename(`${path}.old`, path);
      expect(await watched.run(INSERT, { id: 'c', amount: 1 })).toBe(1);
    });

    async function replace(file: string): Promise<void> {
      await copyFile(file, `${file}.copy`);
      await rename(`${file}.copy`, file);
    }
  });

  it('a SQLite database reports no fault when other connections open, run a checkpoint and close', async () => {
    const faults: string[] = [];
    const watched = await openSqlite(path, { onFault: (problem) => faults.push(problem) });
    for (const mode of ['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE']) {
      const other = new Sqlite(path);
      other.pragma(`wal_checkpoint(${mode})`);
      other.close();
      expect(await watched.run(INSERT, { id: mode, amount: 1 })).toBe(1);
    }
    await watched.close();
    expect(faults).toEqual([]);
  });

  it('a SQLite database behind a symbolic link has a private file and is watched for faults, too', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-'));
    const [target, link] = [join(folder, 'target.db'), join(folder, 'link.db')];
    await symlink(target, link);
    const linked = await openSqlite(link);
    await createItems(linked);
    expect(((await stat(target)).mode & 0o777).toString(8)).toBe('600');
    await rm(`${target}-wal`);
    await expect(linked.run(INSERT, { id: 'a', amount: 1 })).rejects.toMatchObject(UNAVAILABLE);
    await linked.close();
    await rm(folder, { recursive: true });
  });

  it('fileWarnings names a SQLite file that everyone may read, judged by its present mode', async () => {
    expect(fileWarnings(fresh.url)).toEqual([]);
    await chmod(path, 0o644);
    expect(fileWarnings(fresh.url)).toEqual([expect.stringContaining(`chmod 600 ${path}`)]);
    await chmod(path, 0o640);
    expect(fileWarnings(fresh.url)).toEqual([]);
    expect(fileWarnings('file::memory:')).toEqual([]);
    expect(fileWarnings('postgres://h/d')).toEqual([]);
  });

  it('each SQLite write that waits for a lock gives up at its own time limit', async () => {
    const other = new Sqlite(path);
    other.exec('BEGIN IMMEDIATE');
    const patient = database.run(INSERT, { id: 'a', amount: 1 });
    await expect(database.within(50).run(INSERT, { id: 'b', amount: 1 })).rejects.toMatchObject(UNAVAILABLE);
    other.exec('COMMIT');
    other.close();
    expect(await patient).toBe(1);
    expect(await ids(database)).toEqual(['a']);
  });

  it('a SQLite database closes in spite of a lock, and a write that waits for the lock is UNAVAILABLE', async () => {
    const other = new Sqlite(path);
    other.exec('BEGIN IMMEDIATE');
    const waiting = database.within(60_000).run(INSERT, { id: 'a', amount: 1 });
    await Promise.all([expect(waiting).rejects.toMatchObject(UNAVAILABLE), database.close()]);
    other.close();
  });

  it('a SQLite migration waits for a lock of another process longer than a request does (CR-4)', async () => {
    const impatient = await openSqlite(path, { busyTimeoutMs: 50 });
    const other = new Sqlite(path);
    other.exec('BEGIN IMMEDIATE');
    const migrated = migrate(impatient);
    await expect(impatient.run(INSERT, { id: 'a', amount: 1 })).rejects.toMatchObject(UNAVAILABLE);
    other.exec('COMMIT');
    other.close();
    expect(await migrated).toContain('0001_initial');
    await impatient.close();
  });

  describe('a full disk under SQLite', () => {
    const limit = async (pages: number) => {
      await database.transaction((sql) => sql.get(`PRAGMA max_page_count = ${pages}`));
    };
    const big = { id: 'x'.repeat(100_000), amount: 1 };

    it('a full disk makes every caller of a batch UNAVAILABLE and leaves nothing written, until there is room again (CR-5)', async () => {
      await database.run(INSERT, { id: 'before', amount: 1 });
      await limit(5);
      const ran: string[] = [];
      const batch = await Promise.allSettled([
        database.run(INSERT, { id: 'a', amount: 1 }),
        database.run(INSERT, { id: 'before', amount: 1 }),
        database.transaction((sql) => {
          sql.afterCommit(() => ran.push('the effect of b'));
          return sql.run(INSERT, { id: 'b', amount: 1 });
        }),
        database.run(INSERT, big),
        database.run(INSERT, { id: 'c', amount: 1 }),
        database.transaction(async (sql) => {
          ran.push('d');
          await sql.run(INSERT, { id: 'd', amount: 1 });
        }),
      ]);

      for (const { reason } of batch as PromiseRejectedResult[]) expect(reason).toMatchObject(UNAVAILABLE);
      expect(ran).toEqual([]);
      expect(await ids(database)).toEqual(['before']);

      await limit(100_000);
      expect(await database.run(INSERT, big)).toBe(1);
    });

    it('a full disk fails one statement alone where SQLite can undo it alone (CR-5)', async () => {
      await limit(5);
      const two = 'INSERT INTO items (id, amount) VALUES (:id, 1), (:id, 2) ON CONFLICT DO NOTHING';
      const [first, full, last] = await Promise.allSettled([
        database.run(INSERT, { id: 'a', amount: 1 }),
        database.run(two, { id: big.id }),
        database.run(INSERT, { id: 'c', amount: 1 }),
      ]);
      expect([first?.status, last?.status]).toEqual(['fulfilled', 'fulfilled']);
      expect((full as PromiseRejectedResult).reason).toMatchObject(UNAVAILABLE);
      expect(await ids(database)).toEqual(['a', 'c']);
    });

    it('a full disk inside a transaction fails the whole batch, even if the work catches the error and goes on (CR-5)', async () => {
      await limit(5);
      const batch = await Promise.allSettled([
        database.run(INSERT, { id: 'a', amount: 1 }),
        database.transaction(async (sql) => {
          await sql.run(INSERT, big).catch(() => {});
          await sql.run(INSERT, { id: 'b', amount: 1 }).catch(() => {});
          throw new Error('a refusal that nobody else may be given');
        }),
        database.run(INSERT, { id: 'c', amount: 1 }),
      ]);
      for (const { reason } of batch as PromiseRejectedResult[]) expect(reason).toMatchObject(UNAVAILABLE);
      expect(await ids(database)).toEqual([]);
    });
  });

  it('a file that is no SQLite database is UNAVAILABLE', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-'));
    await writeFile(join(folder, 'text.db'), 'This is a text, and long enough to be looked at. '.repeat(100));
    await expect(openDatabase(`file:${join(folder, 'text.db')}`)).rejects.toMatchObject(UNAVAILABLE);
    await rm(folder, { recursive: true });
  });

  it('a repeated SQLite statement reads the value that was written just before it', async () => {
    await database.run(INSERT, { id: 'a', amount: 0 });
    for (let amount = 1; amount <= 50; amount += 1) {
      await database.run('UPDATE items SET amount = :amount WHERE id = :id', { id: 'a', amount });
      expect(await database.get(AMOUNT, { id: 'a' })).toEqual({ amount });
    }
  });

  it('SQLite has no warning about durability (CR-1)', async () => {
    expect(await durabilityWarnings(database)).toEqual([]);
  });
});

(engines.includes('postgres') ? describe : describe.skip)('PostgreSQL', () => {
  let fresh: FreshDatabase;
  let database: Database;
  beforeEach(async () => {
    fresh = await freshDatabase('postgres');
    database = fresh.database;
    await createItems(database);
  });
  afterEach(() => fresh.drop());

  const backend = async (sql: Sql) =>
    (await sql.get<{ pid: number }>('SELECT pg_backend_pid() AS pid'))?.pid as number;

  async function terminate(pid: number): Promise<void> {
    const administrator = new Client({ connectionString: fresh.url });
    await administrator.connect();
    await administrator.query('SELECT pg_terminate_backend($1)', [pid]);
    const isThere = async () =>
      (await administrator.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [pid])).rowCount !== 0;
    while (await isThere());
    await administrator.end();
  }

  it('each PostgreSQL connection has the time limits and READ COMMITTED, even if the URL says otherwise', async () => {
    const text = `SELECT name, setting FROM pg_settings WHERE name IN ('default_transaction_isolation',
      'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') ORDER BY name`;
    const url = new URL(fresh.url);
    url.searchParams.set('options', '-c default_transaction_isolation=serializable -c lock_timeout=0');
    const otherwise = await openDatabase(url.href);
    const settings = await otherwise.all(text);
    await otherwise.close();
    expect(settings).toEqual([
      { name: 'default_transaction_isolation', setting: 'read committed' },
      { name: 'idle_in_transaction_session_timeout', setting: '10000' },
      { name: 'lock_timeout', setting: '2000' },
      { name: 'statement_timeout', setting: '5000' },
    ]);
  });

  it('a PostgreSQL connection that dies idle does not end the process, and a later statement gets another connection', async () => {
    const pid = await backend(database);
    await terminate(pid);
    // The pool may not have heard of it yet: then the statement is UNAVAILABLE, never sent twice.
    await database.get('SELECT 1 AS one').catch((error) => expect(error).toMatchObject(UNAVAILABLE));
    expect(await backend(database)).not.toBe(pid);
  });

  it('a transaction whose PostgreSQL connection dies is UNAVAILABLE and writes nothing', async () => {
    const broken = database.transaction(async (sql) => {
      await sql.run(INSERT, { id: 'a', amount: 1 });
      await hold(sql, terminate(await backend(sql)));
      await sql.run(INSERT, { id: 'b', amount: 1 });
    });
    await expect(broken).rejects.toMatchObject(UNAVAILABLE);
    expect(await ids(database)).toEqual([]);
    expect(await database.run(INSERT, { id: 'c', amount: 1 })).toBe(1);
  });

  it('a transaction whose PostgreSQL connection dies before COMMIT is done is UNAVAILABLE', async () => {
    await database.run(`
      CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql
      AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(5); RETURN NULL; END'`);
    await database.run(`
      CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON items DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION die()`);
    let isWritten = false;
    const broken = database.transaction(async (sql) => {
      await sql.run(INSERT, { id: 'a', amount: 1 });
      isWritten = true;
    });
    await expect(broken).rejects.toMatchObject(UNAVAILABLE);
    expect(isWritten).toBe(true);
    expect(await ids(database)).toEqual([]);
  });

  it('a PostgreSQL statement whose connection is killed while it runs is UNAVAILABLE and is not sent again', async () => {
    const slow = database.get('SELECT pg_sleep(20)');
    const caught = expect(slow).rejects.toMatchObject(UNAVAILABLE);
    const find = `SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(20)' AND state = 'active'`;
    let running: { pid: number }[] = [];
    while (running.length === 0) running = await database.all<{ pid: number }>(find);
    for (const { pid } of running) await terminate(pid);
    await caught;
    expect(await database.all(find)).toEqual([]);
  });

  it('a PostgreSQL server that does not listen is UNAVAILABLE', async () => {
    const unreachable = await openDatabase('postgres://nobody@127.0.0.1:1/nothing');
    await expect(unreachable.get('SELECT 1 AS one')).rejects.toMatchObject(UNAVAILABLE);
    await expect(unreachable.transaction(async () => {})).rejects.toMatchObject(UNAVAILABLE);
    await unreachable.close();
  });

  it('a PostgreSQL pool with no free connection is UNAVAILABLE after the acquire timeout (DOS-5)', async () => {
    const small = await fresh.open({ poolSize: 1, acquireTimeoutMs: 50 });
    const { open, opened } = gate();
    const started = gate();
    const holding = small.transaction(async (sql) => {
      started.open();
      await hold(sql, opened);
    });
    await started.opened;
    await turn();
    await expect(small.get('SELECT 1 AS one')).rejects.toMatchObject(UNAVAILABLE);
    open();
    await holding;
    expect(await small.get('SELECT 1 AS one')).toEqual({ one: 1 });
  });

  describe('a PostgreSQL server whose answers are lost', () => {
    let proxy: SilentProxy;
    let behind: Database;
    beforeEach(async () => {
      proxy = await startSilentProxy(fresh.url);
      behind = await openDatabase(proxy.url);
    });
    afterEach(async () => {
      await behind.close();
      await proxy.close();
    });

    it('a statement whose answer is lost is UNAVAILABLE in time, and its connection is never used again', async () => {
      const pid = await backend(behind);
      proxy.silenceNext('INSERT INTO items');
      await expect(behind.within(100).run(INSERT, { id: 'a', amount: 1 })).rejects.toMatchObject(UNAVAILABLE);
      expect(await ids(database)).toEqual(['a']);
      expect(await backend(behind)).not.toBe(pid);
    });

    it('a transaction whose answer to COMMIT is lost is UNAVAILABLE, although it was committed', async () => {
      proxy.silenceNext('COMMIT');
      const lost = behind.within(100).transaction((sql) => sql.run(INSERT, { id: 'a', amount: 1 }));
      await expect(lost).rejects.toMatchObject(UNAVAILABLE);
      expect(await ids(database)).toEqual(['a']);
    });

    it('a transaction that breaks off because an answer is lost leaves nothing written', async () => {
      proxy.silenceNext('UPDATE items');
      const lost = behind.within(100).transaction(async (sql) => {
        await sql.run(INSERT, { id: 'a', amount: 1 });
        await sql.run('UPDATE items SET amount = 2');
      });
      await expect(lost).rejects.toMatchObject(UNAVAILABLE);
      expect(await ids(behind)).toEqual([]);
    });

    it('statements whose answers are lost give all their connections back to the pool', async () => {
      proxy.silenceAll();
      const lost = Array.from({ length: 10 }, () => behind.within(100).get('SELECT 1 AS one'));
      for (const { reason } of (await Promise.allSettled(lost)) as PromiseRejectedResult[])
        expect(reason).toMatchObject(UNAVAILABLE);
      proxy.allowNew();
      const found = Array.from({ length: 10 }, () => behind.get('SELECT 1 AS one'));
      expect(await Promise.all(found)).toEqual(Array(10).fill({ one: 1 }));
    });

    it('a database closes although answers of PostgreSQL are lost, with a statement under way and without', async () => {
      await backend(behind);
      proxy.silenceAll();
      const lost = behind.within(60_000).get('SELECT 1 AS one');
      await Promise.all([expect(lost).rejects.toMatchObject(UNAVAILABLE), behind.close()]);

      proxy.allowNew();
      const idle = await openDatabase(proxy.url);
      await backend(idle);
      proxy.silenceAll();
      await idle.close();
    });
  });

  it('PostgreSQL is reached over a local socket that the URL names', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-socket-'));
    const { port } = new URL(fresh.url);
    const sockets = createServer((socket) => {
      const server = connect(Number(port), '127.0.0.1');
      socket.on('error', () => {}).on('close', () => server.destroy());
      server.on('error', () => {}).on('close', () => socket.destroy());
      socket.pipe(server).pipe(socket);
    }).listen(join(folder, '.s.PGSQL.5432'));
    for (const url of [
      `postgres://latchkey:pw@/postgres?host=${folder}`,
      `postgresql:///postgres?host=${folder}&port=5432&user=latchkey&sslmode=require`,
      `postgres://latchkey@${encodeURIComponent(folder)}/postgres`,
    ]) {
      const local = await openDatabase(url);
      expect(await local.get('SELECT 1 AS one')).toEqual({ one: 1 });
      await local.close();
    }
    sockets.close();
    await rm(folder, { recursive: true });
  });

  it('migrate makes its tables in the PostgreSQL schema that the URL names, and queries look for them there', async () => {
    const url = new URL(fresh.url);
    const [, schema = ''] = /search_path=(\w+)/.exec(url.searchParams.get('options') ?? '') ?? [];
    url.search = `?schema=${schema}`;
    const named = await openDatabase(url.href);
    await migrate(named);
    const tables = `SELECT table_schema AS name FROM information_schema.tables WHERE table_name = 'sessions'
      AND table_schema = '${schema}'`;
    expect(await named.all(tables)).toEqual([{ name: schema }]);
    expect(await named.transaction(ids)).toEqual([]);
    await named.close();
  });

  it('a longer time limit is set in PostgreSQL, too, for that statement or transaction alone', async () => {
    const one = await fresh.open({ poolSize: 1 });
    const limit = async (sql: Sql) => await sql.get('SHOW statement_timeout');
    expect(await limit(one.within(60_000))).toEqual({ statement_timeout: '1min' });
    expect(await one.within(60_000).transaction(limit)).toEqual({ statement_timeout: '1min' });
    expect(await limit(one)).toEqual({ statement_timeout: '5s' });
    expect(await limit(one.within(100))).toEqual({ statement_timeout: '5s' });
  });

  it('a write to a PostgreSQL row that is locked too long is UNAVAILABLE', async () => {
    const impatient = await fresh.open({ lockTimeoutMs: 50 });
    await database.run(INSERT, { id: 'a', amount: 1 });
    const update = `UPDATE items SET amount = amount + 1 WHERE id = 'a'`;
    await database.transaction(async (sql) => {
      await sql.run(update);
      await hold(sql, expect(impatient.run(update)).rejects.toMatchObject(UNAVAILABLE));
    });
    expect(await impatient.run(update)).toBe(1);
  });

  it('a deadlock in PostgreSQL ends in both writes, because the transaction that the server undoes begins again', async () => {
    await database.run(INSERT, { id: 'a', amount: 0 });
    await database.run(INSERT, { id: 'b', amount: 0 });
    const add = 'UPDATE items SET amount = amount + 1 WHERE id = :id';
    const held = { a: gate(), b: gate() };
    let runs = 0;
    let effects = 0;
    const both = (first: 'a' | 'b', second: 'a' | 'b') =>
      database.transaction(async (sql) => {
        runs += 1;
        // Of the last run alone.
        sql.afterCommit(() => {
          effects += 1;
        });
        await sql.run(add, { id: first });
        held[first].open();
        await hold(sql, held[second].opened);
        await sql.run(add, { id: second });
      });

    await Promise.all([both('a', 'b'), both('b', 'a')]);
    expect(runs).toBeGreaterThan(2);
    expect(effects).toBe(2);
    expect(await database.all('SELECT amount FROM items')).toEqual([{ amount: 2 }, { amount: 2 }]);
  });

  it('a single statement that PostgreSQL undoes for a deadlock is sent again, because none of it was done', async () => {
    await database.run(INSERT, { id: 'a', amount: 0 });
    await database.run(INSERT, { id: 'b', amount: 0 });
    const other = await fresh.open();
    const waits = 'SELECT 1 AS yes FROM pg_locks WHERE NOT granted AND pid = :pid';
    const pid = await backend(other);
    let single: Promise<number> | undefined;
    await database.transaction(async (sql) => {
      await sql.run(`UPDATE items SET amount = amount + 1 WHERE id = 'b'`);
      // It locks a, waits for b, and is the first to look for a deadlock.
      single = other.run('UPDATE items SET amount = amount + 1');
      single.catch(() => {});
      let isWaiting = false;
      while (!isWaiting) isWaiting = (await sql.get(waits, { pid })) !== undefined;
      await sql.run(`UPDATE items SET amount = amount + 1 WHERE id = 'a'`);
    });
    expect(await single).toBe(2);
    expect(await database.all('SELECT amount FROM items')).toEqual([{ amount: 2 }, { amount: 2 }]);
  });

  it('a constraint error leaves its PostgreSQL connection in use', async () => {
    const pid = await backend(database);
    await database.run(INSERT, { id: 'a', amount: 1 });
    await expect(database.run(INSERT, { id: 'a', amount: 1 })).rejects.toHaveProperty('code', '23505');
    await expect(database.transaction((sql) => sql.run(INSERT, { id: 'a', amount: 1 }))).rejects.toThrow(
      'unique',
    );
    expect(await backend(database)).toBe(pid);
  });

  it('databaseTimeMs gives the time of the PostgreSQL server in whole milliseconds', async () => {
    const [before, now, after] = [Date.now(), await databaseTimeMs(database), Date.now()];
    // The server runs on this machine or near it, but its clock is its own.
    expect(now).toBeGreaterThan(before - 60_000);
    expect(now).toBeLessThan(after + 60_000);
    expect(Number.isInteger(now)).toBe(true);
  });

  it('durabilityWarnings names a PostgreSQL server that answers before its writes are on disk (CR-1)', async () => {
    expect(await durabilityWarnings(database)).toEqual([]);
    const url = new URL(fresh.url);
    url.searchParams.set('options', '-c synchronous_commit=off');
    const careless = await openDatabase(url.href);
    expect(await durabilityWarnings(careless)).toEqual([expect.stringContaining('synchronous_commit')]);
    await careless.close();
  });
});

describe('openDatabase', () => {
  it.each(['data/latchkey.db', 'mysql://user:hunter2@host/db', ''])(
    'openDatabase refuses the URL %j, and does not repeat it',
    async (url) => {
      const refused = expect(openDatabase(url)).rejects;
      await refused.toThrow('DATABASE_URL must begin with');
      await expect(openDatabase(url)).rejects.not.toThrow('hunter2');
    },
  );

  it('openDatabase says what to do when the SQLite driver is not installed', async () => {
    jest.resetModules();
    jest.unstable_mockModule('better-sqlite3', () => {
      throw Object.assign(new Error("Cannot find package 'better-sqlite3'"), {
        code: 'ERR_MODULE_NOT_FOUND',
      });
    });
    const { openDatabase: openWithoutDriver } = await import('../../src/database/open.ts');
    await expect(openWithoutDriver('file::memory:')).rejects.toThrow('npm rebuild better-sqlite3');
  });
});
