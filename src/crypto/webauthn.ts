import type { RegistrationResponseJSON } from '@simplewebauthn/server';
import type { AttestationObject } from '@simplewebauthn/server/helpers';
import { isUsableCoseKey, PASSKEY_ALGORITHMS } from './cose-key.ts';

/*
 * The answers of authenticators (WebAuthn Level 3, §7.1 and §7.2). The library checks most of it. This file checks what
 * the library leaves out: the shape of each text, frames of other pages, the format of the attestation, whether the key
 * can be used, the counter and the backup eligibility.
 *
 * The library is loaded with the first answer: it takes a good part of the time of a short command.
 */

let library: Promise<typeof import('./webauthn-library.ts')> | undefined;

function load() {
  library ??= import('./webauthn-library.ts');
  return library;
}

/** WebAuthn Level 3, §4: a credential's id has at most 1,023 bytes. */
const MAX_ID = base64Length(1_023);
/** §5.4.3: a user handle has at most 64 bytes. */
const MAX_USER_HANDLE = base64Length(64);
const MAX_TEXT = 4_096;
const MAX_ATTESTATION = 8_192;
const MAX_SIGNATURE = 1_024;
const MAX_TRANSPORTS = 10;

/** §5.8.4, and what authenticators say beside it. */
const TRANSPORTS = ['internal', 'hybrid', 'usb', 'nfc', 'ble', 'smart-card'];

/** Whom passkeys are for. */
export interface RelyingParty {
  /** A domain. */
  readonly rpId: string;
  /** The origins of the pages that may ask. */
  readonly origins: readonly string[];
}

/** What a browser gives of a new passkey, as far as it is looked at. */
export interface RegistrationAnswer {
  readonly id: string;
  readonly rawId: string;
  readonly type: string;
  readonly response: {
    readonly clientDataJSON: string;
    readonly attestationObject: string;
    readonly transports?: readonly string[] | null | undefined;
  };
}

/** What a browser gives of a passkey that was used, as far as it is looked at. */
export interface AuthenticationAnswer {
  readonly id: string;
  readonly rawId: string;
  readonly type: string;
  readonly response: {
    readonly clientDataJSON: string;
    readonly authenticatorData: string;
    readonly signature: string;
    readonly userHandle?: string | null | undefined;
  };
}

/** A passkey as a registration shows it. Bytes are base64url. */
export interface NewPasskey {
  readonly credentialId: string;
  /** A COSE_Key (RFC 9052 §7). */
  readonly publicKey: string;
  readonly signCount: number;
  /** Whether its authenticator may keep copies of it; this never changes. */
  readonly isBackupEligible: boolean;
  readonly isBackedUp: boolean;
  readonly transports: readonly string[];
  /** The model of the authenticator, as a UUID. */
  readonly aaguid: string;
}

/** What an answer is checked against. */
interface Expected {
  /** Base64url. */
  readonly challenge: string;
  readonly relyingParty: RelyingParty;
}

/** Why an answer is refused, in a word for the audit trail. */
export class PasskeyRefused extends Error {
  override readonly name = 'PasskeyRefused';
  readonly reason: PasskeyRefusal;

  constructor(reason: PasskeyRefusal, cause?: unknown) {
    super(`The passkey was refused: ${reason}`, { cause });
    this.reason = reason;
  }
}

export type PasskeyRefusal =
  | 'passkey_malformed'
  | 'passkey_wrong'
  | 'passkey_unknown'
  | 'passkey_taken'
  | 'passkey_counter'
  | 'passkey_backup_eligibility';

/**
 * Checks the answer to a registration (§7.1). The user must be verified, so the passkey alone shows two factors.
 *
 * @throws PasskeyRefused
 */
export async function checkRegistration(answer: RegistrationAnswer, expected: Expected): Promise<NewPasskey> {
  const { response } = answer;
  assertCredential(answer);
  assertBase64url(response.attestationObject, MAX_ATTESTATION);
  assertOwnPage(response.clientDataJSON);
  const transports = response.transports ?? [];
  if (transports.length > MAX_TRANSPORTS) throw new PasskeyRefused('passkey_malformed');
  const { relyingParty } = expected;
  const { verifyRegistrationResponse, decodeAttestationObject, decodeCredentialPublicKey } = await load();
  return refusing(async () => {
    assertAttestation(decodeAttestationObject(bytesOf(response.attestationObject)));
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: { ...answer, clientExtensionResults: {} } as RegistrationResponseJSON,
      expectedChallenge: expected.challenge,
      expectedOrigin: [...relyingParty.origins],
      expectedRPID: relyingParty.rpId,
      requireUserVerification: true,
      supportedAlgorithmIDs: [...PASSKEY_ALGORITHMS],
    });
    if (!verified) throw new PasskeyRefused('passkey_wrong');
    const { credential, aaguid, credentialDeviceType, credentialBackedUp } = registrationInfo;
    // The attestation, which signs it, is the authority.
    if (credential.id !== answer.id || Buffer.from(credential.id, 'base64url').length > 1_023)
      throw new PasskeyRefused('passkey_malformed');
    if (!isUsableCoseKey(decodeCredentialPublicKey(credential.publicKey)))
      throw new PasskeyRefused('passkey_wrong', 'the public key');
    return {
      credentialId: credential.id,
      publicKey: Buffer.from(credential.publicKey).toString('base64url'),
      signCount: credential.counter,
      isBackupEligible: credentialDeviceType === 'multiDevice',
      isBackedUp: credentialBackedUp,
      transports: TRANSPORTS.filter((transport) => transports.includes(transport)),
      aaguid,
    };
  });
}

/** A passkey as it is stored. */
export type StoredPasskey = Pick<NewPasskey, 'credentialId' | 'publicKey' | 'signCount' | 'isBackupEligible'>;

/** What the authenticator says of itself at a login. */
export interface Assertion {
  readonly signCount: number;
  readonly isBackedUp: boolean;
}

/**
 * Refuses what has not the shape of an answer, before anything is looked up.
 *
 * @throws PasskeyRefused
 */
export function assertAuthenticationShape(answer: AuthenticationAnswer): void {
  const { authenticatorData, signature, userHandle, clientDataJSON } = answer.response;
  assertCredential(answer);
  assertBase64url(authenticatorData, MAX_TEXT);
  assertBase64url(signature, MAX_SIGNATURE);
  if (userHandle != null) assertBase64url(userHandle, MAX_USER_HANDLE);
  assertOwnPage(clientDataJSON);
}

/**
 * Checks the answer to a login, of the shape above (§7.2). The counter and the backup eligibility are compared last, so
 * what is recorded of them was signed.
 *
 * @throws PasskeyRefused
 */
export async function checkAuthentication(
  answer: AuthenticationAnswer,
  {
    challenge,
    relyingParty,
    passkey,
    requireUserVerification,
  }: Expected & { passkey: StoredPasskey; requireUserVerification: boolean },
): Promise<Assertion> {
  const { clientDataJSON, authenticatorData, signature } = answer.response;
  const { id, rawId } = answer;
  const { verifyAuthenticationResponse } = await load();
  return refusing(async () => {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: {
        ...{ id, rawId, type: 'public-key', clientExtensionResults: {} },
        response: { clientDataJSON, authenticatorData, signature },
      },
      expectedChallenge: challenge,
      expectedOrigin: [...relyingParty.origins],
      expectedRPID: relyingParty.rpId,
      credential: {
        id: passkey.credentialId,
        publicKey: bytesOf(passkey.publicKey),
        counter: 0,
      },
      requireUserVerification,
    });
    if (!verified) throw new PasskeyRefused('passkey_wrong', 'the signature');
    const { newCounter, credentialBackedUp, credentialDeviceType } = authenticationInfo;
    if ((credentialDeviceType === 'multiDevice') !== passkey.isBackupEligible)
      throw new PasskeyRefused('passkey_backup_eligibility');
    if ((newCounter > 0 || passkey.signCount > 0) && newCounter <= passkey.signCount)
      throw new PasskeyRefused('passkey_counter');
    return { signCount: newCounter, isBackedUp: credentialBackedUp };
  });
}

/** The library throws an Error for whatever it refuses, and what it reads was made by the client. */
async function refusing<Result>(check: () => Promise<Result>): Promise<Result> {
  try {
    return await check();
  } catch (error) {
    throw error instanceof PasskeyRefused ? error : new PasskeyRefused('passkey_wrong', error);
  }
}

function assertCredential({ id, rawId, type }: Pick<AuthenticationAnswer, 'id' | 'rawId' | 'type'>): void {
  assertBase64url(id, MAX_ID);
  if (rawId !== id || type !== 'public-key') throw new PasskeyRefused('passkey_malformed');
}

/** Only one spelling of bytes is taken: the last character may have bits to spare, which decoding drops. */
function assertBase64url(text: string, most: number): void {
  const isShort = text.length > 0 && text.length <= most;
  if (!isShort || Buffer.from(text, 'base64url').toString('base64url') !== text)
    throw new PasskeyRefused('passkey_malformed');
}

/**
 * The page that asked was the tab's own, and no frame in a foreign page (§5.8.1, `crossOrigin` and `topOrigin`). The
 * library compares `topOrigin` of a login, and nothing of a registration.
 */
function assertOwnPage(clientDataJSON: string): void {
  assertBase64url(clientDataJSON, MAX_TEXT);
  const data = readObject(Buffer.from(clientDataJSON, 'base64url').toString());
  if (data === undefined) throw new PasskeyRefused('passkey_malformed');
  const { crossOrigin = false, topOrigin } = data;
  if (crossOrigin !== false || topOrigin !== undefined) throw new PasskeyRefused('passkey_wrong', 'a frame');
}

function readObject(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The server asks for no attestation, so a browser sends `none`, or `packed` that the passkey itself has signed (§5.4.7).
 * Certificates are not read: to check them the library would ask other servers.
 */
function assertAttestation(attestation: AttestationObject): void {
  const format = attestation.get('fmt');
  const isOwn = format === 'packed' && attestation.get('attStmt').get('x5c') === undefined;
  if (format !== 'none' && !isOwn) throw new PasskeyRefused('passkey_wrong', 'the attestation');
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, 'base64url'));
}

function base64Length(bytes: number): number {
  return Math.ceil((bytes * 4) / 3);
}
