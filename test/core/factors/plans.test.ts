import { afterAll, beforeAll, expect, it } from '@jest/globals';
import * as resets from '../../../src/core/factors/reset-store.ts';
import * as store from '../../../src/core/factors/store.ts';
import * as challenges from '../../../src/core/login/challenge-store.ts';
import type { Sql } from '../../../src/database/database.ts';
import { migratedDatabase } from '../../support/databases.ts';

/*
 * SQLite says how it would find the rows of a statement, whatever is in the table. PostgreSQL has the same indexes, and
 * its plan depends on the size of the table.
 */

let own: Awaited<ReturnType<typeof migratedDatabase>>;
beforeAll(async () => {
  own = await migratedDatabase('sqlite');
});
afterAll(() => own.drop());

/** Explains statements and does none of them. */
function explaining(plans: string[]): Sql {
  async function explain(text: string, params: Parameters<Sql['all']>[1] = {}): Promise<never[]> {
    const steps = await own.database.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${text}`, params);
    plans.push(...steps.map(({ detail }) => detail));
    return [];
  }
  return {
    get: (text, params) => explain(text, params).then(() => undefined),
    all: explain,
    run: (text, params) => explain(text, params).then(() => 0),
  };
}

const id = 'id';
const userId = 'user';
const now = 1;
const limit = 100;
const tokenHash = 'hash';
const STATEMENTS: Record<string, (sql: Sql) => Promise<unknown>> = {
  listFactors: (sql) => store.listFactors(sql, userId),
  findEnrolment: (sql) => store.findEnrolment(sql, { userId, kind: 'TOTP', now }),
  confirmEnrolment: (sql) => store.confirmEnrolment(sql, { id, name: null, step: 1, now }),
  spendStep: (sql) => store.spendStep(sql, { id, step: 1, now }),
  renameFactor: (sql) => store.renameFactor(sql, { id, userId, name: null }),
  deleteFactor: (sql) => store.deleteFactor(sql, { id, userId }),
  deleteFactorsSince: (sql) => store.deleteFactorsSince(sql, { userId, since: 0 }),
  deleteExpiredEnrolments: (sql) => store.deleteExpiredEnrolments(sql, { expiredBefore: now, limit }),
  countRecoveryCodes: (sql) => store.countRecoveryCodes(sql, userId),
  hasRecoveryCode: (sql) => store.hasRecoveryCode(sql, { userId, codeHash: 'hash' }),
  deleteRecoveryCode: (sql) => store.deleteRecoveryCode(sql, { userId, codeHash: 'hash' }),
  deleteRecoveryCodes: (sql) => store.deleteRecoveryCodes(sql, { userId, since: 0 }),
  findReset: (sql) => resets.findReset(sql, userId),
  listResets: (sql) => resets.listResets(sql, { now, limit }),
  takeTry: (sql) => challenges.takeTry(sql, { tokenHash, now }),
  deleteChallenge: (sql) => challenges.deleteChallenge(sql, { tokenHash, now }),
  deleteExpiredChallenges: (sql) => challenges.deleteExpiredChallenges(sql, { expiredBefore: now, limit }),
  'the deletion of a user': async (sql) => {
    for (const table of ['factors', 'recovery_codes', 'mfa_challenges', 'factor_resets'])
      await sql.run(`DELETE FROM ${table} WHERE user_id = :userId`, { userId });
  },
};

it.each(Object.keys(STATEMENTS))(
  'finds its rows by an index, however many accounts there are: %s',
  async (name) => {
    const plans: string[] = [];
    await STATEMENTS[name]?.(explaining(plans));
    expect(plans.filter((step) => /^(SEARCH|SCAN)/.test(step))).not.toEqual([]);
    expect(plans.filter((step) => step.startsWith('SCAN'))).toEqual([]);
  },
);
