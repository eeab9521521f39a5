import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sidebarOf } from '../../docs/.vitepress/sidebar.ts';
import { type Chromium, isChromiumInstalled, type Page, startChromium } from '../support/chromium.ts';
import { cleanEnvironment } from '../support/server-process.ts';
import { until } from '../support/until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PATIENCE_MS = 180_000;
const folder = mkdtempSync(join(tmpdir(), 'latchkey-site-build-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** VitePress is no dependency of the server: `npm run docs` installs it in `docs`. */
const isInstalled = existsSync(join(ROOT, 'docs/node_modules/vitepress'));
const suite = isInstalled ? describe : describe.skip;
const INSTALLED = isInstalled ? '' : ' (skipped: no VitePress; npm run docs)';
const inBrowser = isChromiumInstalled ? it : it.skip;

/** A copy, because a build writes beside its sources: of all pages, or of these alone. */
function copyOfDocs(name: string, pages?: Readonly<Record<string, string>>): string {
  const [project, docs] = [join(folder, name), join(folder, name, 'docs')];
  mkdirSync(project);
  for (const entry of readdirSync(ROOT)) {
    if (entry !== 'docs') symlinkSync(join(ROOT, entry), join(project, entry));
  }
  const isMade = (path: string) => ['node_modules', 'dist', 'cache'].includes(basename(path));
  const isLeftOut = (path: string) => pages !== undefined && path.endsWith('.md');
  cpSync(join(ROOT, 'docs'), docs, {
    recursive: true,
    filter: (path) => !isMade(path.slice(ROOT.length)) && !isLeftOut(path),
  });
  for (const [page, text] of Object.entries(pages ?? {})) writeFileSync(join(docs, page), text);
  symlinkSync(join(ROOT, 'docs/node_modules'), join(docs, 'node_modules'));
  return docs;
}

function build(docs: string): Promise<unknown> {
  const options = { cwd: docs, env: cleanEnvironment(), maxBuffer: 64 * 1024 * 1024 };
  return promisify(execFile)('node', ['node_modules/vitepress/bin/vitepress.js', 'build'], options);
}

suite(`the site of the docs${INSTALLED}`, () => {
  let docs: string;
  let server: Server;
  let chromium: Chromium | undefined;

  beforeAll(async () => {
    docs = copyOfDocs('whole');
    writeFileSync(
      join(docs, 'braces.md'),
      '# Braces\n\nA {{ name }}, `{{#A_LINK}}` and\n\n    {{ block }}\n',
    );
    await build(docs);
    server = serve(join(docs, '.vitepress/dist'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    if (isChromiumInstalled) chromium = await startChromium();
  }, PATIENCE_MS);

  afterAll(async () => {
    await chromium?.stop();
    server?.closeAllConnections();
    server?.close();
  });

  const origin = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function open(path: string): Promise<Page> {
    if (chromium === undefined) throw new Error('there is no browser');
    return chromium.open(`${origin()}${path}`);
  }

  const addresses = () => sidebarOf(docs).flatMap(({ items }) => items.map(({ link }) => `${link}.html`));

  it('the site has a page for each Markdown file of the docs', () => {
    expect(addresses().length).toBeGreaterThan(4);
    const missing = addresses().filter((page) => !existsSync(join(docs, '.vitepress/dist', page)));
    expect(missing).toEqual([]);
  });

  it('the site shows double braces in a page as they are', () => {
    const html = readFileSync(join(docs, '.vitepress/dist/braces.html'), 'utf8');
    const [, text = ''] = /<\/h1>(.*)<\/pre>/s.exec(html) ?? [];
    expect(text.replaceAll(/<[^>]+>/g, '').trim()).toBe('A {{ name }}, {{#A_LINK}} and{{ block }}');
    // A long name breaks there, so that a table fits beside it.
    expect(text).toContain('A_<wbr>LINK');
  });

  inBrowser('the first page of the site leads to every other page', async () => {
    const page = await open('/');
    const links: string[] = await page.run(
      `[...document.querySelectorAll('.page-lists a')].map((link) => new URL(link.href).pathname)`,
    );
    expect(links).toEqual(addresses());
  });

  inBrowser('the site asks no other server for anything', async () => {
    const page = await open('/requirements.html');
    const asked: string[] = await page.run(
      `performance.getEntriesByType('resource').map(({ name }) => new URL(name).origin)`,
    );
    expect(asked.length).toBeGreaterThan(3);
    expect(new Set(asked)).toEqual(new Set([origin()]));
  });

  inBrowser(
    'the search of the site finds a word in the pages without another server',
    async () => {
      const page = await open('/');
      // Until the page listens, a click does nothing.
      await until(() =>
        page.run(`(() => {
        const input = document.querySelector('input.search-input');
        if (input === null) document.querySelector('.DocSearch-Button').click();
        return input === null ? undefined : true;
      })()`),
      );
      const found: string = await until(() =>
        page.run(`(() => {
        const input = document.querySelector('input.search-input');
        input.value = 'thumbprints';
        input.dispatchEvent(new Event('input'));
        return document.querySelector('a.result')?.getAttribute('href');
      })()`),
      );
      expect(found).toMatch(/^\/requirements\.html#/);
    },
    PATIENCE_MS,
  );

  inBrowser(
    'no page of the site is wider than the window of a phone, a tablet or a desktop',
    async () => {
      const page = await open('/');
      const tooWide: string[] = [];
      for (const width of [320, 768, 1440]) {
        for (const path of ['/', ...addresses()]) {
          const excess: number = await page.run(`new Promise((resolve) => {
            const frame = document.createElement('iframe');
            frame.style.cssText = 'border: 0; width: ${width}px; height: 800px';
            frame.src = ${JSON.stringify(path)};
            frame.onload = () => {
              const { scrollWidth } = frame.contentDocument.documentElement;
              frame.remove();
              resolve(scrollWidth - ${width});
            };
            document.body.append(frame);
          })`);
          if (excess > 0) tooWide.push(`${path} at ${width} pixels, by ${excess}`);
        }
      }
      expect(tooWide).toEqual([]);
    },
    PATIENCE_MS,
  );
});

suite(`the build of the docs${INSTALLED}`, () => {
  it.each([
    ['dead page', '[a](none.md)', /dead link/],
    ['dead file', '[a](../NONE.md)', /docs\/broken\.md links to \.\.\/NONE\.md, which is not there/],
    [
      'dead anchor and for an image of another server',
      '[a](#none) ![a](https://example.com/a.png)',
      /has no such anchor\nbroken\.html fetches https:\/\/example\.com\/a\.png/,
    ],
  ])(
    'the build of the docs fails for a %s',
    async (what, text, message) => {
      const pages = { 'index.md': '# Home', 'broken.md': `# Broken\n\n${text}\n` };
      await expect(build(copyOfDocs(what.replaceAll(' ', '-'), pages))).rejects.toThrow(message);
    },
    PATIENCE_MS,
  );
});

function serve(site: string): Server {
  const types: Record<string, string> = {
    '.html': 'text/html',
    '.js': 'text/javascript',
    '.css': 'text/css',
  };
  return createServer(({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://localhost');
    const file = join(site, pathname.endsWith('/') ? `${pathname}index.html` : pathname);
    if (!existsSync(file)) response.writeHead(404).end();
    else response.setHeader('content-type', types[extname(file)] ?? 'text/plain').end(readFileSync(file));
  });
}
