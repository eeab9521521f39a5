import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backupSqlite } from '../../src/database/backup.ts';
import type { Database } from '../../src/database/database.ts';
import { openDatabase } from '../../src/database/open.ts';
import { cleanEnvironment } from '../support/server-process.ts';
import { useBuild } from '../support/setup.ts';

const build = useBuild();
const ROWS = 3_000;
/** Two processes start. */
const PATIENCE_MS = 60_000;

describe('backing up SQLite', () => {
  let folder: string;
  let source: string;
  let target: string;
  let database: Database;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-backup-'));
    source = join(folder, 'latchkey.db');
    target = join(folder, 'copy.db');
    database = await openDatabase(`file:${source}`);
    // Several steps long, a row to a page.
    await database.run(
      'CREATE TABLE pages (n BIGINT PRIMARY KEY, written BIGINT NOT NULL, filling TEXT NOT NULL)',
    );
    await database.run(
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows)
       INSERT INTO pages SELECT n, 0, :filling FROM numbers`,
      { rows: ROWS, filling: 'x'.repeat(4_000) },
    );
  });

  afterEach(async () => {
    await database.close();
    rmSync(folder, { recursive: true });
  });

  it('a backup holds one moment of a database that is written to meanwhile, and reports its progress', async () => {
    const shares: number[] = [];
    const writes: Promise<number>[] = [];
    const bytes = await backupSqlite({
      source,
      target,
      onProgress(share) {
        shares.push(share);
        writes.push(database.run('UPDATE pages SET written = written + 1'));
      },
    });
    await Promise.all(writes);

    expect(shares.length).toBeGreaterThan(3);
    // It never begins again, however often the original changes.
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
    expect(bytes).toBe(statSync(target).size);
    expect(await database.get('SELECT max(written) AS most FROM pages')).toEqual({ most: shares.length });

    const copy = await openDatabase(`file:${target}`);
    try {
      expect(await copy.get('SELECT count(*) AS count, max(written) AS most FROM pages')).toEqual({
        count: ROWS,
        most: 0,
      });
    } finally {
      await copy.close();
    }
  });

  it('a backup is one file that only its owner can read', async () => {
    await backupSqlite({ source, target });
    expect(statSync(target).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).filter((name) => name.startsWith('copy'))).toEqual(['copy.db']);
  });

  it('a backup does not overwrite an existing file', async () => {
    writeFileSync(target, 'precious');
    await expect(backupSqlite({ source, target: `${target} ` })).rejects.toThrow(/overwrites nothing/);
    expect(readFileSync(target, 'utf8')).toBe('precious');
  });

  it('a backup that fails leaves no file behind', async () => {
    const onProgress = () => {
      throw new Error('the terminal is gone');
    };
    await expect(backupSqlite({ source, target, onProgress })).rejects.toThrow('the terminal is gone');
    await expect(backupSqlite({ source: join(folder, 'none.db'), target })).rejects.toThrow(/no database/);
    await database.close();
    writeFileSync(source, 'no database at all'.repeat(1_000));
    await expect(backupSqlite({ source, target })).rejects.toMatchObject({ code: 'SQLITE_NOTADB' });
    expect(readdirSync(folder).filter((name) => name.startsWith('copy'))).toEqual([]);
  });

  it(
    'latchkey backup copies a SQLite database, and refers to pg_dump for PostgreSQL',
    () => {
      const made = latchkey(['backup', target], { DATABASE_URL: `file:${source}` });
      expect(made).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(/^Copied \d+ bytes/),
        stderr: '',
      });
      expect(statSync(target).size).toBeGreaterThan(ROWS * 4_000);

      const refused = latchkey(['backup', target], {
        NODE_ENV: 'development',
        DATABASE_URL: 'postgres://db.invalid/latchkey',
        LATCHKEY_SECRET: '8c1e5f0a9b7d3462ce11d0f4a6b85973e20c4d6f8a1b3957d4f60e2c7a95b813',
      });
      expect(refused).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('pg_dump') });
    },
    PATIENCE_MS,
  );

  function latchkey(args: string[], environment: Record<string, string>) {
    return spawnSync(process.execPath, [build.cli, ...args], {
      cwd: folder,
      env: { ...cleanEnvironment(), ...environment },
      encoding: 'utf8',
    });
  }
});
