import { useEffect, useState } from 'preact/hooks';
import { forgetLink } from './link.ts';
import { settings } from './settings.ts';

/** The folder of the pages. The server may lie below a path of its host. */
const BASE = location.pathname.slice(0, location.pathname.lastIndexOf('/account/') + '/account/'.length);
const CHANGED = 'latchkey:page';

/** Pages that lead to a session, which needs no second one. */
export const ENTRANCES = ['', 'sign-in', 'sign-up', 'email-code'];

export const graphqlUrl = new URL('../graphql', new URL(BASE, location.origin)).href;

/** The address of a page, as in `sign-in`. Where people came from goes along. */
export function addressOf(page: string): string {
  return BASE + page + location.search;
}

export function currentPage(): string {
  return location.pathname.slice(BASE.length);
}

export function navigate(page: string, { replaces = false } = {}): void {
  forgetLink();
  if (replaces) history.replaceState(null, '', addressOf(page));
  else history.pushState(null, '', addressOf(page));
  dispatchEvent(new Event(CHANGED));
  scrollTo(0, 0);
}

/** The page that is to be shown. */
export function usePage(): string {
  const [page, setPage] = useState(currentPage);
  useEffect(() => {
    const follow = () => setPage(currentPage());
    const names = ['popstate', CHANGED];
    for (const name of names) addEventListener(name, follow);
    return () => {
      for (const name of names) removeEventListener(name, follow);
    };
  }, []);
  return page;
}

/** Follows a link of these pages without loading the page again. Leaves new tabs and windows to the browser. */
export function followLink(event: MouseEvent): void {
  const link = (event.target as Element).closest('a');
  const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (link === null || !isPlain || event.defaultPrevented || link.target !== '') return;
  const { origin, pathname } = new URL(link.href);
  if (origin !== location.origin || !pathname.startsWith(BASE)) return;
  event.preventDefault();
  navigate(pathname.slice(BASE.length));
}

/**
 * After a person signed in: back to where they came from, if that is a place that the operator allows. Else to the
 * account, unless they are at a page of it.
 */
export function leave(): void {
  const target = new URLSearchParams(location.search).get('redirect_to') ?? '';
  const url = URL.canParse(target) ? new URL(target) : undefined;
  if (url !== undefined && settings.redirectOrigins.includes(url.origin)) location.assign(url.href);
  else if ([...ENTRANCES, 'magic-link'].includes(currentPage())) navigate('profile', { replaces: true });
}
