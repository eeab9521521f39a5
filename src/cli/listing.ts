import { isRead, print } from './output.ts';

type Cell = string | number | Date | null;
/** One entry of a list. The names of its fields are those of the JSON, and the header's. */
export type Entry = Readonly<Record<string, Cell>>;

/** So many rows decide how wide the columns are: a list may be longer than the memory. */
const MEASURED_ROWS = 200;

export const JSON_OPTION = ['--json', 'print JSON, one object a line'] as const;

/**
 * Prints a list: one JSON object a line where that was asked for; for people, in a terminal, aligned under a header;
 * otherwise with tabs between the columns and without a header, as `cut` and `awk` read it.
 *
 * @param emptiness what people read instead of an empty list.
 */
export async function printListing(
  entries: AsyncIterable<Entry> | Iterable<Entry>,
  { json = false, emptiness }: { json?: boolean | undefined; emptiness: string },
): Promise<void> {
  if (!json && process.stdout.isTTY) return printForPeople(entries, emptiness);
  for await (const entry of entries) {
    if (!isRead()) return;
    await print(json ? JSON.stringify(entry) : Object.values(entry).map(textOf).join('\t'));
  }
}

async function printForPeople(
  entries: AsyncIterable<Entry> | Iterable<Entry>,
  emptiness: string,
): Promise<void> {
  const measured: string[][] = [];
  let widths: number[] | undefined;

  async function printRow(cells: readonly string[]): Promise<void> {
    const padded = cells.map((cell, column) => cell.padEnd(widths?.[column] ?? 0));
    await print(padded.join('  ').trimEnd());
  }
  async function printMeasured(): Promise<void> {
    widths = measured[0]?.map((_, column) => Math.max(...measured.map((row) => row[column]?.length ?? 0)));
    for (const row of measured) await printRow(row);
  }

  for await (const entry of entries) {
    if (!isRead()) return;
    if (measured.length === 0) measured.push(Object.keys(entry).map(headingOf));
    const row = Object.values(entry).map(shortTextOf);
    if (widths !== undefined) await printRow(row);
    else if (measured.push(row) > MEASURED_ROWS) await printMeasured();
  }
  if (measured.length === 0) await print(emptiness);
  else if (widths === undefined) await printMeasured();
}

/** `createdAt` becomes `CREATED`, `activatesAt` becomes `ACTIVATES`. */
function headingOf(name: string): string {
  return name.replace(/At$/, '').toUpperCase();
}

function textOf(cell: Cell): string {
  return cell instanceof Date ? cell.toISOString() : String(cell ?? '-');
}

/** To the minute, in UTC. */
function shortTextOf(cell: Cell): string {
  return cell instanceof Date ? cell.toISOString().slice(0, 16).replace('T', ' ') : textOf(cell);
}
