import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import axe from 'axe-core';
import type { Config } from '../../../src/config/config.ts';
import { freePort } from '../../faults/support/server.ts';
import {
  type Chromium,
  describeInChromium,
  type Page,
  startChromium,
  type TabOptions,
} from '../../support/chromium.ts';
import { REQUEST_VERIFICATION, register, VERIFY_EMAIL } from '../../support/documents.ts';
import { lettersTo } from '../../support/letters.ts';
import { createFrozenClock, PASSWORD, startApp, type TestApp } from '../../support/start-app.ts';

export const PATIENCE_MS = 60_000;
export const EMAIL = 'ada@example.com';
export const NEW_PASSWORD = 'staple battery horse correct';

/** What a person at the keyboard does, and a script in the page can do as well. A dialog is above the page. */
const HANDS = `
globalThis.shown = () => [...document.querySelectorAll('dialog[open]')].at(-1) ?? document;
globalThis.byLabel = (label) => {
  const found = [...shown().querySelectorAll('label')].find(({ textContent }) => textContent.trim().startsWith(label));
  return found && document.getElementById(found.htmlFor);
};
globalThis.byText = (selector, text) =>
  [...shown().querySelectorAll(selector)].find(
    (element) => (element.ariaLabel ?? element.textContent).trim() === text,
  );
globalThis.type = (label, value) => {
  const input = byLabel(label);
  input.value = value;
  input.dispatchEvent(new Event('input', { bubbles: true }));
};
`;

/** Widths and colour schemes that each page is looked at in. */
export const VIEWS = [
  ['light', 320],
  ['dark', 320],
  ['light', 768],
  ['light', 1280],
  ['dark', 1280],
] as const;

export type Tab = Awaited<ReturnType<AccountPages['open']>>;
interface StartOptions {
  readonly onRequest?: (body: string) => Promise<void>;
  /** One that is known before the start. */
  readonly port?: number;
  /** The time of the server when it starts, in ms since 1970. */
  readonly now?: number;
  /** Other origins that people are led to. */
  readonly elsewhere?: readonly string[];
}

export type AccountPages = ReturnType<typeof createAccountPages>;

/** A suite that drives the pages in Chromium. After each test, no page may have failed or asked another host. */
export function describePages(subject: string, suite: (pages: AccountPages) => void): void {
  describeInChromium(`${subject} in Chromium`, () => {
    const pages = createAccountPages();
    beforeAll(pages.startChromium, PATIENCE_MS);
    afterEach(pages.stopApp, PATIENCE_MS);
    afterAll(pages.stopChromium, PATIENCE_MS);
    suite(pages);
  });
}

function createAccountPages() {
  let chromium: Chromium;
  let app: TestApp;
  let account: string;
  const pages: Page[] = [];
  let origins: readonly string[] = [];

  async function stopApp(): Promise<void> {
    // Nothing failed in a page, and no page asked another host.
    const faults = pages.splice(0).flatMap(({ complaints, requests }) => [
      // A refusal of the server is no fault of the page.
      ...complaints.filter((text) => !/^Failed to load resource: .* status of 4/.test(text)),
      ...requests.filter(
        (url) => !/^(http:\/\/localhost:|data:)/.test(url) && !origins.includes(new URL(url).origin),
      ),
    ]);
    await chromium.clearCookies();
    // Chromium holds sockets ready that the server would wait for.
    app?.server.server.closeAllConnections();
    await app?.stop();
    expect(faults).toEqual([]);
  }

  async function start(
    config: Partial<Config> = {},
    { onRequest, port: wanted, now = Date.now(), elsewhere = [] }: StartOptions = {},
  ): Promise<void> {
    const port = wanted ?? (await freePort());
    origins = elsewhere;
    const issuer = `http://localhost:${port}`;
    account = `${issuer}/account`;
    app = await startApp({
      engine: 'sqlite',
      clock: createFrozenClock(now),
      config: {
        issuer,
        audience: issuer,
        appUrl: account,
        pages: true,
        webauthnRpId: 'localhost',
        webauthnOrigins: [issuer],
        ...config,
      },
    });
    if (onRequest)
      app.server.addHook('preHandler', async ({ body }) => onRequest(JSON.stringify(body ?? '')));
    await app.server.listen({ port, host: '127.0.0.1' });
  }

  async function open(path: string, options?: TabOptions) {
    const page = await chromium.open('about:blank', options);
    pages.push(page);
    await page.tell('Page.addScriptToEvaluateOnNewDocument', { source: HANDS });
    const visit = (address: string) =>
      page.visit(address.startsWith('http') ? address : `${account}/${address}`);
    /** @throws Error that says what the page shows instead. */
    async function until(expression: string): Promise<void> {
      for (let tries = 0; tries < 300; tries += 1) {
        if (await page.look(expression)) return;
        await pause(50);
      }
      throw new Error(`Not so: ${expression}. The page shows: ${await page.run('document.body.innerText')}`);
    }
    await visit(path);
    return {
      ...page,
      visit,
      heading: (text: string) =>
        until(`document.querySelector('h1')?.textContent === ${JSON.stringify(text)}`),
      says: (text: string) => until(`document.body.innerText.includes(${JSON.stringify(text)})`),
      text: () => page.run('document.body.innerText') as Promise<string>,
      async fill(fields: Record<string, string>) {
        for (const [label, value] of Object.entries(fields)) {
          await until(`byLabel(${JSON.stringify(label)}) !== undefined`);
          await page.run(`type(${JSON.stringify(label)}, ${JSON.stringify(value)})`);
        }
      },
      async press(name: string) {
        await until(`byText('button, a, summary', ${JSON.stringify(name)}) !== undefined`);
        await page.run(`byText('button, a, summary', ${JSON.stringify(name)}).click()`);
      },
      key: page.press,
      address: () => page.run('location.href') as Promise<string>,
    };
  }

  /** The newest link of a mail to an address, and no older one than `count` links. */
  async function linkIn(page: string, email = EMAIL): Promise<string> {
    const links = (await lettersTo(app, email)).flatMap(
      ({ text }) => text.match(/^http\S+#token=\S+$/gm) ?? [],
    );
    const link = links.filter((address) => address.startsWith(`${account}/${page}#`)).at(-1);
    if (link === undefined) throw new Error(`no link to ${page} came`);
    return link;
  }

  /** Proves the address of an account that keeps its password. */
  async function verify(): Promise<void> {
    await app.send(REQUEST_VERIFICATION, { input: { email: EMAIL } });
    const { hash } = new URL(await linkIn('verify-email'));
    const token = new URLSearchParams(hash.slice(1)).get('token');
    await app.send(VERIFY_EMAIL, { input: { token, password: PASSWORD } });
  }

  async function signedIn(options?: TabOptions) {
    await register(app, EMAIL);
    const page = await open('sign-in', options);
    await page.fill({ 'Email address': EMAIL, Password: PASSWORD });
    await page.press('Sign in');
    await page.heading('Profile');
    return page;
  }

  /** What is wrong with a page: what axe finds, and whether it is wider than the window. */
  async function faultsOf(page: Tab): Promise<unknown[]> {
    await page.run(`${axe.source}; undefined`);
    const rules = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']";
    const found = await page.run(`axe.run({ runOnly: ${rules} }).then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join()))`);
    const isWide = await page.run('document.documentElement.scrollWidth > innerWidth');
    return [...found, ...(isWide ? ['it is too wide'] : [])];
  }

  return {
    start,
    open,
    linkIn,
    verify,
    signedIn,
    faultsOf,
    /** The server of this test, and the address of its pages. */
    app: () => app,
    account: () => account,
    chromium: () => chromium,
    async startChromium() {
      chromium = await startChromium();
    },
    stopChromium: () => chromium?.stop(),
    stopApp,
  };
}
