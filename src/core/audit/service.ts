import { randomUUID } from 'node:crypto';
import { createKeyring } from '../../crypto/keyring.ts';
import type { Database } from '../../database/database.ts';
import { sweepChore, turnChore } from '../../platform/chore.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import { inSteps } from '../../platform/sweep.ts';
import { BEGINNING, createProofs, digestBatch, type Head } from './chain.ts';
import { createEventProofs } from './event-proof.ts';
import { createRetention } from './retention.ts';
import * as store from './store.ts';
import { createVerification } from './verification.ts';

/** Events of one batch: its transaction is short, and a broken one says where within so many rows. */
const BATCH = 500;

export interface AuditOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'error'>;
  readonly secrets: readonly Buffer[];
  readonly auditRetentionSeconds: number;
}

export type Audit = ReturnType<typeof createAudit>;

/** Keeps the audit trail: writes it, chains it, proves it and deletes what is old; chain.ts explains how. */
export function createAudit({ database, clock, logger, secrets, auditRetentionSeconds }: AuditOptions) {
  const keyring = createKeyring(secrets, 'audit');
  const proofs = createProofs(keyring);
  const eventProofs = createEventProofs(keyring);
  const { judge, readChain, readUnchained, verify } = createVerification({ database, proofs, eventProofs });
  const { prune } = createRetention({ database, clock, proofs, eventProofs, judge, auditRetentionSeconds });
  /** The newest batch that this process knows. Its events vouch for it. */
  let head: Head = BEGINNING;

  const record: store.RecordEvent = async (
    sql,
    { name, outcome, at, userId, sessionId, caller, details },
  ) => {
    const event = {
      id: randomUUID(),
      occurredAt: at,
      name,
      outcome,
      userId: userId ?? null,
      sessionId: sessionId ?? null,
      ip: caller?.ip ?? null,
      userAgent: caller?.userAgent ?? null,
      requestId: caller?.requestId ?? null,
      details: JSON.stringify(details ?? {}),
    };
    await store.insertEvent(sql, { ...event, ownProof: eventProofs.make(event, head) });
  };

  /**
   * Learns of the newest batch, which another process may have made. Where the known batch is not in the chain any more,
   * the log says so, because an attacker who writes to the database does not reach the log. So does an event that still
   * vouches for the known batch.
   */
  async function followHead(): Promise<void> {
    const newest = (await store.findHead(database)) ?? BEGINNING;
    if (!(await isInChain(head))) {
      const gone = `${head.sequence}:${head.digest}`;
      logger.error({ head: gone }, 'batches of the audit trail are gone: see `latchkey audit verify`');
      const details = { object: 'audit_batch', head: gone };
      await record(database, { name: 'sensitive_delete', outcome: 'success', at: clock.now(), details });
    }
    head = { sequence: newest.sequence, digest: newest.digest };
  }

  async function isInChain({ sequence, digest }: Head): Promise<boolean> {
    if (sequence === BEGINNING.sequence) return true;
    const there = await store.findBatch(database, sequence);
    if (there !== undefined) return there.digest === digest;
    const tail = await store.findTail(database);
    return tail !== undefined && tail.prunedProof !== null && tail.sequence > sequence;
  }

  async function chainBatch(): Promise<number> {
    const chained = await database.transaction(async (sql) => {
      const previous = (await store.findHead(sql)) ?? BEGINNING;
      const sequence = previous.sequence + 1;
      const now = clock.now();
      const events = await store.takeUnchained(sql, { sequence, limit: BATCH });
      const eventCount = events.length;
      if (eventCount === 0) return undefined;

      // A full batch may leave others behind, and none that is older than its newest.
      const newest = Math.max(...events.map(({ occurredAt }) => occurredAt));
      const chainedUntil = Math.max(previous.chainedUntil, eventCount < BATCH ? now : newest);
      const batch = { sequence, chainedUntil, eventCount };
      const digest = digestBatch({ ...batch, previousDigest: previous.digest }, events);
      await store.insertBatch(sql, { ...batch, digest, proof: proofs.make('chained', { sequence, digest }) });
      return { previous, sequence, digest, eventCount };
    });
    if (chained === undefined) return 0;
    const { previous, sequence, digest, eventCount } = chained;
    // After any other batch than the known one, `followHead` asks first what became of that.
    if (previous.digest === head.digest) head = { sequence, digest };
    return eventCount;
  }

  /** Proves under the first secret those of the events that an older one proves. */
  async function renewEvents(events: readonly store.EventRecord[]): Promise<void> {
    const renewed = events.flatMap((event) => {
      const ownProof = eventProofs.renew(event);
      return ownProof === undefined || event.ownProof === null
        ? []
        : [{ id: event.id, asRead: event.ownProof, ownProof }];
    });
    if (renewed.length > 0) await store.replaceOwnProofs(database, renewed);
  }

  /** Chains what has been written since the last time; how many events. In two processes at once, one fails. */
  async function chain(): Promise<number> {
    await followHead();
    let total = 0;
    await inSteps(async () => {
      const count = await chainBatch();
      total += count;
      return count === BATCH;
    });
    return total;
  }

  return {
    record,
    followHead,
    verify,

    chain,
    prune,
    chores: [turnChore('audit chain', chain), sweepChore('old audit events', prune)],

    /** Proves under the first secret what an older one proves, so that the older one can go; how many batches. */
    async reseal(): Promise<number> {
      let count = 0;
      // Those first, because a server may chain them meanwhile.
      for await (const events of readUnchained()) await renewEvents(events);
      for await (const { batch, events } of readChain()) {
        const { sequence } = batch;
        await renewEvents(events);
        if (batch.prunedProof !== null && proofs.isRenewable(batch.prunedProof, 'pruned', batch))
          await store.setPrunedProof(database, { sequence, prunedProof: proofs.make('pruned', batch) });
        if (!proofs.isRenewable(batch.proof, 'chained', batch)) continue;
        await store.setProof(database, { sequence, proof: proofs.make('chained', batch) });
        count += 1;
      }
      return count;
    },
  };
}
