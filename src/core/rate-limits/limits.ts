import { createHmac } from 'node:crypto';
import { createKeyring } from '../../crypto/keyring.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Limit } from './attempts.ts';
import { networksOf } from './networks.ts';
import { RUN, TALLY } from './store.ts';

/** So many attempts within a time, by the name that the audit trail has for it. */
export interface Window {
  readonly name: string;
  readonly max: number;
  readonly windowMs: number;
}

export interface LimitsOptions {
  readonly secrets: readonly Buffer[];
  /** Failures in a row of one lane before it is slowed down. */
  readonly accountFailures: number;
}

/**
 * Limits, each declared once by the module that owns it. Two limits of one name would count in the same rows, so the
 * second declaration throws.
 */
export function createLimits({ secrets, accountFailures }: LimitsOptions) {
  const keyring = createKeyring(secrets, 'throttles');
  const names = new Set<string>();

  /** @throws Error when the name is declared already. */
  function declare(name: string): void {
    if (names.has(name)) throw new Error(`Two limits have the name ${name}.`);
    names.add(name);
  }

  /**
   * Known and unknown accounts have the same kind of key, so they answer and cost the same (LOG-1). While master
   * secrets change there is a key of each, so that no count is forgotten when another one comes first.
   */
  function keysOf(name: string, parts: readonly string[]): string[] {
    return keyring.all.map(({ key }) =>
      createHmac('sha256', key)
        .update(JSON.stringify([name, ...parts]))
        .digest('base64url'),
    );
  }

  function limit({ name, max, windowMs }: Window): (...parts: readonly string[]) => Limit {
    declare(name);
    return (...parts) => ({ name, keys: keysOf(name, parts), max, windowMs });
  }

  return {
    declare,

    /** So many attempts of a subject within a time. */
    window: limit,

    /** So many failures of a subject in a row; after them each next one waits longer. */
    run: (name: string, max = accountFailures) => limit({ name, max, windowMs: RUN }),

    /** The failures of a subject in a row. No attempt waits for a tally. */
    tally: (name: string) => limit({ name, max: accountFailures, windowMs: TALLY }),

    /** So many attempts of a network within a time, and more of its site. */
    networkWindow({ name, max, windowMs }: Window): (caller: Caller) => Limit[] {
      declare(name);
      return (caller) =>
        networksOf(caller, max).map((source) => ({
          name,
          keys: keysOf(name, [source.name]),
          max: source.most,
          windowMs,
        }));
    },
  };
}
