import { verify } from '@node-rs/argon2';
import { formatPhc, parsePhc } from './phc.ts';
import type { StoredHash } from './stored-hash.ts';

/** PW-3. Memory in KiB. */
const CEILING = { memoryCost: 1_048_576, timeCost: 10, parallelism: 16 };
/** KiB that are filled in all passes: some seconds, as with the ceilings of the other schemes. */
const WORK_CEILING = 1_048_576;

export interface Argon2Cost {
  /** KiB. */
  readonly memoryCost: number;
  readonly timeCost: number;
  readonly parallelism: number;
}

/** `$argon2id$v=19$m=19456,t=2,p=1$…$…`, and so argon2i, argon2d and version 16 (RFC 9106). */
export function readArgon2(text: string): (StoredHash & { readonly cost: Argon2Cost }) | undefined {
  const phc = parsePhc(text, ['m', 't', 'p']);
  if (phc === undefined || !/^argon2(id|i|d)$/.test(phc.id)) return undefined;
  const { m: memoryCost = 0, t: timeCost = 0, p: parallelism = 0 } = phc.parameters;
  // RFC 9106 §3.1: with less than this it is no argon2.
  if (timeCost < 1 || parallelism < 1 || memoryCost < 8 * parallelism || phc.salt.length < 8)
    return undefined;
  const cost = { memoryCost, timeCost, parallelism };
  return {
    cost,
    isTooCostly: isCostlier(cost, CEILING) || memoryCost * timeCost > WORK_CEILING,
    // The library throws for every spelling but the canonical one.
    verify: (password) => verify(formatPhc(phc), password),
  };
}

/** Whether one of the costs is above that of `other`. */
export function isCostlier(cost: Argon2Cost, other: Argon2Cost): boolean {
  return (
    cost.memoryCost > other.memoryCost ||
    cost.timeCost > other.timeCost ||
    cost.parallelism > other.parallelism
  );
}
