import type { PageInfo } from '../../core/operators/service.ts';
import { sha256 } from '../../crypto/digest.ts';
import { AuthError } from '../../errors.ts';
import { readCursor, writeCursor } from '../../platform/cursor.ts';
import { isId } from '../../platform/id.ts';

const DEFAULT_PAGE = 20;
const LARGEST_PAGE = 100;

/** What a client asks of a connection (Relay's GraphQL Cursor Connections Specification). */
export interface PageArguments {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

/** A place between two rows of a list: of the row before it. */
export interface Position {
  /** A list may be of several parts, one after another. */
  readonly part: number;
  /** What the part is ordered by; the id decides where it is equal. */
  readonly key: string | number;
  readonly id: string;
}

/** A page, read. */
export interface Page {
  readonly size: number;
  /** Whether the page is the end of what is between the two cursors. */
  readonly isBackward: boolean;
  readonly after: Position | undefined;
  readonly before: Position | undefined;
}

/**
 * Reads and makes the cursors of one list: base64url of a position, with a digest of the list's order and filter. So a
 * cursor of another list is refused, and a cursor says nothing that its page did not.
 *
 * @param list what tells the list from others.
 * @param keys the type of the key of each part.
 */
export function createCursors(list: unknown, keys: readonly ('string' | 'number')[]) {
  const digest = sha256(JSON.stringify(list)).slice(0, 12);

  function read(text: string | null | undefined, field: string): Position | undefined {
    if (text == null) return undefined;
    const position = positionOf(text);
    if (position === undefined) throw new AuthError('BAD_USER_INPUT', { field });
    return position;
  }

  function positionOf(text: string): Position | undefined {
    const parts = readCursor(text);
    if (parts.length !== 4) return undefined;
    const [madeFor, part, key, id] = parts;
    if (madeFor !== digest || typeof part !== 'number' || typeof id !== 'string' || !isId(id))
      return undefined;
    const type = keys[part];
    if (type === 'number' && Number.isSafeInteger(key)) return { part, key: key as number, id };
    // PostgreSQL refuses a text with U+0000 in it.
    const isText = type === 'string' && typeof key === 'string' && !key.includes('\u0000');
    return isText && key.isWellFormed() ? { part, key, id } : undefined;
  }

  function write({ part, key, id }: Position): string {
    return writeCursor([digest, part, key, id]);
  }

  return {
    /** @throws AuthError `BAD_USER_INPUT` */
    readPage({ first, after, last, before }: PageArguments): Page {
      if (first != null && last != null) throw new AuthError('BAD_USER_INPUT', { field: 'last' });
      const size = first ?? last ?? DEFAULT_PAGE;
      if (size < 0 || size > LARGEST_PAGE)
        throw new AuthError('BAD_USER_INPUT', { field: last == null ? 'first' : 'last' });
      return {
        size,
        isBackward: last != null,
        after: read(after, 'after'),
        before: read(before, 'before'),
      };
    },

    /**
     * @param found one row more than the page has, where there is one, in the direction of the page.
     */
    connectionOf<Row extends { readonly position: Position }>(
      found: readonly Row[],
      { size, isBackward, after, before }: Page,
    ): { edges: { cursor: string; row: Row }[]; pageInfo: PageInfo } {
      const rows = found.slice(0, size);
      if (isBackward) rows.reverse();
      const edges = rows.map((row) => ({ cursor: write(row.position), row }));
      const hasMore = found.length > size;
      return {
        edges,
        pageInfo: {
          hasNextPage: isBackward ? before !== undefined : hasMore,
          hasPreviousPage: isBackward ? hasMore : after !== undefined,
          startCursor: edges.at(0)?.cursor ?? null,
          endCursor: edges.at(-1)?.cursor ?? null,
        },
      };
    },
  };
}
