import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder that its owner alone may read, and the folders above it, one by one: Node.js's own `recursive` tries
 * for ever where a folder is there and takes none, as under /proc.
 *
 * @throws Error with the code of the file system, `EEXIST` where the path is a file.
 */
export function makePrivateFolder(path: string): void {
  const missing: string[] = [];
  for (let folder = path; !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  for (const folder of missing) {
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      // Another process made it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !existsSync(folder)) throw error;
    }
  }
  // Fails, because it is there.
  if (!statSync(path).isDirectory()) mkdirSync(path);
}
