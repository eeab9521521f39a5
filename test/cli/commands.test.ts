import { closeSync, cpSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CommandOptions, type Ended, useCommands } from '../support/command.ts';
import { useBuild, useCleanups } from '../support/setup.ts';

const commands = useCommands(useBuild());
const cleanups = useCleanups();
const PASSWORD = 'correct horse battery staple';
/** Starting a process is slow where cores are few; nothing here is about how slow. */
const PATIENCE_MS = 300_000;
/** Processes. */
const AT_ONCE = 4;
const folder = mkdtempSync(join(tmpdir(), 'latchkey-commands-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Usage {
  /** How it is used, in a folder whose database has the accounts ada@ and grace@example.com. */
  readonly args: readonly string[];
  readonly input?: string;
  /** Whether its output is all that it is for, or only says that its work is done. */
  readonly prints: 'what was asked for' | 'that it is done' | 'nothing';
  /** Its exit code where nothing fails. */
  readonly exitCode?: number;
  /** Wrong use. */
  readonly wrong: readonly string[];
  /** Whether it needs neither settings nor a database. */
  readonly needsNothing?: true;
}

/** Every command but `serve`, which ends when it is told to. */
const USAGES: Readonly<Record<string, Usage>> = {
  init: { args: ['new'], prints: 'that it is done', wrong: ['one', 'two'], needsNothing: true },
  migrate: { args: [], prints: 'that it is done', wrong: ['now'] },
  'users create': {
    args: ['alan@example.com', '--password-stdin'],
    input: PASSWORD,
    prints: 'that it is done',
    wrong: ['alan', '--password-stdin'],
  },
  'users list': { args: [], prints: 'what was asked for', wrong: ['--all'] },
  'users set-password': {
    args: ['ada@example.com', '--password-stdin'],
    input: PASSWORD,
    prints: 'nothing',
    wrong: ['--password-stdin'],
  },
  'users grant': {
    args: ['ada@example.com', 'admin'],
    prints: 'that it is done',
    wrong: ['ada@example.com'],
  },
  'users revoke': { args: ['ada@example.com', 'admin'], prints: 'that it is done', wrong: ['ada', 'admin'] },
  'users factors': { args: ['ada@example.com'], prints: 'nothing', wrong: ['ada'] },
  'users metadata': {
    args: ['ada@example.com', '--set', '{"tenant":"acme"}'],
    prints: 'that it is done',
    wrong: ['ada@example.com', '--set', '{'],
  },
  'users disable': { args: ['grace@example.com'], prints: 'nothing', wrong: [] },
  'users enable': { args: ['grace@example.com'], prints: 'nothing', wrong: ['grace'] },
  'users import': {
    args: ['users.ndjson'],
    prints: 'that it is done',
    exitCode: 1,
    wrong: ['missing.ndjson'],
  },
  'users export': { args: [], prints: 'what was asked for', wrong: ['--output'] },
  'roles list': { args: [], prints: 'what was asked for', wrong: ['all'] },
  'keys jwks': { args: [], prints: 'what was asked for', wrong: ['all'] },
  'keys list': { args: [], prints: 'what was asked for', wrong: ['all'] },
  'keys rotate': { args: [], prints: 'that it is done', wrong: ['--urgent'] },
  'keys reseal': { args: [], prints: 'that it is done', wrong: ['now'] },
  'audit verify': { args: [], prints: 'what was asked for', wrong: ['--head', 'none'] },
  'mail list': { args: [], prints: 'what was asked for', wrong: ['dead'] },
  'mail retry': { args: [], prints: 'that it is done', wrong: ['one', 'two'] },
  backup: { args: ['copy.db'], prints: 'that it is done', wrong: [] },
  doctor: { args: [], prints: 'what was asked for', wrong: ['--quiet'] },
  'restore-done': { args: [], prints: 'that it is done', wrong: ['really'] },
};

const template = join(folder, 'template');
beforeAll(async () => {
  mkdirSync(template);
  writeFileSync(join(template, 'users.ndjson'), '{"email":"new@example.com"}\n{"email":"none"}\n');
  for (const [command, name] of [
    ['create', 'ada'],
    ['create', 'grace'],
    // Which queues a mail.
    ['set-password', 'grace'],
  ] as const)
    await commands.run(['users', command, `${name}@example.com`, '--password-stdin'], {
      cwd: template,
      input: PASSWORD,
    });
}, PATIENCE_MS);

/** A folder with a database of its own. */
function prepared(): string {
  const cwd = mkdtempSync(join(folder, 'cwd-'));
  cpSync(template, cwd, { recursive: true });
  return cwd;
}

/** Runs every command, a few at a time; the result of each. */
async function runAll(options: CommandOptions): Promise<Record<string, Ended>> {
  return runEach(
    Object.entries(USAGES).map(([command, { args, input }]) => ({
      args: [...command.split(' '), ...args],
      options: { ...options, ...(input && { input }) },
      command,
    })),
  );
}

async function runEach(
  runs: { command: string; args: readonly string[]; options: CommandOptions }[],
): Promise<Record<string, Ended>> {
  const ends: Record<string, Ended> = {};
  const left = [...runs];
  const lane = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift())
      ends[next.command] = await commands.run(next.args, next.options);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return ends;
}

const exitCodes = (ends: Readonly<Record<string, Ended>>) =>
  Object.fromEntries(Object.entries(ends).map(([command, { exitCode }]) => [command, exitCode]));
const expectedCodes = (codeOf: (usage: Usage) => number) =>
  Object.fromEntries(Object.entries(USAGES).map(([command, usage]) => [command, codeOf(usage)]));

describe('all commands', () => {
  it(
    'every command has an example in its help, and is in the table of this test',
    async () => {
      async function leavesBelow(path: readonly string[]): Promise<string[]> {
        const { stdout } = await commands.run([...path, '--help'], { cwd: folder });
        const [, list] = stdout.split('Commands:\n');
        if (list === undefined) {
          // With an example of it.
          expect(stdout).toMatch(new RegExp(`\\nExamples?:\n  \\$ .*latchkey ${path.join(' ')}`));
          return [path.join(' ')];
        }
        const names = [...list.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = '']) => name);
        const below = names.filter((name) => name !== 'help').map((name) => leavesBelow([...path, name]));
        return (await Promise.all(below)).flat();
      }
      expect((await leavesBelow([])).sort()).toEqual([...Object.keys(USAGES), 'serve'].sort());
    },
    PATIENCE_MS,
  );

  it(
    'a command that did its work exits with 0, or with 1 for what it found, and complains of nothing',
    async () => {
      const ends = await runAll({ cwd: prepared() });
      expect(exitCodes(ends)).toEqual(expectedCodes(({ exitCode = 0 }) => exitCode));
      for (const { stderr } of Object.values(ends)) expect(stderr).toBe('');
    },
    PATIENCE_MS,
  );

  it.each([
    ['a file that is no database', { DATABASE_URL: 'file:users.ndjson' }],
    ['a PostgreSQL that is away', { NODE_ENV: 'test', DATABASE_URL: 'postgres://ada@127.0.0.1:1/latchkey' }],
    ['a setting that is wrong', { PORT: 'http' }],
  ])(
    'a command that cannot do its work says why in a few words and exits with 1: %s',
    async (_, environment) => {
      const cwd = prepared();

      const all = Object.entries(await runAll({ cwd, environment }));
      const ends = Object.fromEntries(all.filter(([command]) => !USAGES[command]?.needsNothing));
      const serve = await commands.run(['serve'], { cwd, environment: { PORT: '0', ...environment } });
      for (const [command, { exitCode, stdout, stderr }] of Object.entries({ ...ends, serve })) {
        expect({ command, exitCode }).toEqual({ command, exitCode: 1 });
        const said = command === 'doctor' || command === 'serve' ? stdout + stderr : stderr;
        expect({ command, said }).toEqual({ command, said: expect.stringMatching(/\S.*\n$/) });
        expect(said).not.toMatch(/\n {4}at /);
      }
    },
    PATIENCE_MS,
  );

  it(
    'a command that is used wrongly exits with 2',
    async () => {
      const cwd = prepared();
      const wrongs = Object.entries(USAGES).map(([command, { wrong }]) => [...command.split(' '), ...wrong]);
      const runs = [...wrongs, ['serve', 'now'], ['users'], ['nonsense'], []].map((args) => ({
        command: args.join(' '),
        args,
        options: { cwd, input: PASSWORD },
      }));
      for (const [command, { exitCode, stderr }] of Object.entries(await runEach(runs)))
        expect({ command, exitCode, stderr }).toEqual({
          command,
          exitCode: 2,
          stderr: expect.stringMatching(/\S/),
        });
    },
    PATIENCE_MS,
  );

  it(
    'a command does its work and ends quietly when its output is closed',
    async () => {
      const ends = await runAll({ cwd: prepared(), stdout: 'closed' });
      expect(exitCodes(ends)).toEqual(expectedCodes(({ exitCode = 0 }) => exitCode));
      for (const { stderr } of Object.values(ends)) expect(stderr).toBe('');
      const help = await commands.run(['--help'], { cwd: folder, stdout: 'closed' });
      expect(help).toMatchObject({ exitCode: 0, stderr: '' });
    },
    PATIENCE_MS,
  );

  it(
    'a command on a full disk fails if printing is its work, and not if it only reports that it is done',
    async () => {
      const full = openSync('/dev/full', 'w');
      cleanups.push(() => closeSync(full));
      const ends = await runAll({ cwd: prepared(), stdout: full });
      expect(exitCodes(ends)).toEqual(
        expectedCodes(({ prints, exitCode = 0 }) => (prints === 'what was asked for' ? 1 : exitCode)),
      );
      for (const [command, { stderr }] of Object.entries(ends)) {
        const complaint = /^latchkey: .*standard output cannot be written \(ENOSPC\)\.\n$/;
        expect(stderr).toMatch(USAGES[command]?.prints === 'nothing' ? /^$/ : complaint);
      }
      const help = await commands.run(['--help'], { cwd: folder, stdout: full });
      expect(help).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/ENOSPC/) });
    },
    PATIENCE_MS,
  );
});

describe('single commands', () => {
  it(
    'a misspelt command or option is answered with the right one',
    async () => {
      const ends = await Promise.all(
        [['serv'], ['users', 'lst'], ['users', 'list', '--jsn']].map((args) =>
          commands.run(args, { cwd: folder }),
        ),
      );
      expect(ends.map(({ stderr }) => /Did you mean (.*)\?/.exec(stderr)?.[1])).toEqual([
        'serve',
        'list',
        '--json',
      ]);
    },
    PATIENCE_MS,
  );

  it(
    'a command that waits for input that never comes says so and exits with 1',
    async () => {
      // Standard input that no longer keeps the process alive: its end would be heard of, if there were a process.
      const environment = { NODE_OPTIONS: '--import=data:text/javascript,process.stdin.unref()' };
      const args = ['users', 'create', 'ada@example.com', '--password-stdin'];
      const end = await commands.run(args, { cwd: folder, environment, input: null });
      expect(end).toEqual({
        exitCode: 1,
        stdout: '',
        stderr: 'latchkey: The command waits for something that never comes.\n',
      });
    },
    PATIENCE_MS,
  );

  it.each<[string, string, (socket: Socket) => void]>([
    [
      'leaves a connection open',
      '?sslmode=verify-full',
      (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
    ],
    // AuthenticationGSS, which the driver throws for from the depths of its parser.
    [
      'speaks what the driver does not know',
      '',
      (socket) => socket.write(Buffer.of(0x52, 0, 0, 0, 8, 0, 0, 0, 7)),
    ],
  ])(
    'a command ends with one line when the database %s',
    async (_, query, answer) => {
      const sockets: Socket[] = [];
      const server = createServer((socket) => {
        sockets.push(socket);
        socket.on('error', () => {});
        socket.once('data', () => answer(socket));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      cleanups.push(() => {
        for (const socket of sockets) socket.destroy();
        server.close();
      });
      const { port } = server.address() as AddressInfo;
      const environment = {
        NODE_ENV: 'test',
        DATABASE_URL: `postgres://ada@127.0.0.1:${port}/latchkey${query}`,
      };
      const end = await commands.run(['users', 'list'], { cwd: folder, environment });
      expect(end).toEqual({ exitCode: 1, stdout: '', stderr: expect.stringMatching(/^latchkey: .+\n$/) });
    },
    PATIENCE_MS,
  );
});
