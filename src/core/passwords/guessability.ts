import { dictionary } from '@zxcvbn-ts/language-common';

/*
 * How many guesses a password withstands when the attacker tries common things first.
 *
 * Lists of common passwords hold next to none of 15 characters and more: what people type instead is put together
 * from common pieces. So a password is read as the cheapest row of pieces that spells it:
 *
 *   a common password           log2 of its rank, and one more
 *   a word of the language      log2 of how many there are
 *   a line                      a row of a keyboard, the alphabet, the digits, in either direction
 *   a year
 *   a copy                      of what stands before it, once or often
 *   a word of the account's     nothing: who attacks this account tries those first
 *   any other character         as if it were random
 *
 * It is zxcvbn's idea (Wheeler, USENIX Security 2016) without its search through every substitution, which takes 200
 * ms for a hostile password of 128 characters. Here each place looks at a bounded number of pieces, once.
 */

const LINE_BITS = 6;
const YEAR_BITS = 7;
const COPY_BITS = 3;
const DIGIT_BITS = Math.log2(10);
const OTHER_CHARACTER_BITS = Math.log2(32);
/** Which characters of a word were written as leetspeak. */
const LEET_BITS = 1;

/** Shorter pieces say nothing: any text holds them. */
const SHORTEST_PIECE = 3;
/** More of a password than this cannot make it easier to guess. */
const LONGEST_TEXT = 128;
const FARTHEST_COPY = 32;

const LINES = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890',
  '0987654321',
  ...['qwertyuiop', 'asdfghjkl', 'zxcvbnm'],
  ...['qwertzuiop', 'yxcvbnm', 'azertyuiop', 'qsdfghjklm', 'wxcvbn'],
  ...['1qaz', '2wsx', '3edc', '4rfv', '5tgb', '6yhn', '7ujm', '!@#$%^&*()'],
];

const LEET = new Map([...'013457@$!'].map((character, index) => [character, 'oieastasi'.charAt(index)]));

const pieces = commonPieces();
/** The length of the longest piece by how it begins, so that most places of a text are done with one look. */
const lengths = new Map<string, number>();
for (const piece of pieces.keys()) {
  const start = piece.slice(0, SHORTEST_PIECE);
  lengths.set(start, Math.max(piece.length, lengths.get(start) ?? 0));
}

/**
 * The logarithm, to base 2, of the guesses it takes. Linear time, under a millisecond for any text.
 *
 * @param ownWords what an attacker of this account tries first, and the password then costs nothing for.
 */
export function bitsToGuess(password: string, ownWords: Iterable<string> = []): number {
  const text = foldText(password).slice(0, LONGEST_TEXT);
  const plain = [...text].map((character) => LEET.get(character) ?? character).join('');
  const own = [...new Set([...ownWords].map(foldText))].filter(
    (word) => word.length >= SHORTEST_PIECE && (text.includes(word) || plain.includes(word)),
  );

  const spellings: [string, number][] = [[text, 0]];
  if (plain !== text) spellings.push([plain, LEET_BITS]);

  // From the end: bits[i] is the price of the text from i on, and copied[lag] how far that repeats what is `lag` before it.
  const bits = new Float64Array(text.length + 1);
  const copied = new Uint8Array(FARTHEST_COPY + 1);
  for (let from = text.length - 1; from >= 0; from--) {
    let least = characterBits(text.charAt(from)) + rest(from + 1);
    for (const [spelling, surcharge] of spellings) {
      const longest = lengths.get(spelling.slice(from, from + SHORTEST_PIECE)) ?? 0;
      for (let length = SHORTEST_PIECE; length <= longest; length++) {
        const price = pieces.get(spelling.slice(from, from + length));
        if (price !== undefined) least = Math.min(least, price + surcharge + rest(from + length));
      }
    }
    for (const word of own) {
      if (text.startsWith(word, from) || plain.startsWith(word, from))
        least = Math.min(least, rest(from + word.length));
    }
    for (let lag = 1; lag <= FARTHEST_COPY; lag++) {
      const isCopy = lag <= from && text[from] === text[from - lag];
      const length = isCopy ? (copied[lag] ?? 0) + 1 : 0;
      copied[lag] = length;
      if (length >= Math.max(lag, SHORTEST_PIECE)) least = Math.min(least, COPY_BITS + rest(from + length));
    }
    bits[from] = least;
  }
  return rest(0);

  function rest(from: number): number {
    return bits[from] ?? 0;
  }
}

/** One spelling for all that an attacker tries as one word. */
function foldText(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

function characterBits(character: string): number {
  return character >= '0' && character <= '9' ? DIGIT_BITS : OTHER_CHARACTER_BITS;
}

/** The price of each piece; of two prices the lower. */
function commonPieces(): Map<string, number> {
  const priced = new Map<string, number>();
  const add = (piece: string, price: number) => {
    const known = priced.get(piece);
    if (piece.length >= SHORTEST_PIECE && (known === undefined || price < known)) priced.set(piece, price);
  };
  dictionary['passwords-common'].forEach((word, rank) => {
    add(foldText(word), Math.log2(rank + 1) + 1);
  });
  const words = dictionary['diceware-common'];
  for (const word of words) add(word, Math.log2(words.length));
  for (const line of LINES) {
    const backwards = [...line].reverse().join('');
    for (let from = 0; from < line.length; from++) {
      for (let to = from + SHORTEST_PIECE; to <= line.length; to++) {
        add(line.slice(from, to), LINE_BITS);
        add(backwards.slice(from, to), LINE_BITS);
      }
    }
  }
  add('latchkey', 1);
  for (let year = 1900; year < 2050; year++) add(String(year), YEAR_BITS);
  return priced;
}
