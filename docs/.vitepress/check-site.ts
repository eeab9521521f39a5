import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/*
 * VitePress refuses links to pages that do not exist. It checks neither the anchors in links nor the addresses in
 * HTML, so they are checked here, in the pages as they were built.
 */

/** Where a browser fetches by itself: scripts, styles, images, frames. Links wait for a click. */
const FETCHED = /<(?:script|img|iframe|source|video|audio|embed|link)\b[^>]*?\s(?:src|href)="([^"]*)"/g;
const FETCHED_BY_STYLES = /(?:url\(\s*|@import\s+)["']?([^"')\s;]+)/g;

/** What is wrong with a built site, one sentence each. `base` is the path that it is served under. */
export function faultsOf(site: string, base = '/'): string[] {
  const files = readdirSync(site, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(site, join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
  const read = (file: string) => readFileSync(join(site, file), 'utf8');
  const pages = files.filter((file) => file.endsWith('.html')).map((file) => ({ file, html: read(file) }));
  const ids = new Map(files.map((file) => [file, new Set<string>()]));
  for (const { file, html } of pages) ids.set(file, idsIn(html));
  const styles = files.filter((file) => file.endsWith('.css'));
  return [
    ...pages.flatMap(({ file, html }) => linksIn(html).flatMap((link) => deadEnd(link, { file, base, ids }))),
    ...pages.flatMap(({ file, html }) => foreign(file, html, FETCHED)),
    ...styles.flatMap((file) => foreign(file, read(file), FETCHED_BY_STYLES)),
  ];
}

interface Place {
  /** The page that links. */
  readonly file: string;
  readonly base: string;
  /** Every file of the site, with the anchors in it. */
  readonly ids: ReadonlyMap<string, ReadonlySet<string>>;
}

function deadEnd(link: string, { file, base, ids }: Place): string[] {
  // Another scheme, or another host.
  if (/^([a-z][a-z+.-]*:|\/\/)/i.test(link)) return [];
  const address = new URL(link, `http://site${base}${file}`);
  const path = decodeURIComponent(address.pathname);
  const inside = path.startsWith(base) ? path.slice(base.length) : undefined;
  const candidates = inside === undefined ? [] : [inside, `${inside}.html`, `${inside}index.html`];
  const target = candidates.find((candidate) => ids.has(candidate));
  if (target === undefined) return [`${file} links to ${link}, which is not there`];
  const anchor = decodeURIComponent(address.hash.slice(1));
  if (anchor === '' || ids.get(target)?.has(anchor)) return [];
  return [`${file} links to ${link}, and ${target} has no such anchor`];
}

function foreign(file: string, text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)]
    .map(([, address = '']) => address)
    .filter((address) => /^(https?:)?\/\//i.test(address))
    .map((address) => `${file} fetches ${address}`);
}

function linksIn(html: string): string[] {
  return [...html.matchAll(/<a\b[^>]*?\shref="([^"]*)"/g)].map(([, link = '']) =>
    link.replaceAll('&amp;', '&'),
  );
}

function idsIn(html: string): Set<string> {
  return new Set([...html.matchAll(/\sid="([^"]*)"/g)].map(([, id = '']) => id));
}
