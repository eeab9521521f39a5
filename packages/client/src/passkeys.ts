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
import { passesByItself } from './retry.ts';
import { pause } from './timers.ts';

/*
 * Ceremonies of WebAuthn in a browser, by the browser's own functions for JSON (WebAuthn Level 3, §5.1.7 to §5.1.10).
 *
 * A browser runs one ceremony at a time, and the newest one is what the user wants:
 *
 *   a dialog      ends the dialog before it, and interrupts the suggestion, which comes back after it
 *   a suggestion  ends the suggestion before it, and waits until no dialog is open
 */

/** A challenge is renewed this long before its end while passkeys are suggested. */
const EARLY_MS = 30_000;
/** How often its end is looked at: a timer alone stands still while the machine sleeps. */
const LOOK_MS = 10_000;
/** How long a suggestion waits before it asks a server again that did not answer. */
const RETRY_MS = 30_000;

export interface CeremonyOptions {
  /** Ends the ceremony. The promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Until every dialog that was opened is closed. */
let closed: Promise<void> = Promise.resolve();
let dialog: AbortController | undefined;
/** `end` ends it for good, and `round` until no dialog is open or there is a new challenge. */
let suggestion: { readonly end: AbortController; round: AbortController } | undefined;

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
  signal?.throwIfAborted();
  const { challengeId, ...options } = await unlessAborted(
    signal,
    auth.startPasskeyRegistration({ attachment: attachment ?? null }),
  );
  const response = await showDialog((whole) => create(options, whole), signal);
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
  const start = () => auth.startPasskeyLogin();
  const passkey = await (suggest ? suggested(start, signal) : answered(start, signal));
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
  return answered(() => auth.startPasskeyChallenge({ mfaToken: mfaToken ?? null }), signal);
}

async function answered(
  start: () => Promise<PasskeyLoginOptions>,
  signal: AbortSignal | undefined,
): Promise<PasskeyAnswer> {
  signal?.throwIfAborted();
  const options = await unlessAborted(signal, start());
  return showDialog((whole) => get(options, { signal: whole }), signal);
}

/** Asks again before the challenge ends, and after each dialog. Once it is there, an outage of the server ends it no more. */
async function suggested(
  start: () => Promise<PasskeyLoginOptions>,
  signal: AbortSignal | undefined,
): Promise<PasskeyAnswer> {
  signal?.throwIfAborted();
  const own = { end: new AbortController(), round: new AbortController() };
  suggestion?.end.abort();
  suggestion = own;
  const life = anyOf(own.end.signal, signal);
  try {
    for (let options = await unlessAborted(life, start()); ; options = await renewed(start, life)) {
      while (!(await isLastClosed(life)));
      own.round = new AbortController();
      const stopLooking = beforeItEnds(options, () => own.round.abort());
      try {
        return await get(options, { mediation: 'conditional', signal: anyOf(own.round.signal, life) });
      } catch (error) {
        if (life.aborted || !own.round.signal.aborted) throw error;
      } finally {
        stopLooking();
      }
    }
  } catch (error) {
    return fail(error, signal);
  }
}

/** Waits for the dialogs that are open. False when another one was opened meanwhile. */
async function isLastClosed(life: AbortSignal): Promise<boolean> {
  const waitedFor = closed;
  await unlessAborted(life, waitedFor);
  return waitedFor === closed;
}

async function renewed(
  start: () => Promise<PasskeyLoginOptions>,
  life: AbortSignal,
): Promise<PasskeyLoginOptions> {
  for (;;) {
    try {
      return await unlessAborted(life, start());
    } catch (error) {
      if (!passesByItself(error)) throw error;
      await unlessAborted(life, pause(RETRY_MS));
    }
  }
}

/**
 * Asks for new options before the server forgets these. It looks at two clocks: the monotonic one stands still while the
 * machine sleeps, and a person can set the other one back. A hidden page waits until somebody looks at it: some browsers
 * refuse it a ceremony, and it would ask the server for ever.
 */
function beforeItEnds({ timeout }: PasskeyLoginOptions, renew: () => void): () => void {
  const [wall, monotonic] = [Date.now(), performance.now()];
  const look = () => {
    const passed = Math.max(Date.now() - wall, performance.now() - monotonic);
    if (passed >= timeout - EARLY_MS && document.visibilityState === 'visible') renew();
  };
  const timer = setInterval(look, LOOK_MS);
  document.addEventListener('visibilitychange', look);
  return () => {
    clearInterval(timer);
    document.removeEventListener('visibilitychange', look);
  };
}

/** Only what the server knows is sent, because later browsers may answer with more. */
async function create(
  options: Omit<PasskeyRegistrationOptions, 'challengeId'>,
  signal: AbortSignal,
): Promise<PasskeyRegistration['response']> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options as never);
  const { id, rawId, type, response } = jsonOf<PasskeyRegistration['response']>(
    await navigator.credentials.create({ publicKey, signal }),
  );
  signal.throwIfAborted();
  const { clientDataJSON, attestationObject, transports = null } = response;
  return { id, rawId, type, response: { clientDataJSON, attestationObject, transports } };
}

async function get(
  { challengeId, ...options }: PasskeyLoginOptions,
  more: { readonly mediation?: 'conditional'; readonly signal: AbortSignal },
): Promise<PasskeyAnswer> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options as never);
  const { id, rawId, type, response } = jsonOf<PasskeyAnswer['response']>(
    await navigator.credentials.get({ publicKey, ...more }),
  );
  // A password manager that stands before the browser may pass over the signal.
  more.signal.throwIfAborted();
  const { clientDataJSON, authenticatorData, signature, userHandle = null } = response;
  return {
    challengeId,
    response: { id, rawId, type, response: { clientDataJSON, authenticatorData, signature, userHandle } },
  };
}

function jsonOf<Json>(credential: Credential | null): Json {
  return (credential as PublicKeyCredential).toJSON() as Json;
}

async function showDialog<Value>(
  open: (signal: AbortSignal) => Promise<Value>,
  signal: AbortSignal | undefined,
): Promise<Value> {
  suggestion?.round.abort();
  dialog?.abort();
  dialog = new AbortController();
  const opened = open(anyOf(dialog.signal, signal));
  const settled = opened.then(
    () => {},
    () => {},
  );
  closed = Promise.all([closed, settled]).then(() => {});
  try {
    return await opened;
  } catch (error) {
    return fail(error, signal);
  }
}

/** What a promise comes to. @throws the signal's reason, at once */
async function unlessAborted<Value>(signal: AbortSignal | undefined, work: Promise<Value>): Promise<Value> {
  if (signal === undefined) return work;
  let abort = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort);
  });
  try {
    if (signal.aborted) abort();
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function anyOf(one: AbortSignal, other: AbortSignal | undefined): AbortSignal {
  return other === undefined ? one : AbortSignal.any([one, other]);
}

function assertSupport(): void {
  if (!supportsPasskeys()) throw unavailable('This browser has no passkeys');
}

/** @throws the signal's reason where it ended the ceremony, else AuthClientError */
function fail(error: unknown, signal: AbortSignal | undefined): never {
  signal?.throwIfAborted();
  if (error instanceof AuthClientError) throw error;
  const { name } = Object(error) as { name?: unknown };
  if (name === 'InvalidStateError')
    throw new AuthClientError('PASSKEY_EXISTS', 'The authenticator has a passkey of this account');
  if (name === 'NotAllowedError' || name === 'AbortError')
    throw new AuthClientError('PASSKEY_CANCELLED', 'No passkey was given');
  throw unavailable('This page allows no passkey', error);
}

function unavailable(message: string, cause?: unknown): AuthClientError {
  return new AuthClientError('PASSKEYS_UNAVAILABLE', message, {}, { cause });
}
