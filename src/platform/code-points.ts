/** Whether a text has more code points than `most`. Each is one or two UTF-16 units, so a long text is never counted. */
export function isLongerThan(text: string, most: number): boolean {
  return text.length > 2 * most || (text.length > most && [...text].length > most);
}
