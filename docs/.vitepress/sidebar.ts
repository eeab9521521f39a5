import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export interface Group {
  readonly text: string;
  readonly items: { readonly text: string; readonly link: string }[];
}

interface Shelf {
  readonly text: string;
  /** All pages of this folder, in the order of their titles. */
  readonly folder?: string;
  /** Pages of the top folder, in this order, as far as they exist. */
  readonly pages?: readonly string[];
}

/** The order in which a reader meets the pages. Folders and pages that no shelf names follow it. */
const SHELVES: readonly Shelf[] = [
  { text: 'Start', pages: ['quickstart', 'concepts'] },
  { text: 'Clients', folder: 'clients' },
  { text: 'Verify tokens', folder: 'verify' },
  { text: 'Guides', folder: 'guides' },
  {
    text: 'Operate',
    pages: ['operations', 'postgresql', 'scaling', 'writes', 'lockout', 'troubleshooting'],
  },
  { text: 'Reference', folder: 'reference' },
  { text: 'Inside', pages: ['architecture', 'security-decisions', 'requirements', 'dependencies'] },
];

/** The page that stands in front of all others; the site's name leads to it. */
const HOME = 'index';

/** Every page of the folder but the home page, once, under its first heading. */
export function sidebarOf(docs: string): Group[] {
  const pages = readdirSync(docs, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.md') && !/(^|\/)(\.vitepress|node_modules)\//.test(path))
    .map((path) => path.slice(0, -'.md'.length))
    .filter((page) => page !== HOME);
  const onShelves = SHELVES.map(({ text, folder, pages: named }) => ({
    text,
    pages:
      folder === undefined ? (named ?? []).filter((page) => pages.includes(page)) : pagesIn(folder, pages),
  }));
  const shelved = new Set(onShelves.flatMap((shelf) => shelf.pages));
  const rest = pages.filter((page) => !shelved.has(page));
  const furtherFolders = [...new Set(rest.map(dirname))].sort().map((folder) => ({
    text: folder === '.' ? 'More' : capitalised(basename(folder)),
    pages: pagesIn(folder, rest),
  }));
  return [...onShelves, ...furtherFolders]
    .filter((shelf) => shelf.pages.length > 0)
    .map((shelf) => {
      const items = shelf.pages.map((page) => ({ text: titleOf(docs, page), link: `/${page}` }));
      const isFolder = shelf.pages.some((page) => page.includes('/'));
      return { text: shelf.text, items: isFolder ? items.toSorted(byText) : items };
    });
}

function pagesIn(folder: string, pages: readonly string[]): string[] {
  return pages.filter((page) => dirname(page) === folder || page.startsWith(`${folder}/`)).sort();
}

/** @throws Error for a page without a first heading. */
function titleOf(docs: string, page: string): string {
  const [, title] = /^# (.+)$/m.exec(readFileSync(join(docs, `${page}.md`), 'utf8')) ?? [];
  if (title === undefined) throw new Error(`docs/${page}.md has no heading of the first level`);
  return title.replaceAll(/[`*]/g, '');
}

function byText(one: { readonly text: string }, other: { readonly text: string }): number {
  return one.text.localeCompare(other.text, 'en');
}

function capitalised(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1).replaceAll('-', ' ');
}
