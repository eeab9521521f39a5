import { createKeyring } from '../../crypto/keyring.ts';
import { createSealer } from '../../crypto/seal.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { turnChore } from '../../platform/chore.ts';
import type { Clock } from '../../platform/clock.ts';
import type { RecordEvent } from '../audit/store.ts';
import type { SigningKey } from './access-token.ts';
import * as signingKeys from './signing-keys.ts';
import * as store from './store.ts';

export interface KeySetOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly secrets: readonly Buffer[];
  /** Called when a key came or went. */
  readonly onChange: () => void;
}

/** A signing key as its operator sees it; moments are ms since 1970. */
export interface SigningKeySummary {
  readonly kid: string;
  readonly algorithm: string;
  readonly status: 'published' | 'signing' | 'verifying' | 'unreadable';
  readonly createdAt: number;
  readonly activatesAt: number;
}

/** The signing keys that all processes share, as this one has loaded them. */
export function createKeySet({ database, clock, recordEvent, secrets, onChange }: KeySetOptions) {
  const sealer = createSealer(createKeyring(secrets, 'signing-keys'));
  let rows: readonly store.SigningKeyRow[] = [];
  let keys: ReadonlyMap<string, SigningKey> = new Map();

  /** Whether every key that is needed is here; without one, a refusal could be the server's own fault. */
  function keysLoaded(): boolean {
    return rows.length > 0 && rows.every((row) => keys.has(row.kid));
  }

  /** Reads the key set. A key whose envelope does not open is left out, and is never replaced. */
  async function reload(): Promise<void> {
    const found = await store.listSigningKeys(database);
    const opened = new Map<string, SigningKey>();
    for (const row of found) {
      const key = keys.get(row.kid) ?? signingKeys.openSigningKey(sealer, row);
      if (key !== undefined) opened.set(row.kid, key);
    }
    if (found.some((row) => !keys.has(row.kid)) || found.length !== keys.size) onChange();
    rows = found;
    keys = opened;
  }

  async function addKey(activatesAt: number): Promise<void> {
    const sequence = (rows.at(-1)?.sequence ?? 0) + 1;
    const row = signingKeys.createSigningKeyRow(sealer, { sequence, now: clock.now(), activatesAt });
    await database.transaction(async (sql) => {
      if ((await store.insertSigningKey(sql, row)) === 0) return;
      await recordEvent(sql, {
        name: 'sensitive_create',
        outcome: 'success',
        at: row.createdAt,
        details: { object: 'signing_key', kid: row.kid },
      });
    });
    await reload();
  }

  async function removeKeysBefore(sequence: number): Promise<void> {
    await database.transaction(async (sql) => {
      const removed = await store.deleteSigningKeysBefore(sql, sequence);
      if (removed === 0) return;
      await recordEvent(sql, {
        name: 'sensitive_delete',
        outcome: 'success',
        at: clock.now(),
        details: { object: 'signing_key', count: removed },
      });
    });
    await reload();
  }

  /**
   * Adds and removes keys by the schedule. A chore of one process, though safe in several at once. `reload` keeps every
   * process up to date, each `RELOAD_INTERVAL_MS`.
   */
  async function maintainKeys(): Promise<void> {
    await reload();
    const newest = rows.at(-1);
    if (newest === undefined || !keysLoaded()) return;
    const now = clock.now();
    if (signingKeys.isSuccessorDue(newest, now)) await addKey(now + signingKeys.PUBLISH_AHEAD_MS);
    const needed = signingKeys.oldestNeeded(rows, now);
    if (rows.some((row) => row.sequence < needed)) await removeKeysBefore(needed);
  }

  /** @throws AuthError `UNAVAILABLE` when no key that may sign is loaded. */
  function requireSigningKey(): SigningKey {
    const row = signingKeys.signingRow(rows, clock.now());
    const key = row && keys.get(row.kid);
    if (key === undefined)
      throw new AuthError('UNAVAILABLE', { retryAfter: 5, cause: 'no signing key is loaded' });
    return key;
  }

  /** @throws AuthError `UNAVAILABLE` when keys could not be loaded, and this may be one of them (KEY-5). */
  function findKey(kid: string): SigningKey | undefined {
    const key = keys.get(kid);
    if (key === undefined && !keysLoaded()) throw new AuthError('UNAVAILABLE', { retryAfter: 5 });
    return key;
  }

  return {
    reload,
    keysLoaded,
    requireSigningKey,
    findKey,
    maintainKeys,
    chores: [turnChore('signing keys', maintainKeys)],

    /** Loads the keys, and makes the first one where there is none. */
    async start(): Promise<void> {
      await reload();
      if (rows.length === 0) await addKey(clock.now());
    },

    /** RFC 7517 §5: the public halves of every key that signs, signed or is about to. */
    jwks() {
      return { keys: [...keys.values()].map(signingKeys.publicJwk) };
    },

    async listKeys(): Promise<SigningKeySummary[]> {
      await reload();
      const signing = signingKeys.signingRow(rows, clock.now());
      return rows.map((row) => ({
        kid: row.kid,
        algorithm: row.algorithm,
        status: statusOf(row, { signing, readable: keys.has(row.kid) }),
        createdAt: row.createdAt,
        activatesAt: row.activatesAt,
      }));
    },

    /**
     * Adds a key that signs once every verifier has had the time to load it. In an emergency it signs at once and
     * the others are gone: every access token ends, and clients refresh.
     *
     * @throws Error when a key does not open, but in an emergency: the servers could not open the new one either.
     */
    async rotateKeys({ emergency = false } = {}): Promise<void> {
      await reload();
      if (!emergency && rows.length > 0 && !keysLoaded()) throw notOpened('no key was added');
      const now = clock.now();
      await addKey(emergency ? now : now + signingKeys.PUBLISH_AHEAD_MS);
      const newest = rows.at(-1);
      if (emergency && newest !== undefined) await removeKeysBefore(newest.sequence);
    },

    /** Moves every sealed key onto the first master secret. How many it moved; throws when one does not open. */
    async reseal(): Promise<number> {
      await reload();
      if (!keysLoaded()) throw notOpened('nothing was resealed');
      let moved = 0;
      for (const row of rows.filter((one) => !sealer.isCurrent(one.sealedPrivateKey))) {
        const plaintext = sealer.open(row.sealedPrivateKey, row.kid);
        if (plaintext === undefined) continue;
        const sealedPrivateKey = sealer.seal(plaintext, row.kid);
        moved += await store.replaceSealedPrivateKey(database, {
          kid: row.kid,
          asRead: row.sealedPrivateKey,
          sealedPrivateKey,
        });
      }
      await reload();
      return moved;
    },
  };
}

function notOpened(consequence: string): Error {
  return new Error(`A signing key cannot be opened with the secrets given: ${consequence}`);
}

function statusOf(
  row: store.SigningKeyRow,
  { signing, readable }: { signing: store.SigningKeyRow | undefined; readable: boolean },
): SigningKeySummary['status'] {
  if (!readable) return 'unreadable';
  if (row === signing) return 'signing';
  return row.sequence > (signing?.sequence ?? 0) ? 'published' : 'verifying';
}
