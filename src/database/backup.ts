import { closeSync, existsSync, fsyncSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import Sqlite from 'better-sqlite3';

/** Copied in one turn of the event loop: 4 MB, a few milliseconds. */
const PAGES_PER_STEP = 1_000;

/**
 * Copies an SQLite database that may be in use, by its online backup API (https://sqlite.org/backup.html), into a
 * new file that its owner alone can read. The copy is whole, checked and on disk when the promise resolves; when it
 * rejects there is none.
 *
 * @param onProgress is told which share of the pages, 0 to 1, is copied.
 * @returns the size of the copy in bytes.
 * @throws Error when there is no database at `source`, or anything at `target`.
 */
export async function backupSqlite({
  source,
  target,
  onProgress = () => {},
}: {
  source: string;
  target: string;
  onProgress?: (share: number) => void;
}): Promise<number> {
  // better-sqlite3 trims the name: without this it would write to another file than the one made here.
  const path = resolve(target.trim());
  if (!existsSync(source)) throw new Error('There is no database to back up.');
  createPrivate(path);
  try {
    await copy(source, path, onProgress);
    checkIntegrity(path);
    syncToDisk(path);
    // Its name, too.
    syncToDisk(dirname(path));
    return statSync(path).size;
  } catch (error) {
    for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    throw error;
  }
}

function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw isThere ? new Error('The file exists already; a backup overwrites nothing.') : error;
  }
}

async function copy(source: string, path: string, onProgress: (share: number) => void): Promise<void> {
  const connection = new Sqlite(source, { readonly: true });
  try {
    // Holds one state of the database. Otherwise every write of a server would make the copy begin again, and
    // under load it would never end.
    connection.exec('BEGIN');
    connection.prepare('SELECT count(*) FROM sqlite_schema').get();
    await connection.backup(path, {
      progress({ totalPages, remainingPages }) {
        onProgress(totalPages === 0 ? 0 : 1 - remainingPages / totalPages);
        return PAGES_PER_STEP;
      },
    });
    onProgress(1);
  } finally {
    connection.close();
  }
}

/** Writable, so that closing it clears its own -wal and -shm files away. */
function checkIntegrity(path: string): void {
  const connection = new Sqlite(path);
  try {
    const found = connection.pragma('integrity_check', { simple: true });
    if (found !== 'ok') throw new Error('The copy fails its integrity check, so it was removed.');
  } finally {
    connection.close();
  }
}

function syncToDisk(path: string): void {
  const file = openSync(path, 'r');
  fsyncSync(file);
  closeSync(file);
}
