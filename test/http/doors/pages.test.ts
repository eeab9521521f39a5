import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import axe from 'axe-core';
import { type Chromium, describeInChromium, type Page, startChromium } from '../../support/chromium.ts';
import { REFRESH, REQUEST_MAGIC_LINK, register } from '../../support/documents.ts';
import { cleanEnvironment } from '../../support/server-process.ts';
import { startApp, type TestApp } from '../../support/start-app.ts';
import { until } from '../../support/until.ts';

// What a page shows, keeps and asks for is known by a browser alone. `.ci/run` installs one.
const WIDTHS = [360, 768, 1280];
const SCHEMES = ['light', 'dark'] as const;
const CDN = 'https://embeddable-sandbox.cdn.apollographql.com/';
const run = promisify(execFile);

describeInChromium('pages of development in Chromium', () => {
  let app: TestApp;
  let chromium: Chromium;
  let origin: string;
  const tabs: Page[] = [];

  beforeAll(async () => {
    app = await startApp({
      engine: 'sqlite',
      // The time of the browser.
      clock: { now: () => Date.now(), travel: () => {} },
      mailer: null,
      config: { cookies: true, magicLinks: true, networkRegistrations: 1_000, networkChecks: 1_000 },
    });
    await app.server.listen({ host: '127.0.0.1', port: 0 });
    origin = `http://localhost:${(app.server.server.address() as AddressInfo).port}`;
    chromium = await startChromium();
    await chromium.grantClipboard(origin);
  }, 60_000);

  afterAll(async () => {
    await chromium?.stop();
    await app?.stop();
  }, 30_000);

  async function open(path: string, options: Parameters<Chromium['open']>[1] = {}): Promise<Page> {
    // A browser opens six connections to a host at most.
    for (const tab of tabs.splice(0)) await tab.close();
    const tab = await chromium.open(origin + path, options);
    tabs.push(tab);
    return tab;
  }

  const text = (page: Page, selector: string): Promise<string> =>
    page.run(`document.querySelector(${JSON.stringify(selector)}).textContent`);

  const untilText = (page: Page, selector: string, part: string): Promise<true> =>
    page.until(
      `document.querySelector(${JSON.stringify(selector)}).textContent.includes(${JSON.stringify(part)})`,
    );

  /** What axe finds wrong with the page as it is now. */
  async function faults(page: Page, rules: object = {}): Promise<string[]> {
    await page.run(`${axe.source}; undefined`);
    return page.run(`axe.run(document, { rules: ${JSON.stringify(rules)} }).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + ' ' + target + ' ' + failureSummary)))`);
  }

  const elsewhere = (page: Page) =>
    page.requests.filter((url) => !url.startsWith(origin) && !url.startsWith('data:'));
  const kept = (page: Page) =>
    page.run('[localStorage.length, sessionStorage.length, document.cookie, location.href]');

  describe('the start page', () => {
    async function registered(options: Parameters<Chromium['open']>[1] = {}): Promise<Page> {
      const page = await open('/', options);
      await page.click('[value="register"]');
      await untilText(page, '#status', 'Registered');
      return page;
    }

    const snippet = async (page: Page, call: string, language: string): Promise<string> => {
      await page.run(`(() => {
        const select = document.querySelector('#call');
        select.value = '${call}';
        select.dispatchEvent(new Event('change'));
      })()`);
      await page.click(`[value="${language}"]`);
      return text(page, '#snippet');
    };

    it('the start page registers, shows who is logged in, refreshes and logs out', async () => {
      const page = await registered();
      const first = await text(page, '#access');
      const claims = JSON.parse(Buffer.from(first.split('.')[1] ?? '', 'base64url').toString());
      expect(await text(page, '#claims')).toContain(claims.sid);
      expect(await text(page, '#time-left')).toMatch(/^It expires in (10:00|9:5\d)\.$/);

      await page.click('[data-call="me"]');
      await untilText(page, '#answer', '"me"');
      expect(await text(page, '#answer')).toContain(await page.run(`document.querySelector('#email').value`));

      await page.click('[data-call="refreshToken"]');
      await untilText(page, '#status', 'Refreshed');
      expect(await text(page, '#access')).not.toBe(first);

      const refreshToken = await text(page, '#refresh');
      await page.click('[data-call="logout"]');
      await untilText(page, '#status', 'Logged out');
      expect(await page.run(`document.querySelector('#tokens').hidden`)).toBe(true);
      const { code } = await app.send(REFRESH, { input: { refreshToken } });
      expect(code).toBe('INVALID_REFRESH_TOKEN');

      await page.click('[value="login"]');
      await untilText(page, '#status', 'Logged in.');
      expect(elsewhere(page)).toEqual([]);
      expect(page.complaints).toEqual([]);
    });

    it('the start page counts down the time of the access token, and says when it has expired', async () => {
      const page = await registered();
      await page.run('{ const now = Date.now; Date.now = () => now() + 590_000; }');
      await page.until(
        `/^It expires in 0:(10|0\\d)\\.$/.test(document.querySelector('#time-left').textContent)`,
      );
      await page.run('{ const now = Date.now; Date.now = () => now() + 20_000; }');
      await untilText(page, '#time-left', 'It has expired');
    });

    it('the start page shows the code of a refusal', async () => {
      const page = await open('/');
      await page.click('[value="login"]');
      await untilText(page, '#status', 'INVALID_CREDENTIALS');
      expect(await page.run(`document.querySelector('[data-call="me"]').disabled`)).toBe(true);
    });

    it('the start page keeps no token in a storage, a cookie or a URL', async () => {
      const page = await registered();
      const tokens = [await text(page, '#access'), await text(page, '#refresh')];
      expect(await kept(page)).toEqual([0, 0, '', `${origin}/`]);
      expect(await chromium.cookies()).toEqual([]);
      for (const token of tokens) expect(page.requests.join()).not.toContain(token);
      await page.visit(`${origin}/`);
      expect(await page.run(`document.querySelector('#tokens').hidden`)).toBe(true);
    });

    it.each(['curl', 'typescript'])(
      'the start page shows each of its calls in %s, which runs as it is',
      async (language) => {
        const page = await registered();
        await page.run(`document.querySelector('#password').value += "'; \\u00e9 $HOME \`x\`"`);
        await page.click('[value="curl"]');
        const execute = async (code: string) => {
          const command: [string, string[]] =
            language === 'curl'
              ? ['bash', ['-c', code]]
              : [
                  process.execPath,
                  [
                    '--input-type=module',
                    '-e',
                    code.replace(/console\.log.*/, 'console.log(JSON.stringify({ data, errors }))'),
                  ],
                ];
          const { stdout } = await run(...command, { env: cleanEnvironment() });
          return JSON.parse(stdout);
        };
        const email = await page.run(
          `document.querySelector('#email').value = 'snippet-${language}@example.com'`,
        );
        expect((await execute(await snippet(page, 'register', language))).data.register.auth.expiresIn).toBe(
          600,
        );
        await page.click('[value="login"]');
        await untilText(page, '#status', 'Logged in.');
        expect((await execute(await snippet(page, 'login', language))).data.login.user.email).toBe(email);
        expect((await execute(await snippet(page, 'me', language))).data.me.email).toBe(email);
        const { data } = await execute(await snippet(page, 'refreshToken', language));
        expect(data.refreshToken.refreshToken).toMatch(/^lkr_/);
        expect((await execute(await snippet(page, 'logout', language))).data.logout.revokedSessions).toBe(1);
      },
    );

    it('the start page copies each token and the call with one click', async () => {
      const page = await registered();
      for (const source of ['access', 'refresh', 'snippet']) {
        await page.click(`[data-copy="${source}"]`);
        await untilText(page, `[data-copy="${source}"]`, 'Copied');
        expect(await page.run('navigator.clipboard.readText()')).toBe(await text(page, `#${source}`));
      }
    });

    it('the start page works by keyboard alone, with a visible focus', async () => {
      const page = await open('/');
      await page.run(`document.querySelector('#email').focus()`);
      const seen: string[] = [];
      for (let step = 0; step < 3; step += 1) {
        await page.press('Tab');
        seen.push(await page.run(`document.activeElement.id || document.activeElement.value`));
        expect(await page.run(`getComputedStyle(document.activeElement).outlineStyle`)).toBe('solid');
      }
      expect(seen).toEqual(['password', 'show-password', 'register']);
      await page.press('Enter');
      await untilText(page, '#status', 'Registered');
      for (let step = 0; step < 4; step += 1) await page.press('Tab');
      await page.press('Enter');
      await untilText(page, '#status', 'Logged out');
      // The button that was pressed cannot be pressed any more, and the focus is not lost with it.
      expect(await page.run('document.activeElement.value')).toBe('login');
    });

    it.each(SCHEMES)(
      'the start page has no fault that axe knows and no overflow at any width (%s)',
      async (colorScheme) => {
        for (const width of WIDTHS) {
          const page = await registered({ width, colorScheme });
          expect(await page.run('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
          expect(await faults(page)).toEqual([]);
        }
      },
    );
  });

  describe('GraphiQL', () => {
    async function openGraphiql(options: Parameters<Chromium['open']>[1] = {}): Promise<Page> {
      const page = await open('/graphiql', options);
      await page.until(`Boolean(document.querySelector('.graphiql-query-editor .CodeMirror'))`);
      return page;
    }

    /** Runs an operation of the document, as the cursor in it and Ctrl-Enter do. */
    async function runOperation(page: Page, name: string): Promise<string> {
      await page.run(`(() => {
        const editor = document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror;
        const line = editor.getValue().split('\\n').findIndex((it) => it.includes(' ${name}'));
        editor.focus();
        editor.setCursor(line, 10);
      })()`);
      await page.press('Enter', { control: true });
      const result = `(document.querySelector('.result-window .CodeMirror')?.CodeMirror.getValue() ?? '')`;
      const field = name[0]?.toLowerCase() + name.slice(1);
      await page.until(`${result}.includes('"${field}":')`);
      return page.run(result);
    }

    /** What an editor below the document holds, as an expression. The one that is not seen is there, too. */
    const textOf = (which: 'Variables' | 'Headers') =>
      `document.querySelectorAll('.graphiql-editor-tool .CodeMirror')[${which === 'Headers' ? 1 : 0}].CodeMirror.getValue()`;

    it('GraphiQL runs the whole story, and takes over the tokens of each answer by itself', async () => {
      const page = await openGraphiql();
      for (const name of ['Register', 'Login', 'RefreshToken']) {
        const answer = JSON.parse(await runOperation(page, name)).data;
        const { accessToken, refreshToken } = Object.values<{ auth: object }>(answer).map(
          (it) => it.auth ?? it,
        )[0] as Record<string, string>;
        await untilText(page, '#news', 'Authorization');
        // The answer is shown before its tokens are taken over.
        await page.until(`${textOf('Headers')}.includes('"Bearer ${accessToken}"')`);
        await page.until(`${textOf('Variables')}.includes('"${refreshToken}"')`);
      }
      expect(await runOperation(page, 'Me')).toContain('"ada+');
      expect(JSON.parse(await runOperation(page, 'Logout')).data.logout.revokedSessions).toBe(1);
      expect(elsewhere(page)).toEqual([]);
      expect(page.complaints).toEqual([]);
      expect(await kept(page)).toEqual([0, 0, '', `${origin}/graphiql`]);
    });

    it.each(WIDTHS)('GraphiQL leaves room for the answer in a window of %i pixels', async (width) => {
      const page = await openGraphiql({ width });
      expect(await page.run('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      const answer = `document.querySelector('.graphiql-response').getBoundingClientRect()`;
      expect(await page.run(`${answer}.width`)).toBeGreaterThan(200);
      expect(await page.run(`${answer}.height`)).toBeGreaterThan(200);
    });

    it('GraphiQL knows the schema', async () => {
      const page = await openGraphiql();
      await page.until(
        `Boolean(document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.options.lint.schema?.getType?.('RegisterInput'))`,
      );
    });
  });

  describe('the Sandbox', () => {
    const words = `(() => {
      const element = document.querySelector('#sandbox-missing');
      return element !== null && !element.hidden && element.innerText;
    })()`;

    it('the Sandbox opens when its CDN can be reached', async () => {
      const stand = `window.EmbeddedSandbox = class { constructor({ initialEndpoint }) {
        document.querySelector('#embeddableSandbox').innerHTML = '<iframe src="https://sandbox.embed.apollographql.com/sandbox"></iframe>';
        window.opened = initialEndpoint;
      } };`;
      const page = await open('/graphql', {
        elsewhere: (url) =>
          url.startsWith(CDN)
            ? { type: 'text/javascript', body: stand }
            : {
                type: 'text/html',
                body: `<script>parent.postMessage({ name: 'ExplorerListeningForHandshake' }, '*')</script>`,
              },
      });
      expect(await page.run('window.opened')).toBe(`${origin}/graphql`);
      await page.run('new Promise((resolve) => setTimeout(resolve, 0))');
      expect(await page.run(words)).toBe(false);
    });

    it('the Sandbox says that it did not load when its CDN cannot be reached, and links to GraphiQL', async () => {
      const page = await open('/graphql', { elsewhere: () => 'error' });
      expect(await page.run(words)).toContain("Apollo's Sandbox did not load");
      await page.click('#sandbox-missing a');
      await page.until(`location.pathname === '/graphiql'`);
    });

    it('the Sandbox says that it did not load when its CDN never answers', async () => {
      const page = await open('/dev/mail', { elsewhere: () => 'silence' });
      await page.go(`${origin}/graphql`);
      expect(await page.until(words)).toContain("Apollo's Sandbox did not load");
      // The browser paints it, although the head has a style sheet that never comes.
      expect(await page.run(`document.querySelectorAll('link[rel="stylesheet"]').length`)).toBe(0);
    }, 20_000);

    it.each(SCHEMES)(
      'the message of a Sandbox that did not load has no fault that axe knows (%s)',
      async (colorScheme) => {
        for (const width of WIDTHS) {
          const page = await open('/graphql', { width, colorScheme, elsewhere: () => 'error' });
          expect(await page.run('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
          await page.run(`document.querySelector('.fallback').remove()`);
          expect(await faults(page)).toEqual([]);
        }
      },
    );
  });

  describe('/dev/mail', () => {
    const EMAIL = 'grace@example.com';
    async function mailACode(): Promise<void> {
      await app.send(REQUEST_MAGIC_LINK, { input: { email: EMAIL } });
      await app.mail.turn();
    }
    beforeAll(async () => void (await register(app, EMAIL)));

    it('/dev/mail shows new mail by itself, and copies its code with one click', async () => {
      const page = await open('/dev/mail');
      await untilText(page, '#following', 'by itself');
      const before = await page.run(`document.querySelectorAll('article').length`);
      await mailACode();
      await page.until(`document.querySelectorAll('article').length > ${before}`);
      await untilText(page, '#news', 'New mail: ');
      await page.click('article pre button');
      await untilText(page, 'article pre button', 'Copied');
      expect(await page.run('navigator.clipboard.readText()')).toMatch(/^\d{8}$/);
      expect(await page.run(`document.querySelector('article pre a').href`)).toMatch(
        /^http:\/\/localhost:3000\//,
      );
      expect(page.complaints).toEqual([]);
      expect(elsewhere(page)).toEqual([]);
      expect(await faults(page)).toEqual([]);
    });

    it('/dev/mail shows mail in a browser that runs no scripts', async () => {
      await mailACode();
      const page = await open('/dev/mail', { runsScripts: false });
      expect(await page.run(`document.querySelector('article pre code').textContent`)).toMatch(/^\d{8}$/);
    });

    it.each(SCHEMES)(
      '/dev/mail has no fault that axe knows and no overflow at any width (%s)',
      async (colorScheme) => {
        await mailACode();
        for (const width of WIDTHS) {
          const page = await open('/dev/mail', { width, colorScheme });
          await untilText(page, '#following', 'by itself');
          expect(await page.run('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
          expect(await faults(page)).toEqual([]);
        }
      },
    );
  });

  describe('a page on another port of this machine', () => {
    let neighbour: Server;
    let page: Page;
    const ask = (query: string, options: { credentials: string; variables?: object }) =>
      page.run(`fetch('${origin}/graphql', { method: 'POST', credentials: '${options.credentials}',
        headers: { 'content-type': 'application/json', authorization: 'Bearer x' },
        body: ${JSON.stringify(JSON.stringify({ query, variables: options.variables }))},
      }).then((it) => it.json(), (error) => ({ blocked: error.name }))`);

    beforeAll(async () => {
      neighbour = createServer(
        (_request, response) => void response.setHeader('content-type', 'text/html').end('<!doctype html>'),
      );
      await once(neighbour.listen(0, '127.0.0.1'), 'listening');
      // A page of this server leaves a refresh token in a cookie of `localhost`, which has no port.
      const own = await open('/');
      await own.run(`fetch('/graphql', { method: 'POST', headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: 'mutation ($input: RegisterInput!) { register(input: $input) { verificationRequired } }',
          variables: { input: { email: 'cookie@example.com', password: 'correct horse battery staple', delivery: 'COOKIE' } } }) })`);
      page = await open('/');
      await page.visit(`http://localhost:${(neighbour.address() as AddressInfo).port}/`);
    });
    afterAll(async () => {
      neighbour.close();
      await chromium.clearCookies();
    });

    it('a page on another port of this machine may ask with a token of its own', async () => {
      expect((await chromium.cookies()).length).toBeGreaterThan(0);
      const { errors } = await ask('{ me { id } }', { credentials: 'omit' });
      expect(errors[0].extensions).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'TOKEN_INVALID' });
    });

    it('a page on another port of this machine gets nothing by the cookies of the server', async () => {
      const sessions = () =>
        app.database.all('SELECT id, generation, revoked_at FROM sessions ORDER BY id', {});
      const before = await sessions();
      for (const document of [
        'mutation { refreshToken { accessToken } }',
        'mutation { logout { revokedSessions } }',
      ])
        expect(await ask(document, { credentials: 'include' })).toEqual({ blocked: 'TypeError' });
      expect(await sessions()).toEqual(before);
      for (const path of ['/', '/dev/mail', '/graphiql'])
        expect(
          await page.run(
            `fetch('${origin}${path}', { credentials: 'include' }).then(() => 'read', () => 'blocked')`,
          ),
        ).toBe('blocked');
      for (const path of ['/', '/dev/mail'])
        expect(await page.run(`fetch('${origin}${path}').then(({ status }) => status)`)).toBe(404);
    });

    it('a page on another port of this machine is named in the log once', async () => {
      const told = () =>
        app.lines.filter((line) =>
          line.includes(`A page of http://localhost:${(neighbour.address() as AddressInfo).port} asks`),
        );
      await until(() => told().length > 0 || undefined);
      expect(told()).toHaveLength(1);
    });
  });
});
