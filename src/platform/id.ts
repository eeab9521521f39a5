/** As the server makes ids: a lower-case UUID (RFC 9562 §4). */
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a text from outside can be the id of anything. PostgreSQL refuses to look for a text with U+0000 in it. */
export function isId(text: string): boolean {
  return ID.test(text);
}

/** How many ids a list is filled up to: each length of a list is a statement of its own. */
const LENGTHS = [1, 10, 100];

/** Ids as the parameters of an `IN`, at most 100 of them. */
export function idList(ids: readonly string[]): { list: string; params: Record<string, string> } {
  const length = LENGTHS.find((most) => ids.length <= most) ?? ids.length;
  const names = Array.from({ length }, (_, i) => `id${i}`);
  return {
    list: names.map((name) => `:${name}`).join(', '),
    params: Object.fromEntries(names.map((name, i) => [name, ids[i] ?? ''])),
  };
}
