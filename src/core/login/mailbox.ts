import type { Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Clock } from '../../platform/clock.ts';
import type { ExternalLogins } from '../external-logins/service.ts';
import { EVERY_FACTOR, type Factors } from '../factors/service.ts';
import type { OneTimeTokens } from '../one-time-tokens/service.ts';
import type { OneTimeToken } from '../one-time-tokens/store.ts';
import type { Guesses } from '../passwords/guesses.ts';
import type { Sessions } from '../sessions/service.ts';
import { claimAddress, type UserRecord, verifyEmail } from '../users/store.ts';

export interface MailboxOptions {
  readonly clock: Clock;
  readonly guesses: Pick<Guesses, 'passwordWasSet'>;
  readonly oneTimeTokens: Pick<OneTimeTokens, 'spend' | 'endAllOf' | 'endUndosOf'>;
  readonly sessions: Pick<Sessions, 'endAllOf' | 'ownerChanged'>;
  readonly factors: Pick<Factors, 'remove'>;
  readonly externalLogins: Pick<ExternalLogins, 'removeSince'>;
}

/** An address of an account, and how it was proven. */
export interface AddressProof {
  readonly userId: string;
  readonly emailCanonical: string;
  /** Whether more than the mailbox was shown: a live session of the account, or its password. */
  readonly keepsAll: boolean;
  /** Spends what proves it, once the user's row was written. */
  readonly spend: (tx: Transaction) => Promise<void>;
}

/** What the proof of a mailbox came to. */
export interface ProvenMailbox {
  readonly user: UserRecord;
  /** How many sessions ended, where it was the first proof of the address and by the mailbox alone. */
  readonly claimed: { readonly endedSessions: number } | undefined;
}

export type Mailbox = ReturnType<typeof createMailbox>;

/**
 * The proof that the caller reads the mail of an account, by a token that was mailed there.
 *
 * An account may have been registered by a stranger, with an address that is not theirs. So the first proof of an
 * address, when the mailbox is all that is shown, takes away all that was made before it: the password, the sessions,
 * the known devices (they name the password's version), second factors, external logins, pending changes and the ways
 * back to earlier addresses. The stranger keeps nothing; the owner sets a password of their own. Later proofs take nothing away.
 */
export function createMailbox({
  clock,
  guesses,
  oneTimeTokens,
  sessions,
  factors,
  externalLogins,
}: MailboxOptions) {
  /** What was made before the first proof, with the user's row already written. */
  async function endAll(tx: Transaction, id: string, emailCanonical: string): Promise<number> {
    await oneTimeTokens.endAllOf(tx, id);
    await oneTimeTokens.endUndosOf(tx, id);
    await externalLogins.removeSince(tx, id, 0);
    await guesses.passwordWasSet(tx, emailCanonical);
    return sessions.endAllOf(tx, id, 'email');
  }

  /**
   * Proves an address inside the transaction of what the proof is good for.
   *
   * @throws AuthError `INVALID_TOKEN` when the address is the account's no more, or it is disabled.
   */
  async function proveAddress(
    tx: Transaction,
    { userId: id, emailCanonical, keepsAll, spend }: AddressProof,
  ): Promise<ProvenMailbox> {
    const proof = { id, emailCanonical, now: clock.now() };
    const claimed = keepsAll ? undefined : await claimAddress(tx, proof);
    const proven = claimed ?? (await verifyEmail(tx, proof));
    if (proven === undefined) throw new AuthError('INVALID_TOKEN', { cause: 'not their address any more' });
    await spend(tx);
    sessions.ownerChanged(tx, id);
    if (claimed === undefined) return { user: proven, claimed };
    const { user } = (await factors.remove(tx, id, EVERY_FACTOR)) ?? { user: claimed };
    return { user, claimed: { endedSessions: await endAll(tx, id, emailCanonical) } };
  }

  return {
    proveAddress,

    /**
     * The same by a token that was mailed there, which it spends.
     *
     * @throws AuthError `INVALID_TOKEN` also when another request spent the token first.
     */
    prove: (
      tx: Transaction,
      token: OneTimeToken,
      { keepsAll }: Pick<AddressProof, 'keepsAll'>,
    ): Promise<ProvenMailbox> =>
      proveAddress(tx, {
        userId: token.subject,
        emailCanonical: token.emailCanonical,
        keepsAll,
        spend: () => oneTimeTokens.spend(tx, token),
      }),
  };
}
