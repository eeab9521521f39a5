import { randomBytes, randomUUID } from 'node:crypto';
import type { Factors } from '../../core/factors/service.ts';
import { type FactorRecord, insertFactor } from '../../core/factors/store.ts';
import type { Door } from '../../core/login/door.ts';
import { provenBySession } from '../../core/login/proof.ts';
import type { Mail } from '../../core/mail/service.ts';
import {
  descriptorOf,
  type PasskeyChallenge,
  type PasskeyDescriptor,
  type Passkeys,
  passkeyAmr,
} from '../../core/passkeys/service.ts';
import { findUserHandle, insertPasskey, insertUserHandle, listPasskeys } from '../../core/passkeys/store.ts';
import { NETWORK_WINDOW_MS, type RateLimits } from '../../core/rate-limits/service.ts';
import type { Grant, SessionRecord, Sessions } from '../../core/sessions/service.ts';
import type { Viewer } from '../../core/users/service.ts';
import { holdUser, type UserRecord } from '../../core/users/store.ts';
import { PASSKEY_ALGORITHMS } from '../../crypto/cose-key.ts';
import type { NewPasskey, RegistrationAnswer } from '../../crypto/webauthn.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { parseLabel } from '../../platform/label.ts';
import { PASSKEY_ADDED } from './mails.ts';

const KIND = 'PASSKEY';
const MOST_PASSKEYS = 10;
/** Registrations of one account in five minutes, begun and finished. */
const MOST_CHANGES = 60;
/** WebAuthn Level 3, §14.6.1: as long as it can be, and random, so it says nothing of the user. */
const USER_HANDLE_BYTES = 64;

/** Which authenticator a browser is to offer first (WebAuthn Level 3, §5.8.7). */
const HINTS = { PLATFORM: ['client-device'], CROSS_PLATFORM: ['security-key', 'hybrid'] } as const;

export interface PasskeyRegistrationOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly rateLimits: Pick<RateLimits, 'failures'>;
  readonly sessions: Pick<Sessions, 'requireFreshOwner' | 'ownerChanged'>;
  readonly passkeys: Pick<Passkeys, 'requireOn' | 'startRegistration' | 'checkRegistration'>;
  readonly factors: Pick<Factors, 'added'>;
  readonly door: Pick<Door, 'enter'>;
  readonly mail: Pick<Mail, 'notify'>;
  /** What people sign in to. */
  readonly appName: string;
}

/** `PublicKeyCredentialCreationOptionsJSON`, with the challenge that it is about. */
export interface CreationOptions extends PasskeyChallenge {
  readonly rp: { readonly id: string; readonly name: string };
  readonly user: { readonly id: string; readonly name: string; readonly displayName: string };
  readonly pubKeyCredParams: readonly { readonly type: string; readonly alg: number }[];
  readonly timeout: number;
  readonly excludeCredentials: readonly PasskeyDescriptor[];
  readonly authenticatorSelection: {
    readonly residentKey: string;
    readonly requireResidentKey: boolean;
    readonly userVerification: string;
  };
  readonly attestation: string;
  readonly hints: readonly string[];
}

/** A passkey that was registered, and the session that took the place of the one that asked. */
export interface Registered {
  readonly factor: FactorRecord;
  readonly recoveryCodes: readonly string[] | null;
  readonly grant: Grant;
}

/** The registration of passkeys. */
export function createPasskeyRegistration({
  database,
  clock,
  rateLimits,
  sessions,
  passkeys,
  factors,
  door,
  mail,
  appName,
}: PasskeyRegistrationOptions) {
  const changes = rateLimits.failures({ name: 'passkey-registrations', windowMs: NETWORK_WINDOW_MS });

  /** The owner of a fresh session. */
  async function requireOwner(
    viewer: Viewer,
    caller: Caller,
  ): Promise<{ user: UserRecord; session: SessionRecord }> {
    const owner = await sessions.requireFreshOwner(viewer, caller);
    const source = [{ name: owner.user.id, most: MOST_CHANGES }];
    await changes.count(source, caller);
    return owner;
  }

  /** Made with the first registration of the account. */
  async function userHandleOf(tx: Transaction, user: UserRecord): Promise<string> {
    // Deleted, or with another password or factor than the session has shown.
    if ((await holdUser(tx, user)) === undefined) throw new AuthError('REAUTHENTICATION_REQUIRED');
    const known = await findUserHandle(tx, user.id);
    if (known !== undefined) return known;
    const userHandle = randomBytes(USER_HANDLE_BYTES).toString('base64url');
    await insertUserHandle(tx, { userId: user.id, userHandle });
    return userHandle;
  }

  /** Inside the transaction that holds the user's row. The first factor brings recovery codes. */
  async function addPasskey(
    tx: Transaction,
    { held, name, passkey }: { held: UserRecord; name: string | null; passkey: NewPasskey },
  ): Promise<Omit<Registered, 'grant'> & { user: UserRecord }> {
    if ((await listPasskeys(tx, held.id)).length >= MOST_PASSKEYS) throw new AuthError('FACTOR_LIMIT');
    const id = randomUUID();
    const factor = await insertFactor(tx, { id, userId: held.id, kind: KIND, name, now: clock.now() });
    const { isBackupEligible, isBackedUp, transports, ...credential } = passkey;
    const inserted = await insertPasskey(tx, {
      ...credential,
      factorId: id,
      isBackupEligible: Number(isBackupEligible),
      isBackedUp: Number(isBackedUp),
      transports: transports.join(' '),
    });
    if (inserted === 0) throw new AuthError('INVALID_CODE', { cause: 'an account has the credential' });
    const { user, recoveryCodes } = await factors.added(tx, held);
    sessions.ownerChanged(tx, held.id);
    await mail.notify(tx, user, PASSKEY_ADDED);
    return { factor, recoveryCodes, user };
  }

  return {
    /** @throws AuthError `REAUTHENTICATION_REQUIRED`, `FACTOR_LIMIT`, `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`. */
    async startRegistration(
      viewer: Viewer,
      { attachment }: { attachment?: keyof typeof HINTS | null | undefined },
      caller: Caller,
    ): Promise<CreationOptions> {
      const { rpId } = passkeys.requireOn();
      const { user } = await requireOwner(viewer, caller);
      const sql = database.before(caller.deadline);
      const known = await listPasskeys(sql, user.id);
      if (known.length >= MOST_PASSKEYS) throw new AuthError('FACTOR_LIMIT');
      const id = await sql.transaction((tx) => userHandleOf(tx, user));
      return {
        ...passkeys.startRegistration(viewer.sessionId),
        rp: { id: rpId, name: appName },
        user: { id, name: user.email, displayName: user.name ?? user.email },
        pubKeyCredParams: PASSKEY_ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
        excludeCredentials: known.map(descriptorOf),
        // A passkey of each account can log in by itself.
        authenticatorSelection: {
          residentKey: 'required',
          requireResidentKey: true,
          userVerification: 'required',
        },
        attestation: 'none',
        hints: attachment == null ? [] : HINTS[attachment],
      };
    },

    /**
     * The passkey is written in one transaction with the session that takes the place of the viewer's. The challenge is
     * good in that session alone, so it works once.
     *
     * @throws AuthError `REAUTHENTICATION_REQUIRED`, `INVALID_TOKEN`, `INVALID_CODE`, `FACTOR_LIMIT`, `FEATURE_DISABLED`,
     * `TOO_MANY_REQUESTS`, `BAD_USER_INPUT`, `UNAUTHENTICATED`, `UNAVAILABLE`.
     */
    async finishRegistration(
      viewer: Viewer,
      input: { challengeId: string; response: RegistrationAnswer; name?: string | null | undefined },
      caller: Caller,
    ): Promise<Registered> {
      const name = parseLabel(input.name, 'input.name');
      const { user, session } = await requireOwner(viewer, caller);
      const { sessionId } = viewer;
      const passkey = await passkeys.checkRegistration(input, { sessionId, caller });

      let added: Awaited<ReturnType<typeof addPasskey>> | undefined;
      const proof = provenBySession({
        user,
        session,
        newFactor: passkeyAmr(passkey.isBackedUp),
        failure: 'user_updated',
        refusal: 'INVALID_TOKEN',
        async hold(tx) {
          const held = await holdUser(tx, user);
          if (held === undefined) return undefined;
          added = await addPasskey(tx, { held, name, passkey });
          const details = { fields: ['factors'], reason: 'added', kind: KIND };
          return { user: added.user, details: { ...details, factor: added.factor.id } };
        },
      });
      const grant = await door.enter(proof, { as: 'factor', caller, replaces: sessionId });
      if (added === undefined) throw new Error('a session was opened and no passkey was added');
      return { factor: added.factor, recoveryCodes: added.recoveryCodes, grant };
    },
  };
}
