import type {
  FactorConfirmation,
  PasskeyAnswer,
  PasskeyLoginOptions,
  PasskeyRegistration,
  PasskeyRegistrationOptions,
  SignedIn,
} from './api.ts';
import type { AuthClient } from './client.ts';
import { AuthClientError } from './errors.ts';

/*
 * Ceremonies of WebAuthn in a browser, by the browser's own functions for JSON (WebAuthn Level 3, §5.1.7 to §5.1.10).
 *
 * A browser runs one ceremony at a time. A dialog interrupts the passkeys that the browser suggests in a field, and they
 * come back after it.
 */

/** A challenge is renewed this long before its end while passkeys are suggested. */
const EARLY_MS = 30_000;

export interface CeremonyOptions {
  /** Ends the ceremony. The promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

let dialog: Promise<unknown> = Promise.resolve();
let suggestion: AbortController | undefined;

/** Whether this browser has passkeys. */
export function supportsPasskeys(): boolean {
  return typeof globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON === 'function';
}

/** Whether this browser can suggest passkeys in a field with `autocomplete="username webauthn"`. */
export async function suggestsPasskeys(): Promise<boolean> {
  return supportsPasskeys() && (await PublicKeyCredential.isConditionalMediationAvailable?.()) === true;
}

/**
 * Makes a passkey for the user who is signed in. The session is replaced by one with a second factor.
 *
 * @throws AuthClientError `PASSKEY_CANCELLED`, `PASSKEY_EXISTS`, `PASSKEYS_UNAVAILABLE`, or what the server refuses
 */
export async function registerPasskey(
  auth: Pick<AuthClient, 'startPasskeyRegistration' | 'finishPasskeyRegistration'>,
  {
    attachment,
    name,
    signal,
  }: CeremonyOptions & {
    /** What to call it. */
    readonly name?: string | undefined;
    /** This device, or another one. The user decides unless given. */
    readonly attachment?: 'PLATFORM' | 'CROSS_PLATFORM' | undefined;
  } = {},
): Promise<FactorConfirmation> {
  assertSupport();
  const { challengeId, ...options } = await auth.startPasskeyRegistration({ attachment: attachment ?? null });
  const response = await showDialog(() => create(options, signal)).catch(fail(signal));
  return auth.finishPasskeyRegistration({ challengeId, name: name ?? null, response });
}

/**
 * Signs a user in with a passkey. With `suggest` no dialog opens: the browser offers its passkeys in the field with
 * `autocomplete="username webauthn"`, and the promise waits until the user takes one or `signal` ends it.
 *
 * @throws AuthClientError `PASSKEY_CANCELLED`, `PASSKEYS_UNAVAILABLE`, or what the server refuses
 */
export async function loginWithPasskey(
  auth: Pick<AuthClient, 'startPasskeyLogin' | 'loginWithPasskey'>,
  {
    suggest = false,
    signal,
    deviceName = null,
    scope = null,
  }: CeremonyOptions & {
    readonly suggest?: boolean;
    readonly deviceName?: string | null | undefined;
    readonly scope?: readonly string[] | null | undefined;
  } = {},
): Promise<SignedIn> {
  assertSupport();
  const passkey = suggest
    ? await suggested(() => auth.startPasskeyLogin(), signal)
    : await answer(await auth.startPasskeyLogin(), signal);
  return auth.loginWithPasskey({ passkey, deviceName, scope });
}

/**
 * The answer of a passkey, as a second factor: for `completeMfaLogin` with the token of `MFA_REQUIRED`, and without one
 * for `reauthenticate`.
 *
 * @throws AuthClientError `PASSKEY_CANCELLED`, `PASSKEYS_UNAVAILABLE`, or what the server refuses
 */
export async function passkeyAnswer(
  auth: Pick<AuthClient, 'startPasskeyChallenge'>,
  { mfaToken, signal }: CeremonyOptions & { readonly mfaToken?: string | undefined } = {},
): Promise<PasskeyAnswer> {
  assertSupport();
  return answer(await auth.startPasskeyChallenge({ mfaToken: mfaToken ?? null }), signal);
}

function answer(options: PasskeyLoginOptions, signal: AbortSignal | undefined): Promise<PasskeyAnswer> {
  return showDialog(() => get(options, { ...(signal && { signal }) })).catch(fail(signal));
}

/** Asks again before the challenge ends, and after each dialog. */
async function suggested(
  start: () => Promise<PasskeyLoginOptions>,
  signal: AbortSignal | undefined,
): Promise<PasskeyAnswer> {
  for (;;) {
    await dialog;
    signal?.throwIfAborted();
    const options = await start();
    // One may have opened meanwhile.
    await dialog;
    const controller = new AbortController();
    suggestion = controller;
    const timer = setTimeout(() => controller.abort(), options.timeout - EARLY_MS);
    try {
      return await get(options, {
        mediation: 'conditional',
        signal: AbortSignal.any([controller.signal, ...(signal ? [signal] : [])]),
      });
    } catch (error) {
      if (!controller.signal.aborted || signal?.aborted) fail(signal)(error);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Only what the server knows is sent, because later browsers may answer with more. */
async function create(
  options: Omit<PasskeyRegistrationOptions, 'challengeId'>,
  signal: AbortSignal | undefined,
): Promise<PasskeyRegistration['response']> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options as never);
  const { id, rawId, type, response } = jsonOf<PasskeyRegistration['response']>(
    await navigator.credentials.create({ publicKey, ...(signal && { signal }) }),
  );
  const { clientDataJSON, attestationObject, transports = null } = response;
  return { id, rawId, type, response: { clientDataJSON, attestationObject, transports } };
}

async function get(
  { challengeId, ...options }: PasskeyLoginOptions,
  more: Pick<CredentialRequestOptions, 'mediation' | 'signal'>,
): Promise<PasskeyAnswer> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options as never);
  const { id, rawId, type, response } = jsonOf<PasskeyAnswer['response']>(
    await navigator.credentials.get({ publicKey, ...more }),
  );
  const { clientDataJSON, authenticatorData, signature, userHandle = null } = response;
  return {
    challengeId,
    response: { id, rawId, type, response: { clientDataJSON, authenticatorData, signature, userHandle } },
  };
}

function jsonOf<Json>(credential: Credential | null): Json {
  return (credential as PublicKeyCredential).toJSON() as Json;
}

function showDialog<Value>(open: () => Promise<Value>): Promise<Value> {
  suggestion?.abort();
  const opened = open();
  dialog = opened.catch(() => {});
  return opened;
}

function assertSupport(): void {
  if (!supportsPasskeys()) throw unavailable('This browser has no passkeys');
}

/** @throws the signal's reason where it ended the ceremony, else AuthClientError */
function fail(signal: AbortSignal | undefined): (error: unknown) => never {
  return (error) => {
    signal?.throwIfAborted();
    const { name } = Object(error) as { name?: unknown };
    if (name === 'InvalidStateError')
      throw new AuthClientError('PASSKEY_EXISTS', 'The authenticator has a passkey of this account');
    if (name === 'NotAllowedError' || name === 'AbortError')
      throw new AuthClientError('PASSKEY_CANCELLED', 'No passkey was given');
    throw unavailable('This page allows no passkey', error);
  };
}

function unavailable(message: string, cause?: unknown): AuthClientError {
  return new AuthClientError('PASSKEYS_UNAVAILABLE', message, {}, { cause });
}
