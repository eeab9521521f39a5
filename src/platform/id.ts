/** As the server makes ids: a lower-case UUID (RFC 9562 §4). */
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a text from outside can be the id of anything. PostgreSQL refuses to look for a text with U+0000 in it. */
export function isId(text: string): boolean {
  return ID.test(text);
}
