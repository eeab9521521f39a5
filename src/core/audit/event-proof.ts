import { createHmac } from 'node:crypto';
import { constantTimeEqual } from '../../crypto/digest.ts';
import type { Keyring } from '../../crypto/keyring.ts';
import { contentOf, type Head } from './chain.ts';
import type { EventRecord } from './store.ts';

/*
 * The proof of a single event
 *
 *   own_proof = key id ‖ "." ‖ sequence ‖ "." ‖ digest ‖ "." ‖ HMAC-SHA-256 of these and of the event
 *
 * The key is HKDF(LATCHKEY_SECRET, "audit"), as for batches. `sequence` and `digest` are those of the newest batch that
 * the writing process knew. So an event vouches for the whole chain before it. An attacker may delete batches, change
 * their events and let the server chain the rest anew. That makes other batches, and each later event contradicts them.
 * The attacker would have to delete every later event, too, and cannot make new ones.
 *
 * A proof is no part of the batch's digest, because the version before chains events that have one.
 */

/** What a proof says of its event. */
export type EventVerdict = 'right' | 'forged' | 'unproven' | 'bare';

export type EventProofs = ReturnType<typeof createEventProofs>;

/** Proves events under the first secret and checks proofs under every one. */
export function createEventProofs(keyring: Keyring) {
  function macOf(key: Buffer, event: Omit<EventRecord, 'ownProof'>, { sequence, digest }: Head): Buffer {
    return createHmac('sha256', key)
      .update(JSON.stringify(['event', sequence, digest, ...contentOf(event)]))
      .digest();
  }

  function make(event: Omit<EventRecord, 'ownProof'>, head: Head): string {
    const { id, key } = keyring.current;
    const mac = macOf(key, event, head).toString('base64url');
    return [id.toString('base64url'), head.sequence, head.digest, mac].join('.');
  }

  /**
   * `bare` for an event without a proof, `unproven` when this server does not have the secret that made it. The head is
   * there when the verdict is `right`.
   */
  function check(event: EventRecord): { verdict: EventVerdict; head?: Head } {
    if (event.ownProof === null) return { verdict: 'bare' };
    const [id = '', sequence = '', digest = '', mac = ''] = event.ownProof.split('.');
    const key = keyring.find(Buffer.from(id, 'base64url'))?.key;
    if (key === undefined) return { verdict: 'unproven' };
    const head = { sequence: Number(sequence), digest };
    const isRight = constantTimeEqual(Buffer.from(mac, 'base64url'), macOf(key, event, head));
    return isRight ? { verdict: 'right', head } : { verdict: 'forged' };
  }

  /** The proof under the first secret, for an event that only an older secret proves; else none. */
  function renew(event: EventRecord): string | undefined {
    const currentId = keyring.current.id.toString('base64url');
    if (event.ownProof === null || event.ownProof.split('.')[0] === currentId) return undefined;
    const { head } = check(event);
    return head && make(event, head);
  }

  return { make, check, renew };
}
