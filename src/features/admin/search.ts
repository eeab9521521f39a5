import type {
  AdminUserView,
  Operation,
  Operator,
  Operators,
  UserConnection,
} from '../../core/operators/service.ts';
import type { Roles } from '../../core/roles/service.ts';
import { canonicalEmail } from '../../core/users/service.ts';
import { findUserByEmail, type UserWithRoles } from '../../core/users/store.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { isLongerThan } from '../../platform/code-points.ts';
import { isId } from '../../platform/id.ts';
import { once } from '../../platform/once.ts';
import { findUserWithRoles } from './account-store.ts';
import { createCursors, type PageArguments } from './cursors.ts';
import { readKeyset } from './keyset.ts';
import { MOST_COUNTED, planSearch, type UserFilter, type UserOrder, type UserState } from './search-store.ts';
import { createUserViews, type UserViewsOptions } from './user-views.ts';

const LONGEST_TEXT = 254;
const LONGEST_ROLE = 63;

export interface SearchOptions extends UserViewsOptions {
  readonly database: Database;
  readonly operators: Pick<Operators, 'authorize'>;
  readonly roles: Pick<Roles, 'defaults'>;
}

export type FilterInput = {
  readonly text?: string | null | undefined;
  readonly id?: string | null | undefined;
  readonly role?: string | null | undefined;
  readonly state?: UserState | null | undefined;
  readonly createdFrom?: Date | null | undefined;
  readonly createdBefore?: Date | null | undefined;
};

/** Finds accounts for operators. */
export function createSearch(options: SearchOptions) {
  const { database, operators, roles } = options;
  const views = createUserViews(options);

  /** @throws AuthError `BAD_USER_INPUT` */
  function readFilter({ text, id, role, state, createdFrom, createdBefore }: FilterInput): UserFilter {
    const prefix = text?.trim();
    if (prefix !== undefined && (isLongerThan(prefix, LONGEST_TEXT) || prefix.includes('\u0000')))
      throw new AuthError('BAD_USER_INPUT', { field: 'filter.text' });
    if (role != null && (role.length > LONGEST_ROLE || role.includes('\u0000')))
      throw new AuthError('BAD_USER_INPUT', { field: 'filter.role' });
    return {
      text: prefix || undefined,
      // No account has an id of another shape.
      id: id == null || isId(id) ? (id ?? undefined) : '',
      role: role == null || roles.defaults.includes(role) ? undefined : role,
      state: state ?? undefined,
      createdFrom: createdFrom?.getTime(),
      createdBefore: createdBefore?.getTime(),
    };
  }

  return {
    /** @throws AuthError `FORBIDDEN`, `BAD_USER_INPUT`, `UNAVAILABLE`. */
    async users(
      operation: Operation,
      args: PageArguments & {
        readonly filter?: FilterInput | null | undefined;
        readonly orderBy?: Partial<UserOrder> | null | undefined;
      },
    ): Promise<UserConnection> {
      const operator = operators.authorize(operation, 'latchkey:users:read');
      const filter = readFilter(args.filter ?? {});
      if (filter.text !== undefined && args.orderBy != null)
        throw new AuthError('BAD_USER_INPUT', { field: 'orderBy' });
      const order: UserOrder = { field: 'CREATED', direction: 'DESC', ...args.orderBy };
      const textual = filter.text !== undefined || order.field === 'EMAIL';
      const keys = filter.text === undefined ? [textual ? 'string' : 'number'] : ['string', 'string'];
      const cursors = createCursors(['users', filter, order], keys as ('string' | 'number')[]);
      const page = cursors.readPage(args);
      const sql = database.before(operation.caller.deadline);
      const { parts, count } = await planSearch(sql, filter, order);
      const found = await readKeyset<UserWithRoles>(sql, parts, page);
      const { edges, pageInfo } = cursors.connectionOf(found, page);
      const users = views.of(
        edges.map(({ row }) => row),
        operator,
      );
      return {
        edges: users.map((node, i) => ({ cursor: edges[i]?.cursor ?? '', node })),
        pageInfo,
        // Two fields of a connection rest on it.
        count: once(count),
      };
    },

    /** @throws AuthError `FORBIDDEN`, `BAD_USER_INPUT`, `UNAVAILABLE`. */
    async user(
      operation: Operation,
      { id, email }: { readonly id?: string | null | undefined; readonly email?: string | null | undefined },
    ): Promise<AdminUserView | undefined> {
      const operator = operators.authorize(operation, 'latchkey:users:read');
      if ((id == null) === (email == null)) throw new AuthError('BAD_USER_INPUT', { field: 'id' });
      const sql = database.before(operation.caller.deadline);
      const found = email == null ? id : (await findUserByEmail(sql, canonicalEmail(email)))?.id;
      const user = found != null && isId(found) ? await findUserWithRoles(sql, found) : undefined;
      return user && viewOf(user, operator);
    },

    viewOf,
  };

  /** One account. */
  function viewOf(user: UserWithRoles, operator: Pick<Operator, 'scope'>): AdminUserView {
    const [view] = views.of([user], operator);
    if (view === undefined) throw new Error('a list of one has no view');
    return view;
  }
}

/** The count as a connection says it. */
export function totalOf(count: number): { total: number; isCapped: boolean } {
  return { total: Math.min(count, MOST_COUNTED), isCapped: count > MOST_COUNTED };
}
