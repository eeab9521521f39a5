import { randomUUID } from 'node:crypto';
import type { Factors } from '../../core/factors/service.ts';
import {
  confirmEnrolment,
  type FactorRecord,
  findEnrolment,
  putEnrolment,
} from '../../core/factors/store.ts';
import type { Door } from '../../core/login/door.ts';
import { provenBySession } from '../../core/login/proof.ts';
import type { Mail } from '../../core/mail/service.ts';
import type { Grant, SessionRecord, Sessions } from '../../core/sessions/service.ts';
import type { Viewer } from '../../core/users/service.ts';
import { holdUser, type UserRecord } from '../../core/users/store.ts';
import { base32Of, createTotpSeed, otpauthUri, totpStepOf } from '../../crypto/totp.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { MINUTE_MS } from '../../platform/durations.ts';
import { parseLabel } from '../../platform/label.ts';
import { typedCode } from '../../platform/typed-code.ts';
import { wordsOf } from '../../platform/words.ts';
import { FACTOR_ADDED } from './mails.ts';
import { qrCodeOf } from './qr-code.ts';

/** Time to find the phone and install the app. */
const LIFETIME_MS = 10 * MINUTE_MS;
const KIND = 'TOTP';

export interface EnrolmentOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly sessions: Pick<Sessions, 'requireFreshOwner' | 'ownerChanged'>;
  readonly factors: Pick<Factors, 'seal' | 'open' | 'added'>;
  readonly door: Pick<Door, 'enter'>;
  readonly mail: Pick<Mail, 'notify'>;
  /** Of the tokens; apps show its host as the name of this server. */
  readonly issuer: string;
  /** Lets an account make so many changes of its factors, and no more. */
  readonly assertFewChanges: (viewer: Viewer, caller: Caller) => Promise<void>;
}

/** An enrolment that waits for its first code. */
export interface Enrolment {
  readonly secret: string;
  readonly otpauthUri: string;
  readonly qrCode: string;
  /** ms since 1970. */
  readonly expiresAt: number;
}

/** A factor that was confirmed, and the session that took the place of the one that asked. */
export interface Confirmation {
  readonly factor: FactorRecord;
  readonly recoveryCodes: readonly string[] | null;
  readonly grant: Grant;
}

/** The enrolment of authenticator apps. */
export function createEnrolment({
  database,
  clock,
  sessions,
  factors,
  door,
  mail,
  issuer,
  assertFewChanges,
}: EnrolmentOptions) {
  /** The owner of a fresh session, whose account has no app yet. */
  async function requireRoom(
    viewer: Viewer,
    caller: Caller,
  ): Promise<{ user: UserRecord; session: SessionRecord }> {
    const owner = await sessions.requireFreshOwner(viewer, caller);
    if (wordsOf(owner.user.secondFactors).includes(KIND)) throw new AuthError('FACTOR_LIMIT');
    await assertFewChanges(viewer, caller);
    return owner;
  }

  /** Inside the transaction that holds the user's row. The first factor brings recovery codes. */
  async function addFactor(
    tx: Transaction,
    { held, id, name, step }: { held: UserRecord; id: string; name: string | null; step: number },
  ): Promise<Omit<Confirmation, 'grant'> & { user: UserRecord }> {
    const factor = await confirmEnrolment(tx, { id, name, step, now: clock.now() });
    if (factor === undefined) throw new AuthError('NOT_FOUND', { cause: 'another enrolment took its place' });
    const { user, recoveryCodes } = await factors.added(tx, held);
    sessions.ownerChanged(tx, held.id);
    await mail.notify(tx, user, FACTOR_ADDED);
    return { factor, recoveryCodes, user };
  }

  return {
    /** @throws AuthError `REAUTHENTICATION_REQUIRED`, `FACTOR_LIMIT`, `TOO_MANY_REQUESTS`, `BAD_USER_INPUT`. */
    async startTotp(
      viewer: Viewer,
      input: { label?: string | null | undefined },
      caller: Caller,
    ): Promise<Enrolment> {
      const label = parseLabel(input.label, 'input.label');
      const { user } = await requireRoom(viewer, caller);
      const seed = createTotpSeed();
      const id = randomUUID();
      const now = clock.now();
      const expiresAt = now + LIFETIME_MS;
      await database.before(caller.deadline).transaction(async (tx) => {
        // Deleted, or with another password or factor than the session has shown.
        if ((await holdUser(tx, user)) === undefined) throw new AuthError('REAUTHENTICATION_REQUIRED');
        const sealedSecret = factors.seal(seed, id);
        await putEnrolment(tx, { id, userId: user.id, kind: KIND, sealedSecret, now, expiresAt });
      });
      const uri = otpauthUri(seed, { issuer: new URL(issuer).host, label: label ?? user.email });
      return { secret: base32Of(seed), otpauthUri: uri, qrCode: qrCodeOf(uri), expiresAt };
    },

    /**
     * The code that proves the enrolment is spent with it, and opens nothing more. Who knows no code of it made the
     * enrolment themselves, so wrong ones are no guesses.
     *
     * @throws AuthError `REAUTHENTICATION_REQUIRED`, `NOT_FOUND`, `INVALID_CODE`, `FACTOR_LIMIT`, `TOO_MANY_REQUESTS`,
     * `BAD_USER_INPUT`, `UNAUTHENTICATED`, `UNAVAILABLE`.
     */
    async confirmTotp(
      viewer: Viewer,
      input: { code: string; name?: string | null | undefined },
      caller: Caller,
    ): Promise<Confirmation> {
      const name = parseLabel(input.name, 'input.name');
      const { user, session } = await requireRoom(viewer, caller);
      const now = clock.now();
      const enrolment = await findEnrolment(database.before(caller.deadline), {
        userId: user.id,
        kind: KIND,
        now,
      });
      if (enrolment === undefined) throw new AuthError('NOT_FOUND');
      const { id, lastStep } = enrolment;
      const code = typedCode(input.code);
      const step = totpStepOf(code, { seed: factors.open(enrolment), lastStep, at: now });
      if (step === undefined) throw new AuthError('INVALID_CODE');

      let added: Awaited<ReturnType<typeof addFactor>> | undefined;
      const proof = provenBySession({
        user,
        session,
        newFactor: ['otp'],
        failure: 'user_updated',
        refusal: 'NOT_FOUND',
        async hold(tx) {
          const held = await holdUser(tx, user);
          if (held === undefined) return undefined;
          added = await addFactor(tx, { held, id, name, step });
          return { user: added.user, details: { fields: ['factors'], reason: 'added', kind: KIND } };
        },
      });
      const grant = await door.enter(proof, { as: 'factor', caller, replaces: viewer.sessionId });
      if (added === undefined) throw new Error('a session was opened and no factor was added');
      return { factor: added.factor, recoveryCodes: added.recoveryCodes, grant };
    },
  };
}
