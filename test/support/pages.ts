import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Block {
  /** The page, as a path from the root of the project. */
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** The file that the page shows here, whole or in part. */
  readonly shown?: string | undefined;
}

export interface Page {
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

export interface Link {
  readonly page: string;
  readonly target: string;
}

/** Every page for people: what a newcomer can read in a clone. */
export function readPages(): Page[] {
  const below = (folder: string) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md') && !/(^|\/)(node_modules|\.vitepress)\//.test(name))
      .map((name) => join(folder, name));
  const paths = [
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'CHANGELOG.md',
    ...below('docs'),
    ...below('examples'),
  ];
  return paths.sort().map((path) => {
    const text = readFileSync(join(ROOT, path), 'utf8');
    return { path, text, blocks: readBlocks(path, text) };
  });
}

/** @throws Error where a block is not closed. */
function readBlocks(page: string, text: string): Block[] {
  const blocks: Block[] = [];
  let shown: string | undefined;
  let open: { line: number; language: string; lines: string[] } | undefined;
  for (const [index, content] of text.split('\n').entries()) {
    if (open === undefined) {
      const [, file] = /^<!-- (?:file|part): (\S+)/.exec(content) ?? [];
      if (file !== undefined) shown = file;
      if (/^<!-- \/(file|part) -->/.test(content)) shown = undefined;
      const [, language] = /^```(.*)$/.exec(content) ?? [];
      if (language !== undefined) open = { line: index + 1, language, lines: [] };
    } else if (content === '```') {
      const { line, language, lines } = open;
      blocks.push({ page, line, language, text: lines.join('\n'), shown });
      open = undefined;
    } else open.lines.push(content);
  }
  if (open !== undefined) throw new Error(`${page}:${open.line} is not closed`);
  return blocks;
}

/** The text of a page without its blocks and without code in a line. */
export function proseOf({ text }: Page): string {
  return text.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '`');
}

/** Links to files and headings of the project; those to other servers are left out. */
export function localLinks(page: Page): Link[] {
  const links = proseOf(page).matchAll(/\]\(([^)\s]+)\)/g);
  return [...links]
    .map(([, target = '']) => ({ page: page.path, target }))
    .filter(({ target }) => !/^\w+:/.test(target));
}

/** The file and the heading that a link leads to, as paths from the root of the project. */
export function resolveLink({ page, target }: Link): { path: string; anchor: string } {
  const [file = '', anchor = ''] = target.split('#');
  const path = file === '' ? page : normalize(join(dirname(page), file)).replace(/\/$/, '');
  return { path, anchor };
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(page: Page): string[] {
  const seen = new Map<string, number>();
  const headings = page.text.replace(/^```.*?^```$/gms, '').matchAll(/^#{1,6} +(.+)$/gm);
  return [...headings].map(([, heading = '']) => {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .trim()
      .replaceAll(' ', '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
}
