import { useEffect, useState } from 'preact/hooks';
import { forgetLink } from './link.ts';

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

/** `notice` is a problem above the page, until people leave that page. */
export function navigate(page: string, { replaces = false, notice = '' } = {}): void {
  forgetLink();
  if (replaces) history.replaceState(null, '', addressOf(page));
  else history.pushState(null, '', addressOf(page));
  say(notice);
  scrollTo(0, 0);
}

/** Puts a sentence above the page that is shown: a problem, or good news. */
export function say(notice: string, news = ''): void {
  dispatchEvent(new CustomEvent(CHANGED, { detail: { notice, news } satisfies Said }));
}

interface Said {
  readonly notice: string;
  readonly news: string;
}

const NOTHING: Said = { notice: '', news: '' };

/** The page that is to be shown, and the sentences above it. */
export function usePage(): Said & { readonly page: string } {
  const [shown, setShown] = useState({ page: currentPage(), ...NOTHING });
  useEffect(() => {
    const follow = (event: Event) => {
      const said = event instanceof CustomEvent ? (event.detail as Said) : NOTHING;
      setShown({ page: currentPage(), ...said });
    };
    const names = ['popstate', CHANGED];
    for (const name of names) addEventListener(name, follow);
    return () => {
      for (const name of names) removeEventListener(name, follow);
    };
  }, []);
  return shown;
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
