/*
 * The PHC string format (https://github.com/P-H-C/phc-string-format):
 *
 *   $<id>[$v=<version>]$<name>=<value>(,<name>=<value>)*$<salt>$<hash>
 *
 * Salt and hash are base64 without padding; the values are whole numbers. Only argon2 has versions. Some makers spell
 * the same parts differently: with zeros before a number, or with bits set that the last character has to spare.
 */

export interface Phc {
  readonly id: string;
  readonly version?: number | undefined;
  readonly parameters: Readonly<Record<string, number>>;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

const LONGEST = 512;
const SHAPE =
  /^\$([a-z0-9-]+)(?:\$v=(16|19))?\$([a-z]+=\d{1,10}(?:,[a-z]+=\d{1,10})*)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;
/** Bytes of a hash: with fewer of them other passwords fit too, and more are only costly. */
const LEAST = 16;
const MOST = 128;

/** The parts of a PHC string that has these parameters in this order; `undefined` for every other text. */
export function parsePhc(text: string, names: readonly string[]): Phc | undefined {
  const match = text.length > LONGEST ? null : SHAPE.exec(text);
  if (match === null) return undefined;
  const [id = '', version, pairs = '', salt = '', hash = ''] = match.slice(1);
  const parameters = pairs.split(',').map((pair) => pair.split('='));
  const bytes = Buffer.from(hash, 'base64');
  if (parameters.map(([name]) => name).join() !== names.join()) return undefined;
  if (bytes.length < LEAST || bytes.length > MOST || !isWhole(salt) || !isWhole(hash)) return undefined;
  return {
    id,
    version: version === undefined ? undefined : Number(version),
    parameters: Object.fromEntries(parameters.map(([name = '', value]) => [name, Number(value)])),
    salt: Buffer.from(salt, 'base64'),
    hash: bytes,
  };
}

/** The PHC string of these parts, in its one canonical spelling. */
export function formatPhc({ id, version, parameters, salt, hash }: Phc): string {
  const versions = version === undefined ? [] : [`v=${version}`];
  const pairs = Object.entries(parameters).map((pair) => pair.join('='));
  return ['', id, ...versions, pairs.join(), unpadded(salt), unpadded(hash)].join('$');
}

/** A last group of one character holds no whole byte (RFC 4648 §4). */
function isWhole(base64: string): boolean {
  return base64.length % 4 !== 1;
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
