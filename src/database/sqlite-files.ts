import { closeSync, existsSync, openSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { makePrivateFolder } from '../platform/folder.ts';

/**
 * Creates the file of a database, readable by its owner alone, when there is none. SQLite gives its -wal and -shm files
 * the mode of this one.
 */
export function createPrivateFile(path: string): void {
  makePrivateFolder(dirname(path));
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    // A link that leads to no file: SQLite would make that one, for everybody to read.
    if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
  }
}

/**
 * Remembers the files that a database was opened as, and tells what has become of them. SQLite writes on into files that
 * were removed or replaced, and everything seems well until it stops.
 */
export function rememberFiles(path: string): { whatIsWrong(): string | undefined } {
  // SQLite follows links, and has its other files beside the one that they lead to.
  const real = realpathSync(path);
  const known = new Map([path, `${real}-wal`, `${real}-shm`].map((name) => [name, identityOf(name)]));

  return {
    whatIsWrong() {
      for (const [name, identity] of known) {
        const now = identityOf(name);
        // SQLite makes the others when it needs them.
        if (identity === undefined) known.set(name, now);
        else if (now !== identity) return now === undefined ? 'removed' : 'replaced';
      }
      return undefined;
    },
  };
}

function identityOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}
