import { randomUUID } from 'node:crypto';
import { type AnsweredStart, deleteStart } from '../../core/external-logins/start-store.ts';
import {
  type ExternalLoginRecord,
  insertExternalLogin,
  listExternalLogins,
  useExternalLogin,
} from '../../core/external-logins/store.ts';
import type { Door } from '../../core/login/door.ts';
import type { Mailbox } from '../../core/login/mailbox.ts';
import { type Held, provenByProvider } from '../../core/login/proof.ts';
import type { Mail } from '../../core/mail/service.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { OneTimeToken } from '../../core/one-time-tokens/store.ts';
import type { Attempt } from '../../core/rate-limits/service.ts';
import type { Grant } from '../../core/sessions/service.ts';
import { canonicalEmail } from '../../core/users/service.ts';
import { insertUser, recordFirstFactor, type UserRecord } from '../../core/users/store.ts';
import type { Sql, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { wordsOf } from '../../platform/words.ts';
import { EXTERNAL_LOGIN_LINKED } from './mails.ts';

/** Another request linked, registered or verified meanwhile: what was decided holds no more. */
export class Overtaken extends Error {}

export interface EntriesOptions {
  readonly clock: Clock;
  readonly oneTimeTokens: Pick<OneTimeTokens, 'spend'>;
  readonly mailbox: Pick<Mailbox, 'proveAddress'>;
  readonly door: Pick<Door, 'enter'>;
  readonly mail: Pick<Mail, 'notify'>;
}

/** An address that was proven, and how. */
export interface ProvenAddress {
  readonly email: string;
  /** The code that came back from its mailbox; none where the provider proved it. */
  readonly token?: OneTimeToken | undefined;
}

/** An answer of a provider, and what came along with it. */
export interface Arrival {
  readonly start: AnsweredStart;
  readonly caller: Caller;
  readonly proven?: ProvenAddress | undefined;
  readonly attempt?: Attempt | undefined;
}

/** What the transaction of a login does, and for whom. */
interface Entering {
  /** None for an account that it creates. */
  readonly user: UserRecord | undefined;
  readonly hold: (tx: Transaction) => Promise<Held | undefined>;
}

/** The ways into an account, each in one transaction. Each of them throws `Overtaken` where it is decided anew. */
export function createEntries({ clock, oneTimeTokens, mailbox, door, mail }: EntriesOptions) {
  function enter({ start, caller, proven, attempt }: Arrival, { user, hold }: Entering): Promise<Grant> {
    const withMail = proven?.token !== undefined;
    const proof = provenByProvider({ user, attempt, withMail, hold });
    const as = user === undefined ? 'registration' : 'login';
    return door.enter(proof, { as, caller, deviceName: start.deviceName, scope: scopeOf(start) });
  }

  /** Once the user's row was written: of many who bring the same code, one succeeds. */
  async function spend(tx: Transaction, { start, proven }: Arrival): Promise<void> {
    if (proven?.token !== undefined) await oneTimeTokens.spend(tx, proven.token);
    if ((await deleteStart(tx, start.id)) === 0) throw expired();
  }

  async function link(tx: Transaction, { start }: Arrival, userId: string): Promise<void> {
    const now = clock.now();
    const { provider, issuer, subject, email } = start;
    const row = { id: randomUUID(), userId, provider, issuer, subject, email, lastUsedAt: now, now };
    if ((await insertExternalLogin(tx, row)) === undefined) throw new Overtaken();
  }

  return {
    /** The account that the identity is linked to. */
    enterLinked(arrival: Arrival, user: UserRecord, { id }: Pick<ExternalLoginRecord, 'id'>): Promise<Grant> {
      const { provider, email } = arrival.start;
      const hold = async (tx: Transaction) => {
        const now = clock.now();
        const held = await recordFirstFactor(tx, { ...user, now });
        if (held === undefined) return undefined;
        await spend(tx, arrival);
        const use = { id, userId: user.id, provider, email, now };
        if ((await useExternalLogin(tx, use)) === 0) throw new Overtaken();
        return { user: held, details: { provider } };
      };
      return enter(arrival, { user, hold });
    },

    /** The first account of a proven address, without a password. */
    register(arrival: Arrival, { email }: ProvenAddress): Promise<Grant> {
      const { provider, name } = arrival.start;
      const hold = async (tx: Transaction) => {
        const now = clock.now();
        const row = { id: randomUUID(), email, emailCanonical: canonicalEmail(email), name, now };
        const user = await insertUser(tx, { ...row, passwordHash: null, emailVerifiedAt: now });
        if (user === undefined) throw new Overtaken();
        await spend(tx, arrival);
        await link(tx, arrival, user.id);
        return { user, details: { provider } };
      };
      return enter(arrival, { user: undefined, hold });
    },

    /** The first proof of the address of an account, by the mailbox alone: a stranger may have registered it. */
    claim(arrival: Arrival, user: UserRecord, { email }: ProvenAddress): Promise<Grant> {
      const { provider } = arrival.start;
      const hold = async (tx: Transaction) => {
        const proven = await mailbox.proveAddress(tx, {
          userId: user.id,
          emailCanonical: canonicalEmail(email),
          keepsAll: false,
          spend: () => spend(tx, arrival),
        });
        if (proven.claimed === undefined) throw new Overtaken();
        await link(tx, arrival, user.id);
        const held = await recordFirstFactor(tx, { ...proven.user, now: clock.now() });
        return held && { user: held, details: { provider, reason: 'first_proof' } };
      };
      return enter(arrival, { user, hold });
    },

    /**
     * A verified account whose address the provider proves. The link is made where no second factor guards the account:
     * with one, the login works by the address alone, and its owner links later.
     */
    adopt(arrival: Arrival, user: UserRecord, { email }: ProvenAddress): Promise<Grant> {
      const { provider, issuer } = arrival.start;
      const hold = async (tx: Transaction) => {
        // The address must still be the account's: a change of it leaves the version of the row as it was.
        await mailbox.proveAddress(tx, {
          userId: user.id,
          emailCanonical: canonicalEmail(email),
          keepsAll: true,
          spend: () => spend(tx, arrival),
        });
        const held = await recordFirstFactor(tx, { ...user, now: clock.now() });
        if (held === undefined) return undefined;
        // With the row locked: another identity may have been linked since the decision.
        if (await hasLoginAt(tx, held.id, issuer)) throw new Overtaken();
        if (held.secondFactors !== '') return { user: held, details: { provider } };
        await link(tx, arrival, user.id);
        await mail.notify(tx, held, EXTERNAL_LOGIN_LINKED);
        return { user: held, details: { provider, reason: 'linked' } };
      };
      return enter(arrival, { user, hold });
    },
  };
}

/**
 * Whether an account has an identity of an issuer. A second one is never linked by its address: the address may have
 * gone to another person there.
 */
export async function hasLoginAt(sql: Sql, userId: string, issuer: string): Promise<boolean> {
  return (await listExternalLogins(sql, userId)).some((login) => login.issuer === issuer);
}

/** What a login asked for; null is all. */
export function scopeOf({ scope }: AnsweredStart): readonly string[] | null {
  return scope === null ? null : wordsOf(scope);
}

export function expired(): AuthError {
  return new AuthError('EXTERNAL_LOGIN_FAILED', { reason: 'EXPIRED' });
}
