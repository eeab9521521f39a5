import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { faultsOf } from '../../docs/.vitepress/check-site.ts';
import { repositoryAddress, repositoryOf } from '../../docs/.vitepress/repository-links.ts';
import { sidebarOf } from '../../docs/.vitepress/sidebar.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'latchkey-site-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A folder of these files. */
function folderOf(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(folder, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

describe('the sidebar of the docs', () => {
  const linksOf = (docs: string) =>
    sidebarOf(docs).flatMap(({ text, items }) => items.map((item) => `${text}: ${item.text} ${item.link}`));

  it('the sidebar shows each page once, in the order in which a reader meets them', () => {
    const docs = folderOf('pages', {
      'index.md': '# Home',
      'zebra.md': '# A page of no shelf',
      'architecture.md': '# Architecture',
      'quickstart.md': '# Quickstart',
      'clients/rest.md': '# Over REST',
      'clients/apollo.md': '# With `@apollo/client`',
      'recipes/tea.md': 'before\n\n# Tea\n\n# Not the title',
      '.vitepress/notes.md': '# Not a page',
      'node_modules/a/README.md': '# Not a page',
    });
    expect(linksOf(docs)).toEqual([
      'Start: Quickstart /quickstart',
      'Clients: Over REST /clients/rest',
      'Clients: With @apollo/client /clients/apollo',
      'Inside: Architecture /architecture',
      'More: A page of no shelf /zebra',
      'Recipes: Tea /recipes/tea',
    ]);
  });

  it('the sidebar refuses a page without a heading, which would have no name in it', () => {
    expect(() => sidebarOf(folderOf('nameless', { 'a.md': '## Second' }))).toThrow(
      'docs/a.md has no heading',
    );
  });

  it('the sidebar holds every page of the docs of this project', () => {
    const pages = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.md') && !path.includes('node_modules') && path !== 'index.md')
      .map((path) => `/${path.slice(0, -3)}`);
    const links = sidebarOf(join(ROOT, 'docs')).flatMap(({ items }) => items.map(({ link }) => link));
    expect(links.toSorted()).toEqual(pages.toSorted());
  });
});

describe('the check of the built docs', () => {
  const page = (body: string) =>
    folderOf(`built-${built++}`, { 'index.html': body, 'a/b.html': '<h2 id="c">' });
  let built = 0;

  it.each([
    '<h1 id="top"><a class="x" href="#top">',
    '<a href="/a/b.html#c"><a href="a/b.html"><a href="./a/b#c"><a href="/?a=1&amp;b=2">',
    '<a href="https://example.com/a"><a href="mailto:a@example.com">',
    '<script src="/app.js"></script><img src="data:image/svg+xml;base64,AAAA">',
  ])('the check of the built docs finds nothing wrong with %s', (body) => {
    expect(faultsOf(page(body))).toEqual([]);
  });

  it.each([
    ['<a href="/a/c.html">', 'index.html links to /a/c.html, which is not there'],
    ['<a href="../../a">', 'index.html links to ../../a, which is not there'],
    ['<a href="#Top"><h1 id="top">', 'index.html links to #Top, and index.html has no such anchor'],
    ['<a href="/a/b.html#d">', 'index.html links to /a/b.html#d, and a/b.html has no such anchor'],
    ['<script async src="https://example.com/a.js">', 'index.html fetches https://example.com/a.js'],
    ['<link rel="stylesheet" href="//example.com/a.css">', 'index.html fetches //example.com/a.css'],
    ['<img src="http://example.com/a.png">', 'index.html fetches http://example.com/a.png'],
  ])('the check of the built docs finds the fault in %s', (body, fault) => {
    expect(faultsOf(page(body))).toEqual([fault]);
  });

  it('the check of the built docs finds a font of another server in a style sheet', () => {
    const style = '@import "https://example.com/a.css"; @font-face { src: url(https://example.com/a.woff2) }';
    expect(faultsOf(folderOf('styles', { 'assets/a.css': style }))).toEqual([
      'assets/a.css fetches https://example.com/a.css',
      'assets/a.css fetches https://example.com/a.woff2',
    ]);
  });

  it('the check of the built docs refuses a link that leaves the path of the site', () => {
    const site = folderOf('below', { 'index.html': '<a href="/docs/index.html"><a href="/index.html">' });
    expect(faultsOf(site, '/docs/')).toEqual(['index.html links to /index.html, which is not there']);
  });
});

describe('a link in the docs to a file that is no page', () => {
  const repository = 'https://example.com/o/r';
  const origin = { page: 'guides/mail.md', root: ROOT, repository };

  it.each([
    [
      '../../SECURITY.md#what-there-is-to-steal',
      `${repository}/blob/main/SECURITY.md#what-there-is-to-steal`,
    ],
    ['../../examples/', `${repository}/tree/main/examples`],
    ['../lockout.md', undefined],
    ['other.md#anchor', undefined],
    ['#anchor', undefined],
    ['https://example.com/../../a', undefined],
    ['/lockout.md', undefined],
  ])('the repository address of the link %s in a page is %s', (link, address) => {
    expect(repositoryAddress(link, origin)).toBe(address);
  });

  it('a link in the docs is refused when its file is not there, or lies outside of the project', () => {
    expect(() => repositoryAddress('../../NONE.md', origin)).toThrow(
      'links to ../../NONE.md, which is not there',
    );
    expect(() => repositoryAddress('../../../', origin)).toThrow('is not there');
  });

  it.each([
    [{ repository: { url: 'git+https://example.com/o/r.git' } }, repository],
    [{ repository }, repository],
    [{}, undefined],
  ])('the address of the repository is read from the manifest %j', (manifest, shown) => {
    expect(repositoryOf(manifest)).toBe(shown);
  });
});
