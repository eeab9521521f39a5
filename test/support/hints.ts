/**
 * A body without the hints that development adds to refusals. They are prose for people, and hints.test.ts is about
 * them; all other tests compare what clients read.
 */
// biome-ignore lint/suspicious/noExplicitAny: an answer is whatever was asked for
export function parseWithoutHints(body: string): any {
  return JSON.parse(body, (key, value) => (key === 'hint' ? undefined : value));
}
