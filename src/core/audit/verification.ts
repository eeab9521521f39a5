import type { Database } from '../../database/database.ts';
import { MINUTE_MS } from '../../platform/durations.ts';
import { BEGINNING, digestBatch, type Head, type Proofs } from './chain.ts';
import type { EventProofs } from './event-proof.ts';
import type { Finding } from './finding.ts';
import * as store from './store.ts';
import { createWitnesses } from './witnesses.ts';

/** How much older than the batch before its own an event may be: slow transactions, clocks out of step. */
const LATE_MS = 15 * MINUTE_MS;
const PAGE = 500;

export interface Verification {
  readonly findings: readonly Finding[];
  readonly batchCount: number;
  /** Events in those batches. */
  readonly eventCount: number;
  /** Newer events that the next turn of the housekeeping chains. */
  readonly unchainedCount: number;
  /** Events without a proof of their own that a version before may have written. */
  readonly bareCount: number;
  readonly head: Head;
}

type Previous = Head & Pick<store.BatchRecord, 'chainedUntil'>;

export interface VerificationOptions {
  readonly database: Database;
  readonly proofs: Proofs;
  readonly eventProofs: EventProofs;
}

/** Reads the trail and finds what the server did not write. */
export function createVerification({ database, proofs, eventProofs }: VerificationOptions) {
  /** What is wrong with a batch that comes after `previous`. */
  function judge({ batch, events }: store.ChainedBatch, previous: Previous): Finding[] {
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

  /** The events that no batch has yet, the oldest first, a page at a time. */
  async function* readUnchained(): AsyncGenerator<readonly store.EventRecord[]> {
    for (let [at, afterId] = [Number.MIN_SAFE_INTEGER, '']; ; ) {
      const page = await store.listUnchained(database, { at, afterId, limit: PAGE });
      const last = page.at(-1);
      if (last === undefined) return;
      yield page;
      [at, afterId] = [last.occurredAt, last.id];
    }
  }

  /** One event of each batch that is claimed and not there, between two numbers. */
  async function findStrays(above: number, below: number): Promise<Finding[]> {
    const findings: Finding[] = [];
    for (let from = above; ; ) {
      const stray = await store.findStrayEvent(database, { above: from, below });
      if (stray === undefined) return findings;
      const { batch, eventId } = stray;
      findings.push({ problem: 'inserted', batches: [batch, batch], eventId });
      from = batch;
    }
  }

  return {
    judge,
    readChain,
    readUnchained,

    /** Reads the whole trail, while servers run. */
    async verify(expectedHead: Head = BEGINNING): Promise<Verification> {
      const findings: Finding[] = [];
      const strays: Finding[] = [];
      const witnesses = createWitnesses({
        eventProofs,
        findBatch: (sequence) => store.findBatch(database, sequence),
      });
      let previous: Previous = BEGINNING;
      let above: number = Number.MIN_SAFE_INTEGER;
      let isHeadFound = expectedHead.sequence === BEGINNING.sequence;
      let batchCount = 0;
      let eventCount = 0;

      for await (const chained of readChain()) {
        const { batch, events } = chained;
        const ofBatch = judge(chained, previous);
        const ofEvents = await witnesses.hear(events, batch);
        // What is said of the whole batch goes without saying of its events.
        const ofBoth = ofEvents.filter(({ problem }) => !ofBatch.some((one) => one.problem === problem));
        findings.push(...ofBatch, ...ofBoth);
        if (batch.sequence - above > 1) strays.push(...(await findStrays(above, batch.sequence)));
        above = batch.sequence;
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
      findings.push(...strays, ...(await findStrays(above, Number.MAX_SAFE_INTEGER)));

      let unchainedCount = 0;
      for await (const events of readUnchained()) {
        unchainedCount += events.length;
        for (const { id, occurredAt } of events)
          if (occurredAt < previous.chainedUntil - LATE_MS)
            findings.push({ problem: 'inserted', eventId: id });
        findings.push(...(await witnesses.hear(events)));
      }
      findings.push(...witnesses.lostBatches());
      if (!isHeadFound)
        findings.push({ problem: 'cut', batches: [expectedHead.sequence, expectedHead.sequence] });

      const { sequence, digest } = previous;
      const bareCount = witnesses.bareCount();
      return { findings, batchCount, eventCount, unchainedCount, bareCount, head: { sequence, digest } };
    },
  };
}
