import {
  createHash,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';

/*
 * An authenticator of passkeys with the browser in front of it, written anew from WebAuthn Level 3 §6 and RFC 8949. It
 * makes right answers, and with a `Tamper` wrong ones: what is tampered with before the signature is signed all the same.
 */

export const ORIGIN = 'http://localhost:4000';
const RP_ID = 'localhost';

/** The bits of §6.1. */
export const FLAGS = { UP: 1, UV: 4, BE: 8, BS: 16, AT: 64, ED: 128 } as const;

type Algorithm = 'ES256' | 'EdDSA' | 'RS256' | 'ES384';

/** The options of `startPasskeyRegistration`, as far as they are looked at. */
export interface CreationOptions {
  readonly challengeId: string;
  readonly challenge: string;
  readonly rp: { readonly id: string };
  readonly user: { readonly id: string };
}

/** The options of a login, as far as they are looked at. */
export interface RequestOptions {
  readonly challengeId: string;
  readonly challenge: string;
  readonly rpId: string;
  readonly allowCredentials: readonly { readonly id: string }[];
}

/** What is wrong with an answer. */
export interface Tamper {
  readonly clientData?: (data: Record<string, unknown>) => unknown;
  /** The text of the client data, for what is no JSON. */
  readonly clientText?: (text: string) => Buffer;
  readonly rpId?: string;
  readonly flags?: (flags: number) => number;
  readonly signCount?: number;
  readonly authData?: (data: Buffer) => Buffer;
  /** The key that signs. */
  readonly key?: KeyObject;
  readonly signature?: (signature: Buffer) => Buffer;
  readonly coseKey?: (key: Map<number, unknown>) => Map<number, unknown>;
  readonly credentialId?: Buffer;
  readonly attestation?: (attestation: Map<string, unknown>) => Map<string, unknown>;
  readonly attestationBytes?: (bytes: Buffer) => Buffer;
  /** The answer as the client sends it. */
  // biome-ignore lint/suspicious/noExplicitAny: a wrong answer may be anything
  readonly answer?: (answer: any) => void;
}

export interface Credential {
  readonly id: Buffer;
  readonly userHandle: string;
  readonly privateKey: KeyObject;
  readonly algorithm: Algorithm;
  signCount: number;
}

export interface SoftAuthenticatorOptions {
  readonly algorithm?: Algorithm;
  readonly aaguid?: string;
  readonly isBackupEligible?: boolean;
  readonly isBackedUp?: boolean;
  /** Whether it counts its signatures. */
  readonly counts?: boolean;
  readonly attests?: 'none' | 'packed';
}

export type SoftAuthenticator = ReturnType<typeof createSoftAuthenticator>;

export function createSoftAuthenticator({
  algorithm = 'ES256',
  aaguid = '00000000-0000-0000-0000-000000000000',
  isBackupEligible = false,
  isBackedUp = false,
  counts = true,
  attests = 'none',
}: SoftAuthenticatorOptions = {}) {
  const credentials: Credential[] = [];
  const flagsOf = (more: number) =>
    FLAGS.UP | FLAGS.UV | (isBackupEligible ? FLAGS.BE : 0) | (isBackedUp ? FLAGS.BS : 0) | more;

  return {
    credentials,

    create(options: CreationOptions, tamper: Tamper = {}) {
      const { privateKey, publicKey } = keyPairOf(algorithm);
      const id = tamper.credentialId ?? randomBytes(32);
      const signCount = tamper.signCount ?? (counts ? 1 : 0);
      const cose = coseKeyOf(publicKey.export({ format: 'jwk' }), algorithm);
      const idLength = Buffer.alloc(2);
      idLength.writeUInt16BE(id.length);
      const attested = Buffer.concat([
        Buffer.from(aaguid.replaceAll('-', ''), 'hex'),
        idLength,
        id,
        cbor(tamper.coseKey?.(cose) ?? cose),
      ]);
      const flags = flagsOf(FLAGS.AT);
      const authData = authDataOf({ flags, signCount, attested }, tamper);
      const clientDataJSON = clientDataOf('webauthn.create', options.challenge, tamper);
      const signature = signWith(tamper.key ?? privateKey, algorithm, authData, clientDataJSON);
      const statement =
        attests === 'packed'
          ? new Map<string, unknown>([
              ['alg', COSE_ALGORITHMS[algorithm]],
              ['sig', tamper.signature?.(signature) ?? signature],
            ])
          : new Map();
      const attestation = new Map<string, unknown>([
        ['fmt', attests],
        ['attStmt', statement],
        ['authData', authData],
      ]);
      const bytes = cbor(tamper.attestation?.(attestation) ?? attestation);
      const answer = {
        id: id.toString('base64url'),
        rawId: id.toString('base64url'),
        type: 'public-key',
        authenticatorAttachment: 'platform',
        clientExtensionResults: { credProps: { rk: true } },
        response: {
          clientDataJSON: clientDataJSON.toString('base64url'),
          attestationObject: (tamper.attestationBytes?.(bytes) ?? bytes).toString('base64url'),
          authenticatorData: authData.toString('base64url'),
          transports: ['hybrid', 'internal'],
          publicKey: publicKey.export({ format: 'der', type: 'spki' }).toString('base64url'),
          publicKeyAlgorithm: COSE_ALGORITHMS[algorithm],
        },
      };
      tamper.answer?.(answer);
      credentials.push({ id, userHandle: options.user.id, privateKey, algorithm, signCount });
      return { challengeId: options.challengeId, response: answer };
    },

    /** With the passkey that the options name, or the newest one. */
    get(options: RequestOptions, tamper: Tamper = {}) {
      const allowed = options.allowCredentials.map(({ id }) => id);
      const credential = credentials.findLast(
        ({ id }) => allowed.length === 0 || allowed.includes(id.toString('base64url')),
      );
      if (credential === undefined) throw new Error('the authenticator has none of these passkeys');
      if (counts) credential.signCount += 1;
      const signCount = tamper.signCount ?? credential.signCount;
      const authData = authDataOf({ flags: flagsOf(0), signCount }, tamper);
      const clientDataJSON = clientDataOf('webauthn.get', options.challenge, tamper);
      const key = tamper.key ?? credential.privateKey;
      const signature = signWith(key, credential.algorithm, authData, clientDataJSON);
      const answer = {
        id: credential.id.toString('base64url'),
        rawId: credential.id.toString('base64url'),
        type: 'public-key',
        authenticatorAttachment: 'platform',
        clientExtensionResults: {},
        response: {
          clientDataJSON: clientDataJSON.toString('base64url'),
          authenticatorData: authData.toString('base64url'),
          signature: (tamper.signature?.(signature) ?? signature).toString('base64url'),
          userHandle: credential.userHandle,
        },
      };
      tamper.answer?.(answer);
      return { challengeId: options.challengeId, response: answer };
    },
  };
}

const COSE_ALGORITHMS = { ES256: -7, EdDSA: -8, RS256: -257, ES384: -35 } as const;

export function keyPairOf(algorithm: Algorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519');
  if (algorithm === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  return generateKeyPairSync('ec', { namedCurve: algorithm === 'ES384' ? 'P-384' : 'P-256' });
}

/** RFC 9052 §7.1, RFC 9053 §7 and RFC 8230 §4. */
function coseKeyOf(jwk: JsonWebKey, algorithm: Algorithm): Map<number, unknown> {
  const bytes = (text: string | undefined) => Buffer.from(text ?? '', 'base64url');
  const alg = COSE_ALGORITHMS[algorithm];
  if (algorithm === 'EdDSA')
    return new Map<number, unknown>([
      [1, 1],
      [3, alg],
      [-1, 6],
      [-2, bytes(jwk.x)],
    ]);
  if (algorithm === 'RS256')
    return new Map<number, unknown>([
      [1, 3],
      [3, alg],
      [-1, bytes(jwk.n)],
      [-2, bytes(jwk.e)],
    ]);
  const curve = algorithm === 'ES384' ? 2 : 1;
  return new Map<number, unknown>([
    [1, 2],
    [3, alg],
    [-1, curve],
    [-2, bytes(jwk.x)],
    [-3, bytes(jwk.y)],
  ]);
}

/** §6.1. */
function authDataOf(
  { flags, signCount, attested }: { flags: number; signCount: number; attested?: Buffer },
  tamper: Tamper,
): Buffer {
  const head = Buffer.alloc(37);
  createHash('sha256')
    .update(tamper.rpId ?? RP_ID)
    .digest()
    .copy(head);
  head.writeUInt8(tamper.flags?.(flags) ?? flags, 32);
  head.writeUInt32BE(signCount, 33);
  const data = attested === undefined ? head : Buffer.concat([head, attested]);
  return tamper.authData?.(data) ?? data;
}

/** §5.8.1.1. */
function clientDataOf(type: string, challenge: string, tamper: Tamper): Buffer {
  const data = { type, challenge, origin: ORIGIN, crossOrigin: false };
  const text = JSON.stringify(tamper.clientData?.(data) ?? data);
  return tamper.clientText?.(text) ?? Buffer.from(text);
}

/** §6.3.3, step 11. */
function signWith(key: KeyObject, algorithm: Algorithm, authData: Buffer, clientDataJSON: Buffer): Buffer {
  const signed = Buffer.concat([authData, createHash('sha256').update(clientDataJSON).digest()]);
  const hash = { ES256: 'sha256', RS256: 'sha256', ES384: 'sha384', EdDSA: null }[algorithm];
  return sign(hash, signed, key);
}

/** RFC 8949 §3: integers, byte strings, texts, arrays and maps. */
export function cbor(value: unknown): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string')
    return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cbor)]);
  if (value instanceof Map)
    return Buffer.concat([
      head(5, value.size),
      ...[...value].flatMap(([key, item]) => [cbor(key), cbor(item)]),
    ]);
  throw new Error('no CBOR for this');
}

function head(major: number, argument: number): Buffer {
  if (argument < 24) return Buffer.of((major << 5) | argument);
  if (argument < 256) return Buffer.of((major << 5) | 24, argument);
  const bytes = Buffer.alloc(3);
  bytes.writeUInt8((major << 5) | 25);
  bytes.writeUInt16BE(argument, 1);
  return bytes;
}
