import { createHmac } from 'node:crypto';
import { constantTimeEqual, sha256 } from '../../crypto/digest.ts';
import type { Keyring } from '../../crypto/keyring.ts';
import type { BatchRecord, EventRecord } from './store.ts';

/*
 * What makes the audit trail tamper-evident (ASVS 16.4.2)
 *
 * An event is written in the transaction of the change it speaks of, with a proof of its own (event-proof.ts), and
 * waits for no other event. A few seconds later one housekeeper chains what is there in batches, each a row of
 * audit_batches:
 *
 *   sequence       1, 2, 3 …; the events of the batch carry it from then on. Two housekeepers that take the same
 *                  number collide on the primary key, and one of the transactions is undone
 *   chained_until  no event from before then was left unchained, in ms since 1970
 *   event_count    how many events
 *   digest         SHA-256 of the columns above, the digest of the batch before and the events themselves
 *   proof          key id ‖ "." ‖ HMAC-SHA-256 of the digest under HKDF(LATCHKEY_SECRET, "audit")
 *
 * A proof is checked under every secret of the list. A secret can go once `latchkey keys reseal` has proven its
 * batches under the first one. Otherwise they remain, and no process can say whether they are genuine.
 *
 * The order of events is their batch, then their time, then their id. Time alone would not do: a transaction that
 * commits late brings an event from before the last batch. It comes within seconds, though, and so an event from
 * long before the batch that precedes its own was slipped in.
 *
 * Old batches are deleted whole. The last one deleted keeps its row as the anchor of the rest, with a proof of its
 * own, `pruned_proof`, that only a holder of the secret can make: else an attacker who cuts the beginning off
 * could pass it for a deletion. Only a batch that is as it was chained is deleted: else an attacker who changes
 * `chained_until` could have the server delete it.
 */

/** What the first batch comes after. */
export const BEGINNING = { sequence: 0, chainedUntil: 0, digest: '' } as const;

/** The end of a chain. An auditor who keeps it can tell later that nothing was cut off. */
export interface Head {
  readonly sequence: number;
  readonly digest: string;
}

/** All that an event says, for digests and proofs: without its own proof, which is made of it. */
export function contentOf(event: Omit<EventRecord, 'ownProof'>): readonly (string | number | null)[] {
  return [
    event.id,
    event.occurredAt,
    event.name,
    event.outcome,
    event.userId,
    event.sessionId,
    event.ip,
    event.userAgent,
    event.requestId,
    event.details,
  ];
}

/** The digest of a batch, base64url; the events come in any order. */
export function digestBatch(
  batch: Pick<BatchRecord, 'sequence' | 'chainedUntil' | 'eventCount'> & { previousDigest: string },
  events: readonly EventRecord[],
): string {
  const ordered = [...events].sort((a, b) => a.occurredAt - b.occurredAt || (a.id < b.id ? -1 : 1));
  // An array of strings, numbers and nulls has one JSON text, and no two have the same.
  return sha256(
    JSON.stringify([
      'latchkey audit batch 1',
      batch.sequence,
      batch.chainedUntil,
      batch.eventCount,
      batch.previousDigest,
      ordered.map(contentOf),
    ]),
  );
}

/** What a proof is of: that the batch was chained, or that it and all before it were deleted for their age. */
type Subject = 'chained' | 'pruned';

export type Proofs = ReturnType<typeof createProofs>;

/** Makes proofs under the first secret and checks those of every one. */
export function createProofs(keyring: Keyring) {
  function macOf(key: Buffer, subject: Subject, { sequence, digest }: Head): Buffer {
    return createHmac('sha256', key)
      .update(JSON.stringify([subject, sequence, digest]))
      .digest();
  }

  /** `unproven` when this server does not have the secret that made the proof. */
  function check(proof: string, subject: Subject, batch: Head): 'right' | 'forged' | 'unproven' {
    const [id = '', mac = ''] = proof.split('.');
    const key = keyring.find(Buffer.from(id, 'base64url'))?.key;
    if (key === undefined) return 'unproven';
    const isRight = constantTimeEqual(Buffer.from(mac, 'base64url'), macOf(key, subject, batch));
    return isRight ? 'right' : 'forged';
  }

  return {
    make(subject: Subject, batch: Head): string {
      const { id, key } = keyring.current;
      return `${id.toString('base64url')}.${macOf(key, subject, batch).toString('base64url')}`;
    },

    check,

    /** Whether an older secret made the proof, and made it for this batch. */
    isRenewable: (proof: string, subject: Subject, batch: Head): boolean =>
      proof.split('.')[0] !== keyring.current.id.toString('base64url') &&
      check(proof, subject, batch) === 'right',
  };
}
