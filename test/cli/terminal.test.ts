import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { cleanEnvironment } from '../support/server-process.ts';
import { useBuild, useCleanups } from '../support/setup.ts';

const build = useBuild();
const cleanups = useCleanups();
/** Starting a process is slow where cores are few; nothing here is about how slow. */
const PATIENCE_MS = 120_000;
/** A server that is still to print something does so sooner. */
const SILENCE_MS = 30_000;
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

/** The server in a terminal of 80 columns, in a folder of its own. */
function startInTerminal(environment: Record<string, string> = {}) {
  const cwd = realpathSync(mkdtempSync(join(tmpdir(), 'latchkey-terminal-')));
  const command = `stty cols 80; exec '${process.execPath}' '${build.cli}' serve`;
  const child = spawn('script', ['-qfec', command, '/dev/null'], {
    cwd,
    env: { ...cleanEnvironment(), TERM: 'xterm-256color', PORT: '0', ...environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += stripVTControlCharacters(more).replaceAll('\r', '');
  });
  const closed = once(child, 'close').then(([exitCode]) => exitCode as number);
  cleanups.push(async () => {
    child.kill('SIGKILL');
    await closed;
    rmSync(cwd, { recursive: true, force: true });
  });

  async function printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(text);
      if (match !== null) return match;
      const next = await Promise.race([
        once(child.stdout, 'data'),
        closed,
        pause(SILENCE_MS, 'silence' as const, { ref: false }),
      ]);
      if (next === 'silence') throw new Error(`It says no more: ${text}`);
      if (typeof next === 'number' && !pattern.test(text)) throw new Error(`It ended with ${next}: ${text}`);
    }
  }

  return {
    cwd,
    printed,
    closed,
    lines: () => text.split('\n'),
    text: () => text,
    /** Ctrl-C. */
    async interrupt(): Promise<number> {
      child.stdin.write('\u0003');
      return closed;
    },
  };
}

describe('serving in a terminal', () => {
  it(
    'a server in a terminal first prints where everything is, and no warning if nothing is wrong',
    async () => {
      const server = startInTerminal();
      const [, port = ''] = await server.printed(
        /GraphQL +http:\/\/localhost:(\d+)\/graphql\n.*Ctrl-C.*\n\n/s,
      );
      const address = `http://localhost:${port}`;
      const text = server.text().replace(/ready in \d+ ms/, 'ready in N ms');
      expect(text.replace(/lko_[\w-]{43}$/m, 'lko_…')).toBe(
        [
          '',
          `  Latchkey ${version}, development mode, ready in N ms`,
          '',
          `  Start page   ${address}/`,
          `  Account      ${address}/account`,
          `  First admin  ${address}/account/first-administrator#token=lko_…`,
          `  GraphQL      ${address}/graphql`,
          `  GraphiQL     ${address}/graphiql`,
          `  Mail         ${address}/dev/mail`,
          `  Key set      ${address}/.well-known/jwks.json`,
          `  Database     ${server.cwd}/data/latchkey.db (made now, 0 accounts)`,
          `  Secret       ${server.cwd}/data/secret`,
          '  Throttles    milder than in production',
          '',
          '  Next: open the start page and register the first account. Ctrl-C ends the server.',
          '',
          '',
        ].join('\n'),
      );
      for (const path of ['/', '/graphql', '/graphiql', '/dev/mail', '/.well-known/jwks.json']) {
        const { status } = await fetch(`${address}${path}`, { headers: { accept: 'text/html, */*' } });
        expect({ path, status }).toEqual({ path, status: 200 });
      }
      expect(await server.interrupt()).toBe(0);
    },
    PATIENCE_MS,
  );

  it.each(['1', '2'])(
    'a server of %s processes prints one line for each request in a terminal',
    async (workers) => {
      const server = startInTerminal({ LATCHKEY_WORKERS: workers });
      const [, url = ''] = await server.printed(/GraphQL +(http:\S+)\n.*Ctrl-C.*\n\n/s);
      const before = server.lines().length;
      const ask = (query: string) =>
        fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ query }),
        });
      await ask('query Type { __typename }');
      await ask('{ me { id } }');
      await server.printed(/UNAUTHENTICATED/);
      await server.printed(/ Type OK .*\n/);
      const lines = server
        .lines()
        .slice(before - 1, -1)
        .sort();
      expect(lines).toEqual([
        expect.stringMatching(/^POST \/graphql 200 Type OK [\d.]+ ms$/),
        expect.stringMatching(/^POST \/graphql 200 UNAUTHENTICATED [\d.]+ ms$/),
      ]);
      expect(await server.interrupt()).toBe(0);
    },
    PATIENCE_MS,
  );

  it(
    'a server in a terminal prints how many accounts an existing database has',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'latchkey-accounts-'));
      cleanups.push(() => rmSync(folder, { recursive: true }));
      const environment = { DATABASE_URL: `file:${folder}/kept.db` };
      const args = [build.cli, 'users', 'create', 'ada@example.com', '--password-stdin'];
      const input = 'correct horse battery staple';
      const created = spawnSync(process.execPath, args, {
        env: { ...cleanEnvironment(), ...environment },
        input,
      });
      expect(created.status).toBe(0);

      const server = startInTerminal({ ...environment, LATCHKEY_THROTTLES: 'off' });
      await server.printed(/Ctrl-C/);
      expect(server.text()).toContain(`  Database    ${folder}/kept.db (1 account)\n`);
      expect(server.text()).toMatch(/^ {2}Throttles +off$/m);
      expect(server.text()).toMatch(/^ {2}Next: open the start page\. /m);
      expect(await server.interrupt()).toBe(0);
    },
    PATIENCE_MS,
  );

  it(
    'a server in production writes one line of JSON for each event, in a terminal too',
    async () => {
      const server = startInTerminal({
        NODE_ENV: 'production',
        LATCHKEY_ISSUER: 'https://id.example.com',
        LATCHKEY_SECRET: randomBytes(32).toString('hex'),
      });
      await server.printed(/JWKS: .*\n/);
      for (const line of server.lines().slice(0, -1)) expect(JSON.parse(line)).toHaveProperty('msg');
      expect(await server.interrupt()).toBe(0);
    },
    PATIENCE_MS,
  );

  it(
    'a server that finds its port taken says so in a sentence that ends with what to do',
    async () => {
      const occupant = createServer().listen(0, '127.0.0.1');
      await once(occupant, 'listening');
      cleanups.push(() => occupant.close());
      const { port } = occupant.address() as AddressInfo;
      const server = startInTerminal({ PORT: String(port) });
      expect(await server.closed).toBe(1);
      const [line, ...more] = server.lines();
      expect(line).toMatch(
        new RegExp(`FATAL: Another program listens at 127\\.0\\.0\\.1:${port}: end it, or set another PORT`),
      );
      expect(more).toEqual(['']);
    },
    PATIENCE_MS,
  );

  it.each(['0', '4000'])(
    'a server that cannot resolve its HOST says so in a sentence, on port %s',
    async (PORT) => {
      const server = startInTerminal({ NODE_ENV: 'development', HOST: 'nowhere.invalid', PORT });
      expect(await server.closed).toBe(1);
      expect(server.text()).toMatch(/nowhere\.invalid is no name of this machine: correct HOST\.\n$/);
      expect(server.text()).not.toMatch(/Error|\n {4}at /);
    },
    PATIENCE_MS,
  );
});
