import { z } from 'zod';
import { formatPhc } from './phc.ts';

/*
 * What other systems write, and the one form in which each of it is stored:
 *
 *   argon2     $argon2id$v=19$m=…,t=…,p=…$…$…               as it is
 *              argon2$argon2id$v=19$…                        Django
 *              {"credentialData":…,"secretData":…}           Keycloak
 *   bcrypt     $2a$, $2b$, $2y$                              $2b$12$…
 *              bcrypt$$2b$12$…                               Django
 *              bcrypt_sha256$$2b$12$…                        Django, as it is
 *   scrypt     $scrypt$ln=…,r=…,p=…$…$…                      as it is
 *              scrypt$16384$…$8$5$…                          Django
 *              passwordHash and salt                         $firebase-scrypt$ln=…,r=…$…$…
 *   PBKDF2     $pbkdf2-sha256$i=…$…$…                        as it is
 *              $pbkdf2-sha256$29000$…$…                      passlib
 *              pbkdf2_sha256$600000$…$…                      Django
 *              {"credentialData":…,"secretData":…}           Keycloak
 */

/** What the Firebase console shows as a project's password hash parameters. */
export interface FirebaseParameters {
  readonly signerKey: Buffer;
  readonly saltSeparator: Buffer;
  readonly rounds: number;
  readonly memCost: number;
}

/** What Django keeps for an account that has no password. */
export function isUnusable(passwordHash: unknown): boolean {
  return typeof passwordHash === 'string' && passwordHash.startsWith('!');
}

/** The stored form of a hash that is one text; a text of another kind stays as it is, for `readPasswordHash` to refuse. */
export function fromText(text: string): string {
  const bare = text.replace(/^argon2(?=\$argon2)/, '').replace(/^bcrypt\$(?=\$2)/, '');
  // The three differ in how their makers mark versions without certain defects, not in what they compute.
  if (/^\$2[aby]\$/.test(bare)) return `$2b${bare.slice(3)}`;

  const ofDigest = /^bcrypt_sha256\$(\$2[aby]\$.*)$/.exec(bare)?.[1];
  if (ofDigest !== undefined) return `bcrypt_sha256$${fromText(ofDigest)}`;

  const scrypt = /^scrypt\$(\d{1,10})\$([^$]+)\$(\d{1,4})\$(\d{1,4})\$([A-Za-z0-9+/]+=*)$/.exec(bare);
  if (scrypt !== null) {
    const [n, salt = '', r, p, hash = ''] = scrypt.slice(1);
    return formatPhc({
      id: 'scrypt',
      parameters: { ln: Math.log2(Number(n)), r: Number(r), p: Number(p) },
      salt: Buffer.from(salt),
      hash: Buffer.from(hash, 'base64'),
    });
  }

  const django = /^pbkdf2_(sha1|sha256)\$(\d+)\$([^$]+)\$([A-Za-z0-9+/]+=*)$/.exec(bare);
  if (django !== null) {
    const [digest, iterations, salt = '', hash = ''] = django.slice(1);
    return pbkdf2(`pbkdf2-${digest}`, Number(iterations), Buffer.from(salt), Buffer.from(hash, 'base64'));
  }

  const passlib = /^\$pbkdf2(-sha256|-sha512)?\$(\d+)\$([A-Za-z0-9./]+)\$([A-Za-z0-9./]+)$/.exec(bare);
  if (passlib !== null) {
    const [digest = '-sha1', iterations, ...parts] = passlib.slice(1);
    const [salt = '', hash = ''] = parts.map((part) => part.replaceAll('.', '+'));
    return pbkdf2(
      `pbkdf2${digest}`,
      Number(iterations),
      Buffer.from(salt, 'base64'),
      Buffer.from(hash, 'base64'),
    );
  }
  return bare;
}

/**
 * The stored form of a hash of Firebase's, salt separator included: only the signer key is missing from it. `undefined`
 * when it is none, or of another project.
 */
export function fromFirebase(
  given: { hash: unknown; salt: string },
  { signerKey, saltSeparator, rounds, memCost }: FirebaseParameters,
): string | undefined {
  const { data } = FirebaseHash.safeParse(given);
  if (data?.hash.length !== signerKey.length) return undefined;
  return formatPhc({
    id: 'firebase-scrypt',
    parameters: { ln: memCost, r: rounds },
    salt: Buffer.concat([data.salt, saltSeparator]),
    hash: data.hash,
  });
}

/**
 * The stored form of a credential as Keycloak exports it, in JSON or as its text; `undefined` when it is none, or of an
 * algorithm that is unknown here.
 */
export function fromKeycloak(credential: unknown): string | undefined {
  const { data } = KeycloakCredential.safeParse(credential);
  if (data === undefined) return undefined;
  const { algorithm, hashIterations, additionalParameters: parameters } = data.credentialData;
  const { salt, value: hash } = data.secretData;
  if (algorithm !== 'argon2')
    return pbkdf2(algorithm === 'pbkdf2' ? 'pbkdf2-sha1' : algorithm, hashIterations, salt, hash);

  const { type, version, memory, parallelism } = parameters ?? {};
  return formatPhc({
    id: `argon2${type}`,
    version: version === '1.0' ? 16 : 19,
    parameters: { m: Number(memory), t: hashIterations, p: Number(parallelism) },
    salt,
    hash,
  });
}

/** Firebase writes the two alphabets of RFC 4648, with and without padding. */
const base64 = z
  .string()
  .regex(/^[A-Za-z0-9+/_-]{1,200}={0,2}$/)
  .transform((text) => Buffer.from(text, 'base64'));

const FirebaseHash = z.object({ hash: base64, salt: base64 });

/** Keycloak has JSON in the texts of its JSON. */
const json = <Shape extends z.ZodType>(shape: Shape) =>
  z.preprocess((value, context) => {
    if (typeof value !== 'string') return value;
    try {
      return JSON.parse(value) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'is no JSON' });
      return z.NEVER;
    }
  }, shape);

/** Keycloak has a list of one text for each of them. */
const parameter = z.tuple([z.string()]).transform(([text]) => text);

const KeycloakCredential = json(
  z.object({
    credentialData: json(
      z.object({
        algorithm: z.enum(['argon2', 'pbkdf2', 'pbkdf2-sha256', 'pbkdf2-sha512']),
        hashIterations: z.int(),
        additionalParameters: z
          .object({ type: parameter, version: parameter, memory: parameter, parallelism: parameter })
          .partial()
          .optional(),
      }),
    ),
    secretData: json(z.object({ value: base64, salt: base64 })),
  }),
);

function pbkdf2(id: string, iterations: number, salt: Buffer, hash: Buffer): string {
  return formatPhc({ id, parameters: { i: iterations }, salt, hash });
}
