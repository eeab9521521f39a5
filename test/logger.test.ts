import { execFile } from 'node:child_process';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { createLogger } from '../src/logger.ts';

it('writes every line whole and in order, soon, however long some of them are', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-logger-'));
  const file = await open(join(folder, 'log'), 'w');
  try {
    const logger = await createLogger({ level: 'info', fileDescriptor: file.fd, isTerminal: false });
    // Two bytes a letter, and more of them than are gathered; then so many lines that they are written several times.
    const texts = [
      'ä'.repeat(100_000),
      ...Array.from({ length: 2_000 }, (_, i) => `${i} ${'ö'.repeat(i % 100)}`),
    ];
    logger.info('first');
    for (const text of texts) logger.info(text);
    logger.info({ note: 'last' }, 'last');

    await expect(linesOnce(join(folder, 'log'), texts.length + 2)).resolves.toEqual([
      'first',
      ...texts,
      'last',
    ]);
  } finally {
    await file.close();
    await rm(folder, { recursive: true });
  }
});

it('writes what it has gathered when the process ends', async () => {
  const program = `
    import { createLogger } from './src/logger.ts';
    const logger = await createLogger({ level: 'info', fileDescriptor: 1, isTerminal: false });
    logger.info('the last words');
    process.exit();`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', program],
    { cwd: fileURLToPath(new URL('..', import.meta.url)) },
  );
  expect(JSON.parse(stdout)).toMatchObject({ msg: 'the last words' });
});

async function linesOnce(path: string, count: number): Promise<string[]> {
  for (;;) {
    const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1);
    if (lines.length >= count) return lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    await pause(10);
  }
}
