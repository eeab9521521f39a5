import type { RecordEvent } from '../../core/audit/store.ts';
import type { ExternalLogins } from '../../core/external-logins/service.ts';
import type { Factors } from '../../core/factors/service.ts';
import type { Challenges } from '../../core/login/challenges.ts';
import type { Mail } from '../../core/mail/service.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { ServiceAccounts } from '../../core/service-accounts/service.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import type { Tokens } from '../../core/tokens/service.ts';
import type { Database } from '../../database/database.ts';
import type { Clock } from '../../platform/clock.ts';

export interface RestoreOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly sessions: Pick<Sessions, 'endAll'>;
  readonly serviceAccounts: Pick<ServiceAccounts, 'revokeAll'>;
  readonly tokens: Pick<Tokens, 'rotateKeys'>;
  readonly oneTimeTokens: Pick<OneTimeTokens, 'endAll'>;
  readonly challenges: Pick<Challenges, 'endAll'>;
  readonly externalLogins: Pick<ExternalLogins, 'endStarts'>;
  readonly factors: Pick<Factors, 'endResets'>;
  readonly mail: Pick<Mail, 'forget'>;
}

/** What follows a restore. */
export function createRestore({
  database,
  clock,
  recordEvent,
  sessions,
  serviceAccounts,
  tokens,
  oneTimeTokens,
  challenges,
  externalLogins,
  factors,
  mail,
}: RestoreOptions) {
  return {
    /**
     * Makes a restored backup safe to serve. What was logged out, spent or rotated after it is back in its rows as it was
     * before. So every session, every API key, every one-time token, every login that waits, every external login that was begun and
     * every removal of factors that waits ends. No key of then signs or verifies any more, and no mail of then is sent
     * (CR-6). Passwords and disabled accounts stay as the backup has them.
     *
     * Many short transactions, because one of millions of rows would hold all of them in memory, to be able to undo
     * them. Interrupted, it is called again; its event then counts what was left.
     *
     * @returns how many sessions it ended.
     */
    async finishRestore(): Promise<number> {
      const count = await sessions.endAll('restore');
      await serviceAccounts.revokeAll();
      await mail.forget();
      await oneTimeTokens.endAll();
      await challenges.endAll();
      await externalLogins.endStarts();
      await factors.endResets();
      await tokens.rotateKeys({ emergency: true });
      await recordEvent(database, {
        name: 'authz_admin',
        outcome: 'success',
        at: clock.now(),
        details: { by: 'operator', reason: 'restore', count },
      });
      return count;
    },
  };
}
