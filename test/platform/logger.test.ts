import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdtemp, open, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { createLogger } from '../../src/platform/logger.ts';
import { cleanEnvironment } from '../support/server-process.ts';
import { until } from '../support/until.ts';

const OPTIONS = { cwd: fileURLToPath(new URL('../..', import.meta.url)), env: cleanEnvironment() };

it('the logger soon writes every line whole and in order, long lines too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-logger-'));
  const file = await open(join(folder, 'log'), 'w');
  try {
    const logger = await createLogger({ level: 'info', fileDescriptor: file.fd, isForPeople: false });
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

it('the logger writes the lines that it has gathered when the process ends', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    programOf("logger.info('the last words');"),
    OPTIONS,
  );
  expect(JSON.parse(stdout)).toMatchObject({ msg: 'the last words' });
});

it('the logger leaves the resolver of Node.js as it was: a module behind a symbolic link is found by its real name', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'latchkey-logger-')));
  const [first, second, link] = [
    join(folder, 'first.js'),
    join(folder, 'second.js'),
    join(folder, 'link.js'),
  ];
  for (const module of [first, second]) await writeFile(module, 'module.exports = __filename;');
  await symlink(second, link);
  // The first one has the resolver remember the folder, of which it would have believed anything then.
  const body = `
    const { createRequire } = await import('node:module');
    const require = createRequire('${first}');
    require('./first.js');
    await createLogger({ level: 'info', fileDescriptor: 1, isForPeople });
    logger.info(require('./link.js'));`;
  try {
    const { stdout } = await promisify(execFile)(process.execPath, programOf(body), OPTIONS);
    expect(JSON.parse(stdout)).toMatchObject({ msg: second });
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** More than a pipe holds, and a terminal. */
const FLOOD = "for (let i = 0; i < 5_000; i += 1) logger.info({ i }, 'x'.repeat(100));";
const END = 'process.exit(0);';

describe('a reader of the log that has stopped', () => {
  const command = `${shellLine(programOf(FLOOD + END))}; echo $? >&3`;
  it.each([
    ['a pipe', 'sh', ['-c', command]],
    // Its output is a terminal; what comes out of that goes into a pipe again.
    ['a terminal', 'script', ['-qfec', command, '/dev/null']],
  ])('a log reader that has stopped does not keep the process from ending: %s', async (_, shell, args) => {
    const child = spawn(shell, args, { ...OPTIONS, stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
    // Its standard output is never read.
    const [exitCode] = await once(child.stdio[3] as Readable, 'data');
    expect(String(exitCode)).toBe('0\n');
    child.stdout?.destroy();
    child.kill('SIGKILL');
  });

  it('a log reader that reads on gets the remaining lines, whole and in order', async () => {
    const child = spawn(process.execPath, programOf(FLOOD), {
      ...OPTIONS,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) text += chunk;
    const numbers = text
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { i: number }).i);
    expect(numbers).toEqual(Array.from({ length: 5_000 }, (_, i) => i));
  });

  it('a log reader that reads on is told how many lines it has missed, when too many were waiting', async () => {
    const more =
      "for (let i = 0; i < 300; i += 1) logger.info('x'.repeat(100_000)); process.stderr.write('.');";
    const child = spawn(process.execPath, programOf(FLOOD + more), {
      ...OPTIONS,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    await once(child.stderr, 'data');
    let text = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) text += chunk;
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: number; msg: string });
    const [warning] = lines.filter(({ level }) => level === 40);
    const lost = Number(/^(\d+) lines of the log are lost/.exec(warning?.msg ?? '')?.[1]);
    expect(lines.length - 1 + lost).toBe(5_300);
    expect(lost).toBeGreaterThan(0);
  });
});

it('a process that logs outlives a full disk, and a reader that is gone', async () => {
  for (const stdout of [openSync('/dev/full', 'w'), 'pipe'] as const) {
    const child = spawn(process.execPath, programOf(FLOOD + END), {
      ...OPTIONS,
      stdio: ['ignore', stdout, 'pipe'],
    });
    child.stdout?.destroy();
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const [exitCode] = await once(child, 'close');
    expect({ exitCode, said }).toEqual({ exitCode: 0, said: '' });
  }
});

/** Arguments of Node for a program that has a logger on its standard output. */
function programOf(body: string): string[] {
  const program = `
    import { createLogger } from './src/platform/logger.ts';
    const isForPeople = process.stdout.isTTY;
    const logger = await createLogger({ level: 'info', fileDescriptor: 1, isForPeople });
    process.on('exit', () => logger.flush());
    ${body}`;
  return ['--import', 'tsx', '--input-type=module', '--eval', program];
}

function shellLine(args: readonly string[]): string {
  return [process.execPath, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
}

function linesOnce(path: string, count: number): Promise<string[]> {
  return until(async () => {
    const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1);
    return lines.length >= count ? lines.map((line) => (JSON.parse(line) as { msg: string }).msg) : undefined;
  }, 10);
}
