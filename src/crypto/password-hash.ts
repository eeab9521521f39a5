import { hash, verify } from '@node-rs/argon2';

/** OWASP's and ASVS 5.0 Appendix C's argon2id: m=19456 KiB, t=2, p=1, a 16-byte salt and a 32-byte tag. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 } as const;

/** Costs above these are refused unread: a hash must not be able to stop the server. */
const CEILING = { memoryCost: 1_048_576, timeCost: 10, parallelism: 16 } as const;

const PHC = /^\$argon2id\$v=19\$m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,10})\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$/;

/** A PHC string of the password under the current parameters. */
export function hashPassword(password: string): Promise<string> {
  return hash(password, PARAMETERS);
}

/** Whether `password` made the PHC string; false, too, for a string that is none or asks for too much work. */
export async function verifyPassword(phc: string, password: string): Promise<boolean> {
  const cost = costOf(phc);
  if (cost === undefined || exceeds(cost, CEILING)) return false;
  return verify(phc, password);
}

/** Whether the PHC string is weaker than a new one would be. */
export function isOutdated(phc: string): boolean {
  const cost = costOf(phc);
  return cost === undefined || exceeds(PARAMETERS, cost);
}

interface Cost {
  readonly memoryCost: number;
  readonly timeCost: number;
  readonly parallelism: number;
}

function costOf(phc: string): Cost | undefined {
  const match = PHC.exec(phc);
  if (match === null) return undefined;
  const [memoryCost = 0, timeCost = 0, parallelism = 0] = match.slice(1).map(Number);
  return { memoryCost, timeCost, parallelism };
}

function exceeds(a: Cost, b: Cost): boolean {
  return a.memoryCost > b.memoryCost || a.timeCost > b.timeCost || a.parallelism > b.parallelism;
}
