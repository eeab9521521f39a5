const QUOTE = '"'.charCodeAt(0);
const BACKSLASH = '\\'.charCodeAt(0);
const COMMA = ','.charCodeAt(0);
const BRACKET = '['.charCodeAt(0);
const BRACE = '{'.charCodeAt(0);

/**
 * Whether a text of JSON has more values than `most`, without reading it: 64 KiB of small objects take JSON.parse ten
 * milliseconds. What is no JSON has any number of them.
 */
export function hasMoreValues(json: Uint8Array, most: number): boolean {
  let count = 1;
  for (let at = 0; at < json.length && count <= most; at += 1) {
    const byte = json[at];
    if (byte === QUOTE) at = endOfString(json, at);
    else if (byte === COMMA || byte === BRACKET || byte === BRACE) count += 1;
  }
  return count > most;
}

/** Where the string ends that begins at `from`; where the text ends, if the string does not. */
function endOfString(json: Uint8Array, from: number): number {
  let at = from + 1;
  while (at < json.length && json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at;
}
