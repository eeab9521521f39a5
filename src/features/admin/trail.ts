import type { EventView, Operation, Operators, PageInfo, Stats } from '../../core/operators/service.ts';
import { countLiveSessions } from '../../core/sessions/operator-store.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Clock } from '../../platform/clock.ts';
import { DAY_MS, HOUR_MS } from '../../platform/durations.ts';
import { isId } from '../../platform/id.ts';
import { countEvents, eventsPart } from './audit-store.ts';
import { createCursors, type PageArguments } from './cursors.ts';
import { readKeyset } from './keyset.ts';

const INTERVALS = { HOUR: HOUR_MS, DAY: DAY_MS, WEEK: 7 * DAY_MS } as const;
const MOST_INTERVALS = 366;
const LONGEST_NAME = 64;

/** What each number of the statistics counts. */
const COUNTED = {
  logins: ['authn_login_success', 'authn_login_successafterfail'],
  failures: ['authn_login_fail'],
  registrations: ['user_created'],
} as const;

export interface TrailOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly operators: Pick<Operators, 'authorize'>;
}

export type EventFilterInput = {
  readonly userId?: string | null | undefined;
  readonly name?: string | null | undefined;
  readonly outcome?: 'SUCCESS' | 'FAIL' | null | undefined;
  readonly from?: Date | null | undefined;
  readonly to?: Date | null | undefined;
};

export interface EventConnection {
  readonly edges: readonly { readonly cursor: string; readonly node: EventView }[];
  readonly pageInfo: PageInfo;
}

/** Reads the audit trail for operators. */
export function createTrail({ database, clock, operators }: TrailOptions) {
  return {
    /** @throws AuthError `FORBIDDEN`, `BAD_USER_INPUT`, `UNAVAILABLE`. */
    async events(
      operation: Operation,
      args: Pick<PageArguments, 'first' | 'after'> & {
        readonly filter?: EventFilterInput | null | undefined;
      },
    ): Promise<EventConnection> {
      operators.authorize(operation, 'latchkey:audit:read');
      const { userId, name, outcome, from, to } = args.filter ?? {};
      if (name != null && (name.length > LONGEST_NAME || name.includes('\u0000')))
        throw new AuthError('BAD_USER_INPUT', { field: 'filter.name' });
      const filter = {
        userId: userId == null || isId(userId) ? (userId ?? undefined) : '',
        name: name ?? undefined,
        outcome:
          outcome == null ? undefined : outcome === 'SUCCESS' ? ('success' as const) : ('fail' as const),
        from: from?.getTime(),
        to: to?.getTime(),
      };
      const cursors = createCursors(['events', filter], ['number']);
      const page = cursors.readPage({ first: args.first, after: args.after });
      const sql = database.before(operation.caller.deadline);
      const found = await readKeyset<EventView>(sql, [eventsPart(filter)], page);
      const { edges, pageInfo } = cursors.connectionOf(found, page);
      return { edges: edges.map(({ cursor, row }) => ({ cursor, node: row })), pageInfo };
    },

    /** @throws AuthError `FORBIDDEN`, `BAD_USER_INPUT`, `UNAVAILABLE`. */
    async stats(
      operation: Operation,
      { from, to, interval }: { from: Date; to: Date; interval: keyof typeof INTERVALS },
    ): Promise<Stats> {
      operators.authorize(operation, 'latchkey:audit:read');
      const intervalMs = INTERVALS[interval];
      const [begin, end] = [from.getTime(), to.getTime()];
      const count = Math.ceil((end - begin) / intervalMs);
      if (count < 1 || count > MOST_INTERVALS) throw new AuthError('BAD_USER_INPUT', { field: 'to' });
      const sql = database.before(operation.caller.deadline);
      const names = Object.values(COUNTED).flat();
      const rows = await countEvents(sql, { names, from: begin, to: end, intervalMs });
      const totalOf = (index: number, counted: readonly string[]) =>
        rows
          .filter((row) => row.interval === index && counted.includes(row.name))
          .reduce((sum, row) => sum + row.count, 0);
      const intervals = Array.from({ length: count }, (_, index) => ({
        from: new Date(begin + index * intervalMs),
        logins: totalOf(index, COUNTED.logins),
        failures: totalOf(index, COUNTED.failures),
        registrations: totalOf(index, COUNTED.registrations),
      }));
      return { intervals, countLiveSessions: () => countLiveSessions(sql, clock.now()) };
    },
  };
}
