import type { Database } from '../../database/database.ts';
import type { Clock } from '../../platform/clock.ts';
import { inSteps } from '../../platform/sweep.ts';
import { BEGINNING, type Proofs } from './chain.ts';
import type { EventProofs } from './event-proof.ts';
import * as store from './store.ts';
import type { createVerification } from './verification.ts';

export interface RetentionOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly proofs: Proofs;
  readonly eventProofs: Pick<EventProofs, 'check'>;
  readonly judge: ReturnType<typeof createVerification>['judge'];
  readonly auditRetentionSeconds: number;
}

/** Deletes what is older than the retention, if it still is as the server wrote it. */
export function createRetention({
  database,
  clock,
  proofs,
  eventProofs,
  judge,
  auditRetentionSeconds,
}: RetentionOptions) {
  async function pruneBatch(before: number): Promise<boolean> {
    return database.transaction(async (sql) => {
      const tail = await store.findTail(sql);
      const anchor = tail?.prunedProof == null ? undefined : tail;
      const next = await store.findBatchAfter(sql, anchor?.sequence ?? BEGINNING.sequence);
      if (next === undefined || next.batch.chainedUntil >= before) return false;
      const { sequence } = next.batch;
      // Else the age of a batch could be forged, and the server itself would sign its end.
      if (!isGenuine(next, anchor))
        throw new Error(`Batch ${sequence} of the audit trail is kept: see \`latchkey audit verify\`.`);
      await store.setPrunedProof(sql, { sequence, prunedProof: proofs.make('pruned', next.batch) });
      await store.deleteUpTo(sql, sequence);
      return true;
    });
  }

  /** Whether a batch, and the anchor that it comes after, are as the server left them. */
  function isGenuine(next: store.ChainedBatch, anchor: store.BatchRecord | undefined): boolean {
    if (anchor !== undefined && proofs.check(anchor.prunedProof ?? '', 'pruned', anchor) !== 'right')
      return false;
    if (next.events.some((event) => eventProofs.check(event).verdict === 'forged')) return false;
    return judge(next, anchor ?? BEGINNING).length === 0;
  }

  /**
   * Deletes the batches that are older than the retention. What is not chained is kept.
   *
   * @throws Error when the next of them is not as it was chained: it is evidence.
   */
  async function prune(): Promise<void> {
    const before = clock.now() - auditRetentionSeconds * 1_000;
    await inSteps(() => pruneBatch(before));
  }

  return { prune };
}
