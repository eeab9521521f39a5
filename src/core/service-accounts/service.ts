import type { Database } from '../../database/database.ts';
import { sweepChore } from '../../platform/chore.ts';
import type { Clock } from '../../platform/clock.ts';
import { DAY_MS } from '../../platform/durations.ts';
import { sweep } from '../../platform/sweep.ts';
import { wordsOf } from '../../platform/words.ts';
import type { Roles } from '../roles/service.ts';
import type { Users } from '../users/service.ts';
import { createExchange, type ExchangeOptions } from './exchange.ts';
import { createKeyLiveness } from './liveness.ts';
import * as store from './store.ts';

export type { MachineViewer } from './liveness.ts';
export type { ApiKeyRecord } from './store.ts';

/** Keys are shown for a while after their end. */
const KEEP_ENDED_MS = 30 * DAY_MS;

export interface ServiceAccountsOptions extends Omit<ExchangeOptions, 'allowedBy'> {
  readonly database: Database;
  readonly clock: Clock;
  readonly users: Pick<Users, 'owedBy'>;
  readonly roles: Pick<Roles, 'rightsOf'>;
}

/** A service account as operators see it. */
export interface ServiceAccountView extends store.ServiceAccountRecord {
  /** The newest first. */
  readonly keys: readonly store.ApiKeyRecord[];
}

export type ServiceAccounts = ReturnType<typeof createServiceAccounts>;

/** Programs that have tokens of their own: the exchange of their keys, and whether a key works. */
export function createServiceAccounts({ users, roles, ...options }: ServiceAccountsOptions) {
  const { database, clock } = options;

  /** What a key allows now: its scopes, cut by those of its account and by the roles of its maker. */
  function allowedBy({ scope, ceiling, roles: given, secondFactors }: store.LiveApiKey): readonly string[] {
    // A maker who has to enrol a second factor may do nothing else.
    if (users.owedBy({ secondFactors }, { acr: 'aal2' }) !== undefined) return [];
    const most = ceiling === null ? undefined : wordsOf(ceiling);
    return roles
      .rightsOf({ roles: given, narrowedTo: scope })
      .scope.filter((name) => most === undefined || most.includes(name));
  }

  /** Deletes keys that ended long ago; how many. */
  function prune(): Promise<number> {
    const endedBefore = clock.now() - KEEP_ENDED_MS;
    return sweep((limit) => store.deleteEndedApiKeys(database, { endedBefore, limit }));
  }

  return {
    ...createExchange({ ...options, allowedBy }),
    ...createKeyLiveness({ database, clock, allowedBy }),

    /** Revokes the keys of all accounts; how many. */
    revokeAll(): Promise<number> {
      const now = clock.now();
      return sweep((limit) => store.revokeApiKeys(database, { limit, now }));
    },

    prune,
    chores: [sweepChore('ended API keys', prune)],
  };
}
