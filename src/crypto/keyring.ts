import { hkdfSync } from 'node:crypto';

/** Bytes of the id that says which master secret made a token or an envelope. */
export const KEY_ID_BYTES = 4;

/** A 256-bit key for one purpose. */
export interface DerivedKey {
  readonly id: Buffer;
  readonly key: Buffer;
}

/** The keys that the master secrets give for one purpose: the first one makes, all of them verify and open. */
export interface Keyring {
  readonly current: DerivedKey;
  /** The current one first. */
  readonly all: readonly DerivedKey[];
  find(id: Buffer): DerivedKey | undefined;
}

/**
 * Derives one key per master secret with HKDF-SHA-256 (RFC 5869). No two purposes share a key, so nothing made
 * for one of them is ever accepted by another.
 */
export function createKeyring(secrets: readonly Buffer[], purpose: string): Keyring {
  const keys = secrets.map((secret) => ({
    id: derive(secret, 'key-id', KEY_ID_BYTES),
    key: derive(secret, purpose, 32),
  }));
  const [current] = keys;
  if (current === undefined) throw new Error('A keyring needs a secret');
  return { current, all: keys, find: (id) => keys.find((key) => key.id.equals(id)) };
}

function derive(secret: Buffer, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `latchkey ${purpose}`, bytes));
}
