import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type Entry, printListing } from '../../src/cli/listing.ts';

const ENTRIES: readonly Entry[] = [
  { id: '1', email: 'ada@example.com', createdAt: new Date(0), tries: 2, failure: null },
  { id: '22', email: 'a@b.example', createdAt: new Date(60_000), tries: 0, failure: '550' },
];
const EMPTINESS = 'Nothing is there.';

const isTTY = process.stdout.isTTY;
let printed = '';
beforeEach(() => {
  printed = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text, ...rest) => {
    printed += String(text);
    for (const done of rest) if (typeof done === 'function') done();
    return true;
  });
});
afterEach(() => {
  jest.restoreAllMocks();
  process.stdout.isTTY = isTTY;
});

async function list(entries: readonly Entry[], { json = false, isTerminal = false } = {}): Promise<string[]> {
  process.stdout.isTTY = isTerminal;
  await printListing(entries, { json, emptiness: EMPTINESS });
  return printed.split('\n').slice(0, -1);
}

describe('printing lists', () => {
  it('a list on a terminal has a header, aligned columns and times to the minute', async () => {
    expect(await list(ENTRIES, { isTerminal: true })).toEqual([
      'ID  EMAIL            CREATED           TRIES  FAILURE',
      '1   ada@example.com  1970-01-01 00:00  2      -',
      '22  a@b.example      1970-01-01 00:01  0      550',
    ]);
  });

  it('an empty list on a terminal is one sentence', async () => {
    expect(await list([], { isTerminal: true })).toEqual([EMPTINESS]);
  });

  it('a list on a terminal is printed whole when it has more rows than its columns are measured by', async () => {
    const entries = Array.from({ length: 1_000 }, (_, index) => ({ id: String(index) }));
    expect(await list(entries, { isTerminal: true })).toEqual(['ID', ...entries.map(({ id }) => id)]);
  });

  it('a list for programs has tabs and no header, and an empty one prints nothing', async () => {
    expect(await list(ENTRIES)).toEqual([
      '1\tada@example.com\t1970-01-01T00:00:00.000Z\t2\t-',
      '22\ta@b.example\t1970-01-01T00:01:00.000Z\t0\t550',
    ]);
    printed = '';
    expect(await list([])).toEqual([]);
  });

  it.each([true, false])(
    'a list in JSON has one object per line, in a terminal or not: %s',
    async (isTerminal) => {
      const lines = await list(ENTRIES, { json: true, isTerminal });
      expect(lines.map((line) => JSON.parse(line))).toEqual([
        { id: '1', email: 'ada@example.com', createdAt: '1970-01-01T00:00:00.000Z', tries: 2, failure: null },
        { id: '22', email: 'a@b.example', createdAt: '1970-01-01T00:01:00.000Z', tries: 0, failure: '550' },
      ]);
      printed = '';
      expect(await list([], { json: true, isTerminal })).toEqual([]);
    },
  );
});
