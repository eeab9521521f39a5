import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { confirmEnrolment, insertRecoveryCodes, putEnrolment } from '../../src/core/factors/store.ts';
import { insertUser } from '../../src/core/users/store.ts';
import type { Sql } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { engines, freshDatabase } from '../support/databases.ts';
import { startRacer } from '../support/racers.ts';
import { useCleanups } from '../support/setup.ts';
import { START } from '../support/start-app.ts';
import type { Round, Spending } from './factor-racer.ts';

/*
 * Two processes on one database spend the same codes of second factors, and the same challenges of passkeys, at the same time: 25 rounds of 8 tries, four of
 * each process. A code is spent once, or it let two logins in.
 */

const RACER = fileURLToPath(new URL('./factor-racer.ts', import.meta.url));
const ROUNDS = 25;
const TRIES_OF_EACH = 4;
/** A store that reads before it writes is found out long before. */
const BROKEN_ROUNDS = 400;
const TIME_LIMIT_MS = 120_000;
const USER = { id: 'ada', email: 'ada@example.com', emailCanonical: 'ada@example.com', name: null };
const FACTOR = 'ada-totp';

const cleanups = useCleanups();

describe.each(engines)('races of two processes for the same codes on %s', (engine) => {
  it.each(['TOTP', 'RECOVERY_CODE', 'PASSKEY'] as const)(
    'two processes at once spend each code once: %s (MFA-1, MFA-3, MFA-5)',
    async (kind) => {
      const counts = await race(kind, { spending: 'one statement', rounds: ROUNDS });
      expect(counts).toEqual(Array(ROUNDS).fill(1));
    },
    TIME_LIMIT_MS,
  );

  it.each(['TOTP', 'RECOVERY_CODE', 'PASSKEY'] as const)(
    'a store that reads before it writes spends a code twice, and the race finds it: %s',
    async (kind) => {
      const counts = await race(kind, { spending: 'read, then write', rounds: BROKEN_ROUNDS });
      expect(Math.max(...counts)).toBeGreaterThan(1);
    },
    TIME_LIMIT_MS,
  );

  /** How often the code of each round was spent. */
  async function race(
    kind: Round['kind'],
    { spending, rounds }: { spending: Spending; rounds: number },
  ): Promise<number[]> {
    const fresh = await freshDatabase(engine);
    cleanups.push(fresh.drop);
    await migrate(fresh.database);
    await fresh.database.transaction((tx) => begin(tx, rounds));
    const racers = await Promise.all(
      [1, 2].map(() => startRacer<Round, number>(RACER, [fresh.url, spending])),
    );
    cleanups.push(...racers.map(({ stop }) => stop));
    const counts: number[] = [];
    for (let step = 1; step <= rounds; step += 1) {
      const round = {
        kind,
        factorId: FACTOR,
        userId: USER.id,
        step,
        codeHash: `code-${step}`,
        tries: TRIES_OF_EACH,
      };
      const spent = await Promise.all(racers.map(({ run }) => run(round)));
      counts.push(spent.reduce((sum, count) => sum + count, 0));
      // One success of two processes that both read first is luck; several are the rule.
      if (spending !== 'one statement' && (counts.at(-1) ?? 0) > 1) break;
    }
    return counts;
  }
});

async function begin(sql: Sql, rounds: number): Promise<void> {
  await insertUser(sql, { ...USER, passwordHash: '', now: START });
  const factor = { id: FACTOR, userId: USER.id, kind: 'TOTP', sealedSecret: '' } as const;
  await putEnrolment(sql, { ...factor, now: START, expiresAt: START + 1 });
  await confirmEnrolment(sql, { id: FACTOR, name: null, step: 0, now: START });
  const codeHashes = Array.from({ length: rounds }, (_, i) => `code-${i + 1}`);
  await insertRecoveryCodes(sql, { userId: USER.id, codeHashes, now: START });
}
