import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Block, type Page, ROOT, readPages } from '../support/pages.ts';
import { cleanEnvironment } from '../support/server-process.ts';
import { until } from '../support/until.ts';

/** What a clone holds and the commands of the pages use. */
const CLONED = [
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'src',
  'schema',
  'packages',
  'examples',
  'web',
];
const PATIENCE_MS = 120_000;

/** A block of commands that a page shows, and the output that follows it. */
interface Step {
  readonly command: string;
  readonly output: string;
}

const pages = readPages();
const folder = mkdtempSync(join(tmpdir(), 'latchkey-docs-'));
let running: ChildProcess | undefined;

beforeAll(async () => {
  for (const name of CLONED) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  await run('npm', ['run', 'build']);
}, PATIENCE_MS);
afterEach(async () => {
  await stop();
  for (const name of ['data', 'accounts.ndjson'])
    rmSync(join(folder, name), { recursive: true, force: true });
}, 30_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the commands of each page, in a fresh copy with a server of its own', () => {
  it.each(pages.filter((page) => stepsOf(page).length > 0).map(({ path }) => path))(
    'the commands of %s print what the page shows',
    async (path) => {
      const page = pages.find((other) => other.path === path) as Page;
      const steps = stepsOf(page);
      const ports = await start(settingsOf(page));
      const mark = '--- end of block ---';
      const script = steps.map(({ command }) => `${command}\necho; echo '${mark}'`).join('\n');
      const stdout = await runScript(translate(script, ports));
      const outputs = stdout.split(`${mark}\n`).map((text) => text.trim().replace(/\n+/g, '\n'));
      for (const [index, { command, output }] of steps.entries()) {
        expect({ command, output: outputs[index] }).toEqual({
          command,
          output: expect.stringMatching(pattern(translate(output, ports))),
        });
      }
    },
    PATIENCE_MS,
  );

  it('more than ten pages show commands', () => {
    expect(pages.filter((page) => stepsOf(page).length > 0).length).toBeGreaterThan(10);
  });
});

describe('the first block of the README', () => {
  const withTerminal = isThere('script', '--version')
    ? it
    : skip('script, which makes a terminal, is not installed');
  withTerminal(
    'the first block of the README prints in a terminal what the README shows',
    async () => {
      const readme = pages.find(({ path }) => path === 'README.md') as Page;
      const [commands, shown] = readme.blocks;
      expect(commands?.text).toBe('npm ci\nnpm start');
      // Past its build, which has been made, because npm draws a sign of progress into the terminal.
      const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
      const serve = 'node dist/cli/latchkey.cjs serve';
      expect(scripts.start).toBe(`npm run --silent build && exec ${serve}`);
      const ports = await freePorts();
      const child = spawn('script', ['-qec', serve, '/dev/null'], {
        cwd: folder,
        env: { ...cleanEnvironment(), PORT: String(ports.server), COLUMNS: '120', TERM: 'xterm' },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      });
      running = child;
      let printed = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
      });
      const wanted = pattern(translate(shown?.text.trim() ?? 'nothing', ports));
      const plain = () => stripVTControlCharacters(printed).replaceAll('\r', '').trim();
      await until(() => wanted.test(plain()) || undefined).catch(() => undefined);
      expect(plain()).toMatch(wanted);
    },
    PATIENCE_MS,
  );
});

describe('the jq lines of the import page', () => {
  const withJq = isThere('jq', '--version') ? it : skip('jq is not installed');
  withJq(
    'the jq lines of the import page turn exports of Firebase and Keycloak into accounts that an import takes',
    async () => {
      const created = 1_740_654_221_121;
      const exported = {
        'firebase.json': {
          users: [
            {
              localId: 'one',
              email: 'fred@jq.example',
              emailVerified: true,
              displayName: 'Fred',
              createdAt: String(created),
              disabled: false,
              passwordHash:
                'fV/XEWRchTnoSltlmguEOG2OEnoTPSD+yqtv3Dm1qFfNAiKUej6rf2pfQy00UndKiwbvkHugrcBRbgV5w8su4w==',
              salt: 'uIpJgVFx82XDvA==',
            },
            { localId: 'two', email: 'google@jq.example', createdAt: String(created) },
          ],
        },
        'keycloak-realm.json': {
          realm: 'example',
          users: [
            {
              ...{ id: randomUUID(), username: 'kim', email: 'kim@jq.example', emailVerified: true },
              ...{ createdTimestamp: created, enabled: true },
              credentials: [
                { type: 'otp', secretData: '{}', credentialData: '{}' },
                {
                  type: 'password',
                  secretData:
                    '{"value":"BruFLfFkjH/8erZ26NnrbkOrWiZuQyDRCHD9o0R6Scg=","salt":"Cf9AYCE5pAbb4CKEF0GUTA=="}',
                  credentialData:
                    '{"hashIterations":5,"algorithm":"argon2","additionalParameters":{"memory":["7168"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}',
                },
              ],
            },
            {
              id: randomUUID(),
              email: 'none@jq.example',
              createdTimestamp: created,
              enabled: true,
              credentials: [],
            },
            { id: randomUUID(), email: 'off@jq.example', createdTimestamp: created, enabled: false },
          ],
        },
      };
      for (const [name, text] of Object.entries(exported))
        writeFileSync(join(folder, name), JSON.stringify(text));

      const page = pages.find(({ path }) => path === 'docs/guides/import.md') as Page;
      const commands = page.blocks
        .filter(({ language, text }) => language === 'console' && text.startsWith('jq '))
        .flatMap(({ text }) => text.split('\n'));
      const [firebase] = /^LATCHKEY_FIREBASE_SCRYPT='.*'/m.exec(page.text) ?? [];
      const printed: string[] = [];
      for (const command of commands) {
        const takeOver = `${firebase} node dist/cli/latchkey.cjs users import users.ndjson`;
        printed.push(await run('bash', ['-euc', `${command}\n${takeOver}`]));
      }
      expect(printed).toEqual([
        'Created 2 accounts; 0 were there already; refused 0 lines.\n',
        'Created 3 accounts; 0 were there already; refused 0 lines.\n',
      ]);
      const stdout = await run(process.execPath, [
        'dist/cli/latchkey.cjs',
        ...['users', 'export', '--with-password-hashes'],
      ]);
      const accounts = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .filter(({ email }) => email.endsWith('@jq.example'));
      const kinds = accounts.map(({ email, disabled, passwordHash }) => [
        email,
        disabled,
        passwordHash?.split('$')[1] ?? null,
      ]);
      expect(kinds.sort()).toEqual([
        ['fred@jq.example', false, 'firebase-scrypt'],
        ['google@jq.example', false, null],
        ['kim@jq.example', false, 'argon2id'],
        ['none@jq.example', false, null],
        ['off@jq.example', true, null],
      ]);
    },
    PATIENCE_MS,
  );
});

/** The server of a page, with the settings that the page starts it with. */
async function start(settings: Readonly<Record<string, string>>): Promise<Ports> {
  const ports = await freePorts();
  const child = spawn(process.execPath, ['dist/cli/latchkey.cjs', 'serve'], {
    cwd: folder,
    env: {
      ...cleanEnvironment(),
      ...settings,
      PORT: String(ports.server),
      ...(settings.LATCHKEY_METRICS_PORT && { LATCHKEY_METRICS_PORT: String(ports.metrics) }),
    },
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true,
  });
  running = child;
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`The server ended with ${child.exitCode}`);
    const ready = await fetch(`http://localhost:${ports.server}/readyz`).catch(() => undefined);
    return ready?.ok || undefined;
  });
  return ports;
}

async function stop(): Promise<void> {
  const child = running;
  running = undefined;
  if (child === undefined || child.exitCode !== null) return;
  const closed = once(child, 'close');
  killGroup(child, 'SIGTERM');
  await closed;
}

interface Ports {
  readonly server: number;
  readonly api: number;
  readonly metrics: number;
}

async function freePorts(): Promise<Ports> {
  const [server = 0, api = 0, metrics = 0] = await Promise.all([freePort(), freePort(), freePort()]);
  return { server, api, metrics };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}

/** The ports that pages name, as those that are free here. */
function translate(text: string, { server, api, metrics }: Ports): string {
  return text
    .replace(/\b4000\b/g, String(server))
    .replace(/\b4001\b/g, String(api))
    .replace(/\b9464\b/g, String(metrics));
}

async function run(command: string, args: string[]): Promise<string> {
  return (await promisify(execFile)(command, args, { cwd: folder, env: cleanEnvironment() })).stdout;
}

/** What a script printed; what it left in the background ends with it. @throws Error when it fails. */
async function runScript(script: string): Promise<string> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder,
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      printed[name] += text;
    });
  const closed = once(child, 'close');
  const overdue = setTimeout(() => killGroup(child, 'SIGKILL'), PATIENCE_MS / 2);
  const [exitCode] = await once(child, 'exit');
  clearTimeout(overdue);
  killGroup(child, 'SIGTERM');
  await closed;
  if (exitCode !== 0) throw new Error(`It ended with ${exitCode}: ${printed.stdout}${printed.stderr}`);
  return printed.stdout;
}

/** Ends a process and those that it began; there may be none left. */
function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Every `sh` block of a page but those that start the server, and the output that follows it. */
function stepsOf({ blocks }: Page): Step[] {
  return blocks.flatMap((block, index) => {
    if (block.language !== 'sh' || isStart(block)) return [];
    const next = blocks[index + 1];
    return [{ command: block.text, output: next?.language === 'text' ? next.text : '' }];
  });
}

/** What a page sets in front of `npm start`, as in `LATCHKEY_MAGIC_LINKS=on npm start`. */
function settingsOf({ blocks }: Page): Record<string, string> {
  const [text = ''] = blocks.filter(isStart).map((block) => block.text);
  return Object.fromEntries([...text.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value]));
}

function isStart({ language, text }: Block): boolean {
  return language === 'sh' && /^(npm ci\n)?([A-Z_]+=\S+ )*npm start$/.test(text);
}

function isThere(command: string, argument: string): boolean {
  return spawnSync(command, [argument], { env: cleanEnvironment() }).status === 0;
}

function skip(reason: string): typeof it.skip {
  console.warn(`Skipped: ${reason}.`);
  return it.skip;
}

/** `…` stands for what differs from run to run; alone on a line, for any number of lines. */
function pattern(output: string): RegExp {
  const escaped = output.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/^…$/gm, '[^]+').replaceAll('…', '.+')}$`);
}
