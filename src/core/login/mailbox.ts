import type { Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Clock } from '../../platform/clock.ts';
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
 * the known devices (they name the password's version), second factors, pending changes and the ways back to earlier
 * addresses. The stranger keeps nothing; the owner sets a password of their own. Later proofs take nothing away.
 */
export function createMailbox({ clock, guesses, oneTimeTokens, sessions, factors }: MailboxOptions) {
  /** What was made before the first proof, with the user's row already written. */
  async function endAll(tx: Transaction, id: string, emailCanonical: string): Promise<number> {
    await oneTimeTokens.endAllOf(tx, id);
    await oneTimeTokens.endUndosOf(tx, id);
    await guesses.passwordWasSet(tx, emailCanonical);
    return sessions.endAllOf(tx, id, 'email');
  }

  return {
    /**
     * Spends a token inside the transaction of what it is good for.
     *
     * @param keepsAll whether more than the mailbox was shown: a live session of the account, or its password.
     * @throws AuthError `INVALID_TOKEN` when the address is the account's no more, it is disabled, or another request
     * spent the token first.
     */
    async prove(
      tx: Transaction,
      token: OneTimeToken,
      { keepsAll }: { keepsAll: boolean },
    ): Promise<ProvenMailbox> {
      const { subject: id, emailCanonical } = token;
      const proof = { id, emailCanonical, now: clock.now() };
      const claimed = keepsAll ? undefined : await claimAddress(tx, proof);
      const proven = claimed ?? (await verifyEmail(tx, proof));
      if (proven === undefined) throw new AuthError('INVALID_TOKEN', { cause: 'not their address any more' });
      await oneTimeTokens.spend(tx, token);
      sessions.ownerChanged(tx, id);
      if (claimed === undefined) return { user: proven, claimed };
      const { user } = (await factors.remove(tx, id, EVERY_FACTOR)) ?? { user: claimed };
      return { user, claimed: { endedSessions: await endAll(tx, id, emailCanonical) } };
    },
  };
}
