/*
 * The token of a link in a mail. It is taken out of the address bar and of the history before anything else happens, so
 * that no later reader of either finds it. It is kept in memory alone, until the person leaves the page of the link.
 */

let token = takeToken();
const listeners = new Set<() => void>();

// Another link of the same page was opened in this tab.
addEventListener('hashchange', () => {
  const taken = takeToken();
  if (taken === undefined) return;
  token = taken;
  for (const listener of listeners) listener();
});

export function linkToken(): string | undefined {
  return token;
}

/** Calls back for each further link. Call the answer to stop. */
export function onLink(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

export function forgetLink(): void {
  token = undefined;
}

function takeToken(): string | undefined {
  const { hash, pathname, search } = location;
  const taken = new URLSearchParams(hash.slice(1)).get('token');
  if (taken === null) return undefined;
  history.replaceState(history.state, '', pathname + search);
  return taken;
}
