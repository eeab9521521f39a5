import type { Params, Sql } from '../../database/database.ts';
import type { Page, Position } from './cursors.ts';

/** A part of a list, which an index has in the order that is asked for. */
export interface Part {
  /** What to select; the key and the id come along. */
  readonly columns: string;
  /** Where from: a table, or a name that `withClause` gives. */
  readonly from: string;
  /** Rows that are read whole and sorted for each page. */
  readonly withClause?: string | undefined;
  readonly conditions: readonly string[];
  /** Where the key begins and ends, where that is not all of it. */
  readonly bounds?: { readonly lowest: string; readonly highest: string } | undefined;
  readonly params: Params;
  /** What it is ordered by, and `id` after it. */
  readonly key: string;
  readonly isDescending: boolean;
}

type Found<Row> = Row & { readonly position: Position };

/**
 * Reads one row more than a page, in the direction of the page, part after part. A page that begins at a cursor takes two
 * statements of a part: the rows of the same key, then those behind it. Either is a range of the index, so that a page
 * costs the same wherever it begins.
 */
export async function readKeyset<Row>(sql: Sql, parts: readonly Part[], page: Page): Promise<Found<Row>[]> {
  const { size, isBackward, after, before } = page;
  const [from, until] = isBackward ? [before, after] : [after, before];
  const numbered = parts.map((part, index) => ({ part, index }));
  if (isBackward) numbered.reverse();
  const found: Found<Row>[] = [];
  for (const { part, index } of numbered) {
    if (from !== undefined && isBeyond(from.part, index, isBackward)) continue;
    if (until !== undefined && isBeyond(index, until.part, isBackward)) continue;
    const begin = from?.part === index ? from : undefined;
    const end = until?.part === index ? until : undefined;
    const isDescending = part.isDescending !== isBackward;
    const isSorted = part.withClause !== undefined;
    for (const range of rangesOf(part, { begin, end, isDescending, isSorted })) {
      const limit = size + 1 - found.length;
      if (limit <= 0) return found;
      found.push(...(await readRange<Row>(sql, { part, index, range, isDescending, limit })));
    }
  }
  return found;
}

/** Whether the one part comes after the other, in the direction. */
function isBeyond(part: number, other: number, isBackward: boolean): boolean {
  return isBackward ? part < other : part > other;
}

interface Range {
  readonly conditions: readonly string[];
  readonly params: Params;
  /** Whether all rows have one key. SQLite would sort them by it, although there is nothing to sort. */
  readonly isTied?: boolean;
}

/** The ranges of an index between two positions, in order; of rows that are sorted for each page, one. */
function rangesOf(
  { key, bounds }: Part,
  {
    begin,
    end,
    isDescending,
    isSorted,
  }: {
    begin: Position | undefined;
    end: Position | undefined;
    isDescending: boolean;
    isSorted: boolean;
  },
): Range[] {
  const [past, short] = isDescending ? ['<', '>'] : ['>', '<'];
  // A position stands within the bounds. SQLite would take the wider of two conditions on one side of a range.
  const [near, far] = isDescending ? [bounds?.highest, bounds?.lowest] : [bounds?.lowest, bounds?.highest];
  const limits = [begin === undefined ? near : undefined, end === undefined ? far : undefined].filter(
    (limit) => limit !== undefined,
  );
  const ending: Range =
    end === undefined
      ? { conditions: [], params: {} }
      : {
          conditions: [`${key} ${short}= :endKey`, `(${key} ${short} :endKey OR id ${short} :endId)`],
          params: { endKey: end.key, endId: end.id },
        };
  if (begin === undefined) return [{ ...ending, conditions: [...limits, ...ending.conditions] }];
  const tied = { conditions: [`${key} = :beginKey`, `id ${past} :beginId`], hasId: true };
  const behind = { conditions: [`${key} ${past} :beginKey`], hasId: false };
  const either = `(${behind.conditions.join()} OR ${tied.conditions.join(' AND ')})`;
  const ranges = isSorted ? [{ conditions: [either], hasId: true }] : [tied, behind];
  return ranges.map(({ conditions, hasId }, i) => ({
    isTied: !isSorted && i === 0,
    conditions: [...conditions, ...(hasId && !isSorted ? [] : limits), ...ending.conditions],
    params: { beginKey: begin.key, ...(hasId && { beginId: begin.id }), ...ending.params },
  }));
}

async function readRange<Row>(
  sql: Sql,
  {
    part,
    index,
    range,
    isDescending,
    limit,
  }: { part: Part; index: number; range: Range; isDescending: boolean; limit: number },
): Promise<Found<Row>[]> {
  const direction = isDescending ? 'DESC' : 'ASC';
  const conditions = [...part.conditions, ...range.conditions];
  const rows = await sql.all<Row & { id: string; cursorKey: string | number }>(
    `${part.withClause ?? ''}
     SELECT ${part.columns}, ${part.key} AS "cursorKey" FROM ${part.from}
     ${conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''}
     ORDER BY ${range.isTied ? '' : `${part.key} ${direction}, `}id ${direction} LIMIT :limit`,
    { ...part.params, ...range.params, limit },
  );
  return rows.map((row) => ({ ...row, position: { part: index, key: row.cursorKey, id: row.id } }));
}
