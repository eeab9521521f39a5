import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
import { FIELDS } from '../features/transfers/row.ts';
import type { Row } from '../features/transfers/service.ts';

/** Bytes of a line, or of a record of CSV: no account needs more, and nothing in a file can fill the memory. */
const LONGEST = 65_536;

const UTF_8 = new TextDecoder('utf-8', { fatal: true });

export interface UsersFile {
  /** SHA-256 of all its bytes, base64url. */
  readonly digest: string;
  readonly lastLine: number;
  readonly rows: AsyncIterable<Row>;
}

/** Whether the name says that it is of a kind that can be read. */
export function isUsersFile(path: string): boolean {
  return /\.(ndjson|jsonl|csv)$/i.test(path);
}

/**
 * A file of accounts, one a line in NDJSON or CSV with a header. It is read twice, a piece at a time: here for what is
 * known of it before its first row, and then for the rows.
 *
 * @throws Error when the whole of it is no CSV, or its header names a column that is unknown.
 */
export async function openUsersFile(path: string): Promise<UsersFile> {
  const read = /\.csv$/i.test(path) ? readCsv : readNdjson;
  const hash = createHash('sha256');
  const bytes = createReadStream(path).on('data', (chunk) => hash.update(chunk));
  let lastLine = 0;
  for await (const { line } of read(bytes)) lastLine = line;
  return { digest: hash.digest('base64url'), lastLine, rows: read(createReadStream(path)) };
}

/**
 * Keeps a copy of what comes in a file that its owner alone can read, for as long as `work` takes: it is read twice.
 * What begins like an object is NDJSON, and everything else is CSV.
 */
export async function withSpooledUsers<Result>(
  bytes: Readable,
  work: (path: string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-import-'));
  try {
    const path = join(folder, 'users');
    await pipeline(bytes, createWriteStream(path, { mode: 0o600 }));
    const named = `${path}.${(await beginsLikeJson(path)) ? 'ndjson' : 'csv'}`;
    await rename(path, named);
    return await work(named);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function beginsLikeJson(path: string): Promise<boolean> {
  let beginning = '';
  for await (const chunk of createReadStream(path, { end: LONGEST })) beginning += chunk;
  return /^\ufeff?\s*\{/.test(beginning);
}

async function* readNdjson(bytes: Readable): AsyncGenerator<Row> {
  let line = 0;
  for await (const text of linesOf(bytes)) {
    line += 1;
    if (text === undefined) yield { line, problem: `is longer than ${LONGEST} bytes` };
    else {
      const parsed = parseLine(text);
      if (parsed !== undefined) yield { line, ...parsed };
    }
  }
}

/** Without their ends; `undefined` for one that is too long. */
async function* linesOf(bytes: Readable): AsyncGenerator<Buffer | undefined> {
  let begun = Buffer.alloc(0);
  let isTooLong = false;
  for await (const chunk of bytes as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([begun, chunk.subarray(from, end)]);
      yield isTooLong || line.length > LONGEST ? undefined : line;
      [from, begun, isTooLong] = [end + 1, Buffer.alloc(0), false];
    }
    begun = Buffer.concat([begun, chunk.subarray(from)]);
    isTooLong ||= begun.length > LONGEST;
    if (isTooLong) begun = Buffer.alloc(0);
  }
  if (isTooLong || begun.length > 0) yield isTooLong ? undefined : begun;
}

/** `undefined` for a blank one. */
function parseLine(line: Buffer): { fields: Record<string, unknown> } | { problem: string } | undefined {
  let value: unknown;
  try {
    const text = UTF_8.decode(line);
    if (text.trim() === '') return undefined;
    value = JSON.parse(text);
  } catch {
    return { problem: 'is no JSON in UTF-8' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { problem: 'is no JSON object' };
  return { fields: value as Record<string, unknown> };
}

interface CsvRecord {
  readonly record: string[];
  /** Of which `lines` counts up to its end. */
  readonly info: { readonly lines: number };
}

/** RFC 4180. */
async function* readCsv(bytes: Readable): AsyncGenerator<Row> {
  const records = bytes.pipe(
    parse({
      bom: true,
      // Asked for here, so that one wrong record is refused and the others are not.
      relax_column_count: true,
      skip_empty_lines: true,
      record_delimiter: ['\r\n', '\n'],
      max_record_size: LONGEST,
      info: true,
    }),
  );
  bytes.once('error', (error) => records.destroy(error));
  let header: string[] | undefined;
  try {
    for await (const { record, info } of records as AsyncIterable<CsvRecord>) {
      // Rows of commas alone, as spreadsheets write them.
      if (record.every(isEmpty)) continue;
      if (header === undefined) header = checkHeader(record);
      else yield { line: info.lines, ...parseRecord(record, header) };
    }
  } catch (error) {
    // Its message quotes the file. Where one record ends wrongly, nobody knows where the next one begins.
    if (!(error instanceof CsvError)) throw error;
    throw new Error(`The file is no CSV: line ${error.lines}, ${error.code}.`);
  }
}

function parseRecord(
  cells: readonly string[],
  header: readonly string[],
): { fields: Record<string, unknown> } | { problem: string } {
  if (cells.length < header.length || !cells.slice(header.length).every(isEmpty))
    return { problem: `has ${cells.length} cells, the header has ${header.length}` };
  // What the decoder puts in the place of bytes that are no UTF-8.
  if (cells.some((cell) => cell.includes('\ufffd'))) return { problem: 'is no UTF-8 text' };
  return { fields: Object.fromEntries(header.map((name, column) => [name, cells[column]])) };
}

function isEmpty(cell: string): boolean {
  return cell.trim() === '';
}

/**
 * The names of the columns, without empty ones at the end.
 *
 * @throws Error that names the column by its number: without a header, it is the first account's.
 */
function checkHeader(record: readonly string[]): string[] {
  const cells = record.slice(0, record.findLastIndex((cell) => !isEmpty(cell)) + 1);
  const wrong = cells.findIndex((name, column) => !FIELDS.includes(name) || cells.indexOf(name) < column);
  if (wrong >= 0)
    throw new Error(
      `The header is wrong: column ${wrong + 1} is there twice or none of ${FIELDS.join(', ')}.`,
    );
  return cells;
}
