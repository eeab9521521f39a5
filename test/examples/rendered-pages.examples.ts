/*
 * `npm run test:examples`: each app of examples/ that renders pages on its server, installed as a reader would install
 * it and run beside a real server.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Database from 'better-sqlite3';
import { registerAccount } from '../support/accounts.ts';
import { examplesOf, freePort, makeWorkshop, runScript, startExample } from '../support/examples.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { useBuild } from '../support/setup.ts';

const PATIENCE_MS = 180_000;
const RENDERS = 20;
const PASSWORD = 'correct horse battery staple';
const ACCESS = '__Host-session-access';
const REFRESH = '__Host-session-refresh';

const build = useBuild();
const { folder, buildPackage, install, remove } = makeWorkshop();
let server: ServerProcess;

beforeAll(async () => {
  await buildPackage('client');
  server = await startServerProcess([process.execPath, build.cli, 'serve'], {
    cwd: folder,
    env: { LATCHKEY_TRUST_PROXY: '127.0.0.1' },
  });
}, PATIENCE_MS);
afterAll(async () => {
  await server?.stop();
  remove();
}, PATIENCE_MS);

it('there are the three examples of rendered pages', () => {
  expect(examplesOf('@latchkey/client')).toEqual(['nextjs', 'ssr-node', 'sveltekit']);
});

// Next.js comes without its compiler, which is larger than all of this project.
it(
  'the types of examples/nextjs fit',
  async () => {
    await install('nextjs', '--omit=optional');
  },
  PATIENCE_MS,
);

describe.each(['ssr-node', 'sveltekit'])('examples/%s', (name) => {
  let app: Awaited<ReturnType<typeof startExample>>;

  beforeAll(async () => {
    const copy = await install(name);
    if (name === 'sveltekit') await runScript(copy, 'build');
    const port = String(await freePort());
    const home = `http://localhost:${port}`;
    app = await startExample(copy, {
      env: { PORT: port, HOST: '127.0.0.1', ORIGIN: home, LATCHKEY_URL: server.url },
    });
  }, PATIENCE_MS);
  afterAll(() => app?.stop(), PATIENCE_MS);

  it(`${name} signs a visitor in, keeps 20 renders at once signed in when the token has expired, and signs out`, async () => {
    const { email } = await registerAccount(server.url);
    const browser = openBrowser(app.url);
    expect(await browser.get('/')).toMatchObject({
      status: 200,
      text: expect.stringContaining('Hello, stranger'),
    });
    expect(await browser.get('/account')).toMatchObject({ status: 303, location: '/login' });

    const entered = await browser.post('/login', { email, password: PASSWORD });
    expect(entered).toMatchObject({ status: 303, location: '/account' });
    expect([...browser.jar.keys()]).toEqual(expect.arrayContaining([ACCESS, REFRESH]));
    for (const line of entered.cookies)
      expect(line).toMatch(/^__Host-[^;]+; Path=\/; Max-Age=\d+; Secure; HttpOnly; SameSite=Lax$/);
    expect((await browser.get('/')).text).toContain(`Hello, ${email}`);
    expect((await browser.get('/account')).text).toContain(`The account of ${email}`);

    // As a browser drops the cookie at the end of its life.
    browser.jar.delete(ACCESS);
    const spent = browser.jar.get(REFRESH);
    const before = { ...generations() };
    const renders = await Promise.all(Array.from({ length: RENDERS }, () => browser.get('/account')));
    for (const { status, text } of renders) {
      expect(status).toBe(200);
      expect(text).toContain(`The account of ${email}`);
    }
    const successors = renders.flatMap(({ cookies }) => cookies.filter((line) => line.startsWith(REFRESH)));
    expect(successors).toHaveLength(RENDERS);
    expect(new Set(successors).size).toBe(1);
    expect(browser.jar.get(REFRESH)).not.toBe(spent);
    expect(rotatedSince(before)).toEqual([1]);
    expect((await browser.get('/')).text).toContain(`Hello, ${email}`);

    expect(await browser.post('/logout', {})).toMatchObject({ status: 303, location: '/' });
    expect([...browser.jar.keys()].filter((cookie) => cookie === ACCESS || cookie === REFRESH)).toEqual([]);
    expect((await browser.get('/')).text).toContain('Hello, stranger');
    browser.jar.set(REFRESH, spent ?? '');
    expect((await browser.get('/account')).location).toBe('/login');
  });

  it(`${name} shows the form again after a wrong password, and signs nobody in from another site`, async () => {
    const { email } = await registerAccount(server.url);
    const browser = openBrowser(app.url);
    const wrong = await browser.post('/login', { email, password: 'wrong' });
    expect(wrong.status).toBe(401);
    expect(wrong.text).toContain('Wrong address or password.');

    const foreign = await browser.post('/login', { email, password: PASSWORD }, 'https://evil.example');
    expect(foreign.status).toBe(403);
    expect([...browser.jar.keys()]).toEqual([]);
  });

  it(`${name} signs nobody out while the server cannot be reached`, async () => {
    const { email } = await registerAccount(server.url);
    const port = String(await freePort());
    // Nothing listens there.
    const away = await startExample(join(folder, 'examples', name), {
      env: {
        PORT: port,
        HOST: '127.0.0.1',
        ORIGIN: `http://localhost:${port}`,
        LATCHKEY_URL: `http://127.0.0.1:${await freePort()}/graphql`,
      },
    });
    try {
      const browser = openBrowser(app.url);
      await browser.post('/login', { email, password: PASSWORD });
      const kept = [...browser.jar];
      const visit = openBrowser(away.url, browser.jar);
      expect(await visit.get('/account')).toMatchObject({ status: 503, cookies: [] });
      expect([...browser.jar]).toEqual(kept);
      expect((await browser.get('/account')).text).toContain(`The account of ${email}`);
    } finally {
      await away.stop();
    }
  });

  it(`${name} complains of nothing`, () => {
    expect(app.complaints()).toBe('');
  });
});

/** A browser as far as cookies, forms and redirects go. */
function openBrowser(url: string, jar = new Map<string, string>()) {
  // By its name, as a reader opens it. Cookies of one host know no ports.
  const home = url.replace('127.0.0.1', 'localhost');

  async function ask(path: string, init: RequestInit = {}) {
    const cookie = [...jar].map((pair) => pair.join('=')).join('; ');
    const headers = {
      accept: 'text/html',
      ...(init.headers as Record<string, string>),
      ...(cookie && { cookie }),
    };
    const response = await fetch(new URL(path, home), { ...init, headers, redirect: 'manual' });
    // Each answer is for its visitor alone. A framework refuses a foreign form by itself, and says nothing of anybody.
    if (response.status !== 403)
      expect([path, response.headers.get('cache-control')]).toEqual([path, 'private, no-store']);
    const cookies = response.headers.getSetCookie();
    for (const line of cookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') jar.delete(name);
      else jar.set(name, value);
    }
    return {
      status: response.status,
      location: response.headers.get('location'),
      text: await response.text(),
      cookies,
    };
  }

  return {
    jar,
    get: (path: string) => ask(path),
    post: (path: string, form: Record<string, string>, origin = home) =>
      ask(path, { method: 'POST', headers: { origin }, body: new URLSearchParams(form) }),
  };
}

/** How often each session was refreshed. */
function generations(): Record<string, number> {
  const database = new Database(join(folder, 'data/latchkey.db'), { readonly: true });
  const rows = database.prepare('SELECT id, generation FROM sessions').all() as {
    id: string;
    generation: number;
  }[];
  database.close();
  return Object.fromEntries(rows.map(({ id, generation }) => [id, generation]));
}

function rotatedSince(before: Readonly<Record<string, number>>): number[] {
  return Object.entries(generations())
    .map(([id, generation]) => generation - (before[id] ?? 0))
    .filter((count) => count !== 0);
}
