import { deleteRecoveryCode, hasRecoveryCode, spendStep } from '../../src/core/factors/store.ts';
import { insertSpentChallenge } from '../../src/core/passkeys/store.ts';
import type { Sql } from '../../src/database/database.ts';
import { openDatabase } from '../../src/database/open.ts';

/*
 * One of the two processes of factor-race.test.ts, forked with the URL of the database and the way of spending. For each
 * round that it is sent it tries to spend the same code several times at once, and answers how often it succeeded.
 */

export type Spending = 'one statement' | 'read, then write';

export interface Round {
  readonly kind: 'TOTP' | 'RECOVERY_CODE' | 'PASSKEY';
  readonly factorId: string;
  readonly userId: string;
  readonly step: number;
  /** Of a recovery code, or of the challenge of a passkey. */
  readonly codeHash: string;
  /** Tries at once of this process. */
  readonly tries: number;
}

const now = 1_000;

/** What the server does. */
function spend(sql: Sql, { kind, factorId, userId, step, codeHash }: Round): Promise<number> {
  if (kind === 'PASSKEY') return insertSpentChallenge(sql, { challengeHash: codeHash, expiresAt: now });
  return kind === 'TOTP'
    ? spendStep(sql, { id: factorId, step, now })
    : deleteRecoveryCode(sql, { userId, codeHash });
}

/** What it must not do: between the two statements another process may have spent the same code. */
async function readThenWrite(sql: Sql, { kind, factorId, userId, step, codeHash }: Round): Promise<number> {
  if (kind === 'PASSKEY') {
    const spent = await sql.get(
      'SELECT 1 AS found FROM spent_passkey_challenges WHERE challenge_hash = :codeHash',
      { codeHash },
    );
    if (spent !== undefined) return 0;
    await insertSpentChallenge(sql, { challengeHash: codeHash, expiresAt: now });
    return 1;
  }
  if (kind === 'RECOVERY_CODE') {
    if (!(await hasRecoveryCode(sql, { userId, codeHash }))) return 0;
    await sql.run('DELETE FROM recovery_codes WHERE user_id = :userId AND code_hash = :codeHash', {
      userId,
      codeHash,
    });
    return 1;
  }
  const row = await sql.get<{ lastStep: number }>(
    'SELECT last_step AS "lastStep" FROM factors WHERE id = :factorId',
    { factorId },
  );
  if (row === undefined || row.lastStep >= step) return 0;
  await sql.run('UPDATE factors SET last_step = :step WHERE id = :factorId', { step, factorId });
  return 1;
}

const [url = '', spending] = process.argv.slice(2);
const database = await openDatabase(url);
const work = (spending as Spending) === 'read, then write' ? readThenWrite : spend;
process.on('message', async (round: Round) => {
  const spent = await Promise.all(Array.from({ length: round.tries }, () => work(database, round)));
  process.send?.(spent.filter((count) => count === 1).length);
});
// The parent lets go when the race is over, or when it died.
process.on('disconnect', () => database.close());
process.send?.('ready');
