import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from '@jest/globals';
import { cleanEnvironment } from './server-process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What an install and a build leave behind. */
const MADE = /\/(node_modules|build|\.svelte-kit|\.next|next-env\.d\.ts)(\/|$)/;

const run = promisify(execFile);

/** The examples that have a manifest of their own and depend on one of the packages. */
export function examplesOf(dependency: string): string[] {
  return readdirSync(join(ROOT, 'examples')).filter((name) => {
    const manifest = join(ROOT, 'examples', name, 'package.json');
    return existsSync(manifest) && dependency in JSON.parse(readFileSync(manifest, 'utf8')).dependencies;
  });
}

/** A folder where examples are installed and run, as a reader of this repository would. */
export function makeWorkshop() {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-examples-'));

  return {
    folder,

    /** A package as a build leaves it, beside the copies of the examples. */
    async buildPackage(name: string): Promise<void> {
      const source = join(ROOT, 'packages', name);
      const target = join(folder, 'packages', name);
      for (const file of ['package.json', 'README.md', 'LICENSE'])
        cpSync(join(source, file), join(target, file), { recursive: true });
      await compile('-p', source, '--outDir', join(target, 'dist'));
    },

    /** Installs a copy of an example, and checks its types. */
    async install(name: string, ...options: readonly string[]): Promise<string> {
      const source = join(ROOT, 'examples', name);
      const copy = join(folder, 'examples', name);
      cpSync(source, copy, { recursive: true, filter: (path) => !MADE.test(path.slice(source.length)) });
      const args = ['ci', '--prefer-offline', '--no-audit', '--no-fund', ...options];
      const { stderr } = await run('npm', args, { cwd: copy, env: cleanEnvironment() });
      expect(stderr).toBe('');
      await compile('-p', copy);
      return copy;
    },

    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Runs one script of an example to its end. */
export async function runScript(cwd: string, name: string): Promise<void> {
  await run('npm', ['run', '--silent', name], { cwd, env: cleanEnvironment() });
}

/** Starts an example, which says where it listens. */
export async function startExample(
  cwd: string,
  { args = [], env = {} }: { args?: readonly string[]; env?: Readonly<Record<string, string>> },
) {
  const child = spawn('npm', ['start', '--silent', '--', ...args], {
    cwd,
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const closed = once(child, 'close');
  let complaints = '';
  child.stderr.on('data', (text: Buffer) => {
    complaints += text;
  });
  for await (const line of createInterface(child.stdout)) {
    const [, url] = /^(?:The \w+ listens|Listening) on (http:\S+)$/.exec(line) ?? [];
    if (url === undefined) continue;
    const stop = async () => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
      await closed;
    };
    return { url, stop, complaints: () => complaints };
  }
  throw new Error(`It ended before it listened: ${complaints}`);
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return Object(address).port;
}

async function compile(...args: string[]): Promise<void> {
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout } = await run(process.execPath, [compiler, ...args], { env: cleanEnvironment() }).catch(
    ({ stdout }) => ({ stdout }),
  );
  expect(stdout).toBe('');
}
