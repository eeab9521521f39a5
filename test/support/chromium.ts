import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { cleanEnvironment } from './server-process.ts';

/** Where Debian's package `chromium` puts it. */
const EXECUTABLE = '/usr/bin/chromium';

export const isChromiumInstalled = existsSync(EXECUTABLE);

/** It talks to this machine only, keeps nothing, and runs as root, which is what a container has. */
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
  '--remote-debugging-pipe',
];

// biome-ignore lint/suspicious/noExplicitAny: the DevTools protocol answers what the method says
type Result = any;

export type Page = Awaited<ReturnType<Chromium['open']>>;
export type Chromium = Awaited<ReturnType<typeof startChromium>>;

/**
 * A headless Chromium with an empty profile, driven over a pipe by the DevTools protocol: messages of JSON, each
 * ended by a NUL.
 */
export async function startChromium() {
  const profile = await mkdtemp(join(tmpdir(), 'latchkey-chromium-'));
  const child = spawn(EXECUTABLE, [...ARGUMENTS, `--user-data-dir=${profile}`], {
    env: { ...cleanEnvironment(), HOME: profile },
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const [, , , commands, events] = child.stdio as unknown as [null, null, null, Writable, Readable];
  const answers = new Map<number, { resolve(result: Result): void; reject(error: Error): void }>();
  const loads = new Map<string, () => void>();
  let lastId = 0;
  let buffered = '';

  events.setEncoding('utf8').on('data', (chunk: string) => {
    const messages = (buffered + chunk).split('\0');
    buffered = messages.pop() ?? '';
    for (const message of messages) receive(JSON.parse(message));
  });

  function receive({ id, result, error, method, sessionId }: Result): void {
    if (method === 'Page.loadEventFired') loads.get(sessionId)?.();
    if (error) answers.get(id)?.reject(new Error(error.message));
    else answers.get(id)?.resolve(result);
    answers.delete(id);
  }

  function command(method: string, params: object = {}, sessionId?: string): Promise<Result> {
    lastId += 1;
    commands.write(`${JSON.stringify({ id: lastId, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => answers.set(lastId, { resolve, reject }));
  }

  return {
    /** A new tab of one profile, with the page loaded. */
    async open(url: string) {
      const { targetId } = await command('Target.createTarget', { url: 'about:blank' });
      const { sessionId } = await command('Target.attachToTarget', { targetId, flatten: true });
      await command('Page.enable', {}, sessionId);

      async function run(expression: string): Promise<Result> {
        const options = { expression, awaitPromise: true, returnByValue: true };
        const { result, exceptionDetails } = await command('Runtime.evaluate', options, sessionId);
        if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? 'it threw');
        return result.value;
      }

      async function untilLoaded(navigation: () => Promise<unknown>): Promise<void> {
        const loaded = new Promise<void>((resolve) => loads.set(sessionId, resolve));
        await navigation();
        await loaded;
      }

      const visit = (address: string) =>
        untilLoaded(() => command('Page.navigate', { url: address }, sessionId));
      await visit(url);
      return {
        visit,
        /** Runs an expression in the page; what it, or its promise, comes to. */
        run,
        /** Runs an expression that leads to another page, and waits for that one. */
        leave: (expression: string) => untilLoaded(() => run(expression)),
      };
    },

    /** Everything in the profile, with its flags. */
    cookies: async (): Promise<Result[]> => (await command('Storage.getCookies')).cookies,

    clearCookies: (): Promise<void> => command('Storage.clearCookies'),

    async stop(): Promise<void> {
      child.kill('SIGKILL');
      await exited;
      await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}
