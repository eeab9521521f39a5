import { open, rm, writeFile } from 'node:fs/promises';

/**
 * Writes a file whole, and to disk, or leaves none.
 *
 * @throws Error with the code `EEXIST` where there is one: what is in it would be lost.
 */
export async function writeNewFile(
  path: string,
  content: string | AsyncIterable<string>,
  { mode }: { mode: number },
): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await writeFile(file, content);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
