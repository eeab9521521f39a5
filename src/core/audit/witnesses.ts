import { LRUCache } from 'lru-cache';
import { DAY_MS } from '../../platform/durations.ts';
import { BEGINNING, type Head } from './chain.ts';
import type { EventProofs } from './event-proof.ts';
import type { Finding } from './finding.ts';
import type { BatchRecord, EventRecord } from './store.ts';

/** How long, after the first event with a proof of its own, servers of the version before may write some without. */
const UPGRADE_MS = DAY_MS;
/** The events of one time name few digests. */
const REMEMBERED_DIGESTS = 10_000;

export interface WitnessesOptions {
  readonly eventProofs: EventProofs;
  readonly findBatch: (sequence: number) => Promise<BatchRecord | undefined>;
}

/**
 * Hears the events of the trail, in its order: whether each is as a server wrote it, and whether the chain that it
 * remembers is the one that is there.
 */
export function createWitnesses({ eventProofs, findBatch }: WitnessesOptions) {
  const digests = new LRUCache<number, string>({ max: REMEMBERED_DIGESTS });
  /** The newest batch so far. */
  let newest = 0;
  let isPruned = false;
  let beganBare = false;
  let provenSince: number | undefined;
  let bareCount = 0;
  let lost: { first: number; last: number; eventId: string } | undefined;

  async function digestOf(sequence: number): Promise<string | undefined> {
    const known = digests.get(sequence);
    if (known !== undefined) return known;
    // An old one, or one that was chained while this reads.
    const digest = (await findBatch(sequence))?.digest;
    if (digest !== undefined) digests.set(sequence, digest);
    return digest;
  }

  async function remembersAnother({ sequence, digest }: Head, ownBatch?: number): Promise<boolean> {
    if (sequence === BEGINNING.sequence) return false;
    if (ownBatch !== undefined && sequence >= ownBatch) return true;
    const there = await digestOf(sequence);
    // An earlier one was deleted for its age, or is missed by the chain itself.
    return there === undefined ? ownBatch === undefined && sequence > newest : there !== digest;
  }

  function addLost({ sequence }: Head, { id }: EventRecord): void {
    lost ??= { first: sequence, last: sequence, eventId: id };
    lost.first = Math.min(lost.first, sequence);
    lost.last = Math.max(lost.last, sequence);
  }

  /** During an upgrade; of one that lies before what was deleted for its age, the rest may still be there. */
  function mayBeBare({ occurredAt }: EventRecord): boolean {
    if (provenSince === undefined) return true;
    return (beganBare || isPruned) && occurredAt <= provenSince + UPGRADE_MS;
  }

  /** What is wrong with the event by itself. */
  async function problemOf(event: EventRecord, ownBatch?: number): Promise<Finding['problem'] | undefined> {
    const { verdict, head } = eventProofs.check(event);
    if (head !== undefined) {
      provenSince ??= event.occurredAt;
      if (await remembersAnother(head, ownBatch)) addLost(head, event);
      return undefined;
    }
    if (verdict !== 'bare') return verdict === 'right' ? undefined : verdict;
    if (!mayBeBare(event)) return 'bare';
    beganBare ||= provenSince === undefined;
    bareCount += 1;
    return undefined;
  }

  return {
    /** The events of a batch, or without one those that are not chained yet. The first event of each problem. */
    async hear(events: readonly EventRecord[], batch?: BatchRecord): Promise<Finding[]> {
      const findings = new Map<Finding['problem'], Finding>();
      const ordered = [...events].sort((a, b) => a.occurredAt - b.occurredAt);
      for (const event of ordered) {
        const problem = await problemOf(event, batch?.sequence);
        if (problem === undefined || findings.has(problem)) continue;
        const batches = batch && ([batch.sequence, batch.sequence] as const);
        findings.set(problem, { problem, ...(batches && { batches }), eventId: event.id });
      }
      if (batch !== undefined) {
        newest = batch.sequence;
        digests.set(newest, batch.digest);
        isPruned ||= batch.prunedProof !== null;
      }
      return [...findings.values()];
    },

    /** Events without a proof of their own that a version before may have written. */
    bareCount: () => bareCount,

    /** The batches that events remember, and that are others now or gone. */
    lostBatches: (): Finding[] =>
      lost === undefined ? [] : [{ problem: 'cut', batches: [lost.first, lost.last], eventId: lost.eventId }],
  };
}
