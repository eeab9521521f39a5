import type { Sql } from '../../database/database.ts';
import { type Caller, networkOf } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { createFewPerMinute } from '../../platform/few-per-minute.ts';
import type { AuditEvent, RecordEvent } from '../audit/store.ts';
import type { SessionRecord } from './store.ts';

/** Events of retries from elsewhere, of one session in a minute. */
const MOST_REPORTED_RETRIES = 10;

export interface RotationEventsOptions {
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
}

/** What the audit trail says of refresh tokens: nothing of those that are spent as they should be. */
export function createRotationEvents({ clock, recordEvent }: RotationEventsOptions) {
  const isNews = createFewPerMinute(MOST_REPORTED_RETRIES);

  function record(
    sql: Sql,
    { session, caller, ...event }: Pick<AuditEvent, 'name' | 'outcome' | 'details'> & Told,
  ): Promise<void> {
    const { userId, id: sessionId } = session;
    return recordEvent(sql, { ...event, at: clock.now(), userId, sessionId, caller });
  }

  return {
    /** A retry from elsewhere than the rotation it repeats may be a thief's. The trail says so, a few times a minute. */
    async recordRetry(sql: Sql, { session, caller }: Told): Promise<void> {
      const isElsewhere =
        networkOf(session.ip ?? '') !== networkOf(caller.ip) ||
        session.userAgent !== (caller.userAgent ?? null);
      if (!isElsewhere || !isNews(session.id)) return;
      const details = { reason: 'other_client' };
      await record(sql, { name: 'authn_token_retry', outcome: 'success', session, caller, details });
    },

    recordReuse: (sql: Sql, { generation, ...told }: Told & { generation: number }): Promise<void> =>
      record(sql, { name: 'authn_token_reuse', outcome: 'fail', details: { generation }, ...told }),

    async recordSkip(sql: Sql, told: Told): Promise<void> {
      const { skippedGenerations: skipped } = told.session;
      if (skipped > 0)
        await record(sql, { name: 'authn_token_skip', outcome: 'success', details: { skipped }, ...told });
    },
  };
}

interface Told {
  readonly session: SessionRecord;
  readonly caller: Caller;
}
