import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { describe } from '@jest/globals';
import { cleanEnvironment } from './server-process.ts';
import { until } from './until.ts';

/** Where Debian's package `chromium` puts it. */
const EXECUTABLE = '/usr/bin/chromium';

export const isChromiumInstalled = existsSync(EXECUTABLE);

/** A suite that drives Chromium. It is skipped where there is none, and its name says so. */
export function describeInChromium(subject: string, suite: () => void): void {
  if (isChromiumInstalled) describe(subject, suite);
  else describe.skip(`${subject} (skipped: no Chromium; apt-get install chromium)`, suite);
}

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

const KEY_CODES = { Tab: 9, Enter: 13 } as const;

// biome-ignore lint/suspicious/noExplicitAny: the DevTools protocol answers what the method says
type Result = any;

/** What a tab is like, and what becomes of the requests of its pages. */
export interface TabOptions {
  /** CSS pixels. */
  readonly width?: number;
  readonly colorScheme?: 'light' | 'dark';
  readonly runsScripts?: boolean;
  /** What answers a request to another host: a script, a page, an error, or nothing for as long as the tab is open. */
  readonly elsewhere?: (
    url: string,
  ) => { readonly type: string; readonly body: string } | 'error' | 'silence';
}

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
  const listeners = new Map<string, (method: string, params: Result) => void>();
  let lastId = 0;
  let buffered = '';

  events.setEncoding('utf8').on('data', (chunk: string) => {
    const messages = (buffered + chunk).split('\0');
    buffered = messages.pop() ?? '';
    for (const message of messages) receive(JSON.parse(message));
  });

  function receive({ id, result, error, method, params, sessionId }: Result): void {
    if (method !== undefined) listeners.get(sessionId)?.(method, params);
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
    async open(url: string, options: TabOptions = {}) {
      const { targetId } = await command('Target.createTarget', { url: 'about:blank' });
      const { sessionId } = await command('Target.attachToTarget', { targetId, flatten: true });
      const tell = (method: string, params: object = {}): Promise<Result> =>
        command(method, params, sessionId);
      /** Addresses that the pages of the tab asked for. */
      const requests: string[] = [];
      /** What Chromium and the pages wrote to the console as errors, refusals of a policy among them. */
      const complaints: string[] = [];

      listeners.set(sessionId, (method, params) => {
        if (method === 'Network.requestWillBeSent') requests.push(params.request.url);
        if (method === 'Log.entryAdded' && params.entry.level === 'error')
          complaints.push(`${params.entry.text} ${params.entry.url ?? ''}`);
        if (method === 'Runtime.exceptionThrown')
          complaints.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
        // A tab that was closed meanwhile takes no answer.
        if (method === 'Fetch.requestPaused') answerElsewhere(params).catch(() => {});
      });

      async function answerElsewhere({ requestId, request }: Result): Promise<void> {
        const answer = options.elsewhere?.(request.url) ?? 'error';
        if (answer === 'silence') return;
        if (answer === 'error')
          return tell('Fetch.failRequest', { requestId, errorReason: 'NameNotResolved' });
        const responseHeaders = [
          { name: 'content-type', value: answer.type },
          { name: 'access-control-allow-origin', value: '*' },
        ];
        const body = Buffer.from(answer.body).toString('base64');
        return tell('Fetch.fulfillRequest', { requestId, responseCode: 200, responseHeaders, body });
      }

      for (const domain of ['Page', 'Network', 'Log', 'Runtime']) await tell(`${domain}.enable`);
      if (options.elsewhere !== undefined)
        await tell('Fetch.enable', { patterns: [{ urlPattern: 'https://*' }] });
      if (options.runsScripts === false) await tell('Emulation.setScriptExecutionDisabled', { value: true });
      await tell('Emulation.setDeviceMetricsOverride', {
        ...{ width: options.width ?? 1280, height: 900, deviceScaleFactor: 1, mobile: false },
      });
      await tell('Emulation.setEmulatedMedia', {
        features: [{ name: 'prefers-color-scheme', value: options.colorScheme ?? 'light' }],
      });

      async function run(expression: string): Promise<Result> {
        const evaluation = { expression, awaitPromise: true, returnByValue: true };
        const { result, exceptionDetails } = await tell('Runtime.evaluate', evaluation);
        if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? 'it threw');
        return result.value;
      }

      /** Runs an expression in the page; undefined while the tab leaves one page for another. */
      async function look(expression: string): Promise<Result> {
        return run(expression).catch((error: Error) => {
          if (!error.message.includes('navigated or closed')) throw error;
        });
      }

      async function untilLoaded(navigation: () => Promise<unknown>): Promise<void> {
        const loaded = new Promise<void>((resolve) => loads.set(sessionId, resolve));
        await navigation();
        await loaded;
      }

      const go = (address: string) => tell('Page.navigate', { url: address });
      const visit = (address: string) => untilLoaded(() => go(address));
      await visit(url);
      return {
        visit,
        /** Leads to another page, and does not wait until all of it is there. */
        go,
        /** Runs an expression in the page; what it, or its promise, comes to. */
        run,
        look,
        /** Runs an expression that leads to another page, and waits for that one. */
        leave: (expression: string) => untilLoaded(() => run(expression)),
        /** What an expression comes to, once that is anything but null, undefined and false. */
        until: (expression: string): Promise<Result> =>
          until(async () => (await look(expression)) || undefined),
        /** Gives the tab a command of the DevTools protocol. */
        tell,
        requests,
        complaints,
        /**
         * Gives the tab an authenticator of passkeys, which is present and has verified its user unless the options say
         * otherwise, and how to tell it more (`WebAuthn` of the DevTools protocol).
         */
        async addAuthenticator(options: object = {}) {
          await tell('WebAuthn.enable', { enableUI: false });
          const { authenticatorId } = await tell('WebAuthn.addVirtualAuthenticator', {
            options: {
              ...{ protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true },
              ...{ hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
              ...options,
            },
          });
          return (method: string, params: object = {}): Promise<Result> =>
            tell(`WebAuthn.${method}`, { authenticatorId, ...params });
        },
        /** Presses a key, as `Tab` or `Enter`, with the control key or without. */
        async press(key: keyof typeof KEY_CODES, { control = false } = {}) {
          const stroke = {
            key,
            code: key,
            windowsVirtualKeyCode: KEY_CODES[key],
            modifiers: control ? 2 : 0,
          };
          // Without its text it would not press a button.
          const text = key === 'Enter' && !control ? { text: '\r' } : {};
          await tell('Input.dispatchKeyEvent', { type: 'keyDown', ...stroke, ...text });
          await tell('Input.dispatchKeyEvent', { type: 'keyUp', ...stroke });
        },
        /** Clicks into the middle of an element, as a mouse does. */
        async click(selector: string) {
          const { x, y } = await run(`(() => {
            const element = document.querySelector(${JSON.stringify(selector)});
            element.scrollIntoView({ block: 'center' });
            const { left, top, width, height } = element.getBoundingClientRect();
            return { x: left + width / 2, y: top + height / 2 };
          })()`);
          for (const type of ['mousePressed', 'mouseReleased'])
            await tell('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 });
        },
        close: (): Promise<void> => command('Target.closeTarget', { targetId }),
        /** The whole page as a PNG. */
        async picture(): Promise<Buffer> {
          const shot = { format: 'png', captureBeyondViewport: true };
          return Buffer.from((await tell('Page.captureScreenshot', shot)).data, 'base64');
        },
      };
    },

    /** Lets pages of an origin write to the clipboard, and scripts that are run in them read it. */
    grantClipboard: (origin: string): Promise<void> =>
      command('Browser.grantPermissions', {
        origin,
        permissions: ['clipboardReadWrite', 'clipboardSanitizedWrite'],
      }),

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
