import type { Clock } from '../../clock.ts';
import { createKeyring } from '../../crypto/keyring.ts';
import type { Database } from '../../database/database.ts';
import { inSteps } from '../../sweep.ts';
import { BEGINNING, createProofs, digestBatch } from './chain.ts';
import * as store from './store.ts';

/** Events of one batch: its transaction is short, and a broken one says where within so many rows. */
const BATCH = 500;
/** How much older than the batch before its own an event may be: slow transactions, clocks out of step. */
const LATE_MS = 15 * 60_000;

export interface AuditOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly secrets: readonly Buffer[];
  readonly auditRetentionSeconds: number;
}

/** What stands at the end of the chain; kept outside of the database, it proves later that nothing was cut off. */
export interface Head {
  readonly sequence: number;
  readonly digest: string;
}

/** Something in the trail that the server did not write. */
export interface Finding {
  /**
   * - `changed`: the events of the batch, or its row, are not those that were chained
   * - `missing`: batches were removed
   * - `inserted`: the event, or the first of several, was put in
   * - `forged`: the batch was made without the secret
   * - `unproven`: a secret proves the batch that this server does not have
   * - `cut`: the head that was named is not in the chain
   */
  readonly problem: 'changed' | 'missing' | 'inserted' | 'forged' | 'unproven' | 'cut';
  /** The first and the last batch that it is about; none for an event that is not chained yet. */
  readonly batches?: readonly [first: number, last: number];
  readonly eventId?: string;
}

export interface Verification {
  readonly findings: readonly Finding[];
  readonly batchCount: number;
  /** Events in those batches. */
  readonly eventCount: number;
  /** Newer events that the next turn of the housekeeping chains. */
  readonly unchainedCount: number;
  readonly head: Head;
}

export type Audit = ReturnType<typeof createAudit>;

/** Keeps the audit trail: chains it, proves it and deletes what is old; chain.ts explains how. */
export function createAudit({ database, clock, secrets, auditRetentionSeconds }: AuditOptions) {
  const proofs = createProofs(createKeyring(secrets, 'audit'));

  async function chainBatch(): Promise<number> {
    return database.transaction(async (sql) => {
      const previous = (await store.findHead(sql)) ?? BEGINNING;
      const sequence = previous.sequence + 1;
      const now = clock.now();
      const events = await store.takeUnchained(sql, { sequence, limit: BATCH });
      const eventCount = events.length;
      if (eventCount === 0) return 0;

      // A full batch may leave others behind, and none that is older than its newest.
      const newest = Math.max(...events.map(({ occurredAt }) => occurredAt));
      const chainedUntil = Math.max(previous.chainedUntil, eventCount < BATCH ? now : newest);
      const batch = { sequence, chainedUntil, eventCount };
      const digest = digestBatch({ ...batch, previousDigest: previous.digest }, events);
      await store.insertBatch(sql, { ...batch, digest, proof: proofs.make('chained', { sequence, digest }) });
      return eventCount;
    });
  }

  async function pruneBatch(before: number): Promise<boolean> {
    return database.transaction(async (sql) => {
      const tail = await store.findTail(sql);
      const anchor = tail === undefined || tail.prunedProof === null ? BEGINNING : tail;
      const next = await store.findBatchAfter(sql, anchor.sequence);
      if (next === undefined || next.batch.chainedUntil >= before) return false;
      const { sequence } = next.batch;
      // Else the age of a batch could be forged, and the server itself would sign its end.
      if (judge(next, anchor).length > 0)
        throw new Error(`Batch ${sequence} of the audit trail is kept: see \`latchkey audit verify\`.`);
      await store.setPrunedProof(sql, { sequence, prunedProof: proofs.make('pruned', next.batch) });
      await store.deleteUpTo(sql, sequence);
      return true;
    });
  }

  /** What is wrong with a batch that comes after `previous`. */
  function judge(
    { batch, events }: store.ChainedBatch,
    previous: Pick<store.BatchRecord, 'sequence' | 'digest' | 'chainedUntil'>,
  ): Finding[] {
    const findings: Finding[] = [];
    const { sequence } = batch;
    const batches = [sequence, sequence] as const;
    if (batch.prunedProof !== null) {
      const verdict = proofs.check(batch.prunedProof, 'pruned', batch);
      if (verdict !== 'right') findings.push({ problem: verdict, batches });
      const [event] = events;
      if (event !== undefined) findings.push({ problem: 'inserted', batches, eventId: event.id });
      return findings;
    }

    if (sequence !== previous.sequence + 1)
      findings.push({ problem: 'missing', batches: [previous.sequence + 1, sequence - 1] });
    else if (digestBatch({ ...batch, previousDigest: previous.digest }, events) !== batch.digest)
      findings.push({ problem: 'changed', batches });
    const verdict = proofs.check(batch.proof, 'chained', batch);
    if (verdict !== 'right') findings.push({ problem: verdict, batches });
    // It would have been in an earlier batch, had it been there.
    const late = events.find(({ occurredAt }) => occurredAt < previous.chainedUntil - LATE_MS);
    if (late !== undefined) findings.push({ problem: 'inserted', batches, eventId: late.id });
    return findings;
  }

  async function* readChain(): AsyncGenerator<store.ChainedBatch> {
    for (let sequence = BEGINNING.sequence as number; ; ) {
      const next = await store.findBatchAfter(database, sequence);
      if (next === undefined) return;
      yield next;
      ({ sequence } = next.batch);
    }
  }

  return {
    /** Chains what has been written since the last time; how many events. In two processes at once, one fails. */
    async chain(): Promise<number> {
      let total = 0;
      await inSteps(async () => {
        const count = await chainBatch();
        total += count;
        return count === BATCH;
      });
      return total;
    },

    /**
     * Deletes the batches that are older than the retention. What is not chained is kept.
     *
     * @throws Error when the next of them is not as it was chained: it is evidence.
     */
    async prune(): Promise<void> {
      const before = clock.now() - auditRetentionSeconds * 1_000;
      await inSteps(() => pruneBatch(before));
    },

    /** Proves under the first secret what an older one proves, so that the older one can go; how many batches. */
    async reseal(): Promise<number> {
      let count = 0;
      for (let sequence = BEGINNING.sequence as number; ; ) {
        const batch = await store.findProofAfter(database, sequence);
        if (batch === undefined) return count;
        ({ sequence } = batch);
        if (batch.prunedProof !== null && proofs.isRenewable(batch.prunedProof, 'pruned', batch))
          await store.setPrunedProof(database, { sequence, prunedProof: proofs.make('pruned', batch) });
        if (!proofs.isRenewable(batch.proof, 'chained', batch)) continue;
        await store.setProof(database, { sequence, proof: proofs.make('chained', batch) });
        count += 1;
      }
    },

    /** Reads the whole trail and finds what the server did not write, while servers run. */
    async verify(expectedHead: Head = BEGINNING): Promise<Verification> {
      const findings: Finding[] = [];
      let previous: Head & { chainedUntil: number } = BEGINNING;
      let isHeadFound = expectedHead.sequence === BEGINNING.sequence;
      let batchCount = 0;
      let eventCount = 0;

      for await (const chained of readChain()) {
        const { batch, events } = chained;
        findings.push(...judge(chained, previous));
        if (batch.prunedProof === null) {
          batchCount += 1;
          eventCount += events.length;
        } else {
          // What is older than the retention cannot be asked for any more.
          isHeadFound ||= expectedHead.sequence < batch.sequence;
        }
        isHeadFound ||= expectedHead.sequence === batch.sequence && expectedHead.digest === batch.digest;
        previous = batch;
      }

      for (const { batch, eventId } of await store.listStrayEvents(database))
        findings.push({ problem: 'inserted', batches: [batch, batch], eventId });
      for (const { id } of await store.listUnchainedBefore(database, previous.chainedUntil - LATE_MS))
        findings.push({ problem: 'inserted', eventId: id });
      if (!isHeadFound)
        findings.push({ problem: 'cut', batches: [expectedHead.sequence, expectedHead.sequence] });

      const { sequence, digest } = previous;
      const unchainedCount = await store.countUnchained(database);
      return { findings, batchCount, eventCount, unchainedCount, head: { sequence, digest } };
    },
  };
}
