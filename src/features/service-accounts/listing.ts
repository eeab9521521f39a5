import { forbidden, type Operator, type PageInfo } from '../../core/operators/service.ts';
import type { ServiceAccountView } from '../../core/service-accounts/service.ts';
import * as store from '../../core/service-accounts/store.ts';
import type { Database, Sql } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { readCursor, writeCursor } from '../../platform/cursor.ts';

/** What changes keys, and shows them. */
export const SCOPE = 'latchkey:keys:write';
/** Without `first`, and at most: each account has its keys with it. The cost of a document counts as many. */
const PAGE = 20;
/** Tells its cursors from those of other lists. */
const CURSOR_OF = 'service-accounts';

/** A page of service accounts (Relay's cursor connections). */
export interface ServiceAccountPage {
  readonly edges: readonly { readonly cursor: string; readonly node: ServiceAccountView }[];
  readonly pageInfo: PageInfo;
}

/** Shows service accounts with their keys, a page at a time. */
export function createListing({ database }: { readonly database: Database }) {
  async function withKeys(
    sql: Sql,
    accounts: readonly store.ServiceAccountRecord[],
  ): Promise<ServiceAccountView[]> {
    const ids = accounts.map(({ id }) => id);
    const keys = ids.length === 0 ? [] : await store.listApiKeysOf(sql, ids);
    return accounts.map((account) => ({
      ...account,
      keys: keys.filter(({ serviceAccountId }) => serviceAccountId === account.id),
    }));
  }

  return {
    withKeys,

    /** @throws AuthError `FORBIDDEN` with the reason `INSUFFICIENT_SCOPE`; `BAD_USER_INPUT`. */
    async list(
      { scope, caller }: Operator,
      { first, after }: { first?: number | null; after?: string | null },
    ): Promise<ServiceAccountPage> {
      if (!scope.has(SCOPE) && !scope.has('latchkey:users:read')) throw forbidden('INSUFFICIENT_SCOPE');
      const size = first ?? PAGE;
      if (size < 0 || size > PAGE) throw new AuthError('BAD_USER_INPUT', { field: 'first' });
      const afterName = after == null ? '' : nameOf(after);
      const sql = database.before(caller.deadline);
      // One more, to know whether there is a next page.
      const found = await store.listServiceAccounts(sql, { afterName, limit: size + 1 });
      const edges = (await withKeys(sql, found.slice(0, size))).map((node) => ({
        cursor: cursorOf(node.name),
        node,
      }));
      return {
        edges,
        pageInfo: {
          hasNextPage: found.length > size,
          hasPreviousPage: false,
          startCursor: edges[0]?.cursor ?? null,
          endCursor: edges.at(-1)?.cursor ?? null,
        },
      };
    },
  };
}

function cursorOf(name: string): string {
  return writeCursor([CURSOR_OF, name]);
}

/** @throws AuthError `BAD_USER_INPUT` for what is no cursor of this list. */
function nameOf(cursor: string): string {
  const [list, name] = readCursor(cursor);
  if (list !== CURSOR_OF || typeof name !== 'string' || cursorOf(name) !== cursor || name.includes('\u0000'))
    throw new AuthError('BAD_USER_INPUT', { field: 'after' });
  return name;
}
