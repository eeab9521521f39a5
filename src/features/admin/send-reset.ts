import type { Mail } from '../../core/mail/service.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import { RESET_PASSWORD } from '../../core/passwords/mails.ts';
import type { UserRecord } from '../../core/users/store.ts';
import type { Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';

export interface SendResetOptions {
  readonly oneTimeTokens: Pick<OneTimeTokens, 'issue' | 'recipientOf'>;
  readonly mail: Pick<Mail, 'isOn'>;
}

/** Mails the owner of an account a link to set a password, within the limits of the address. */
export function createSendReset({ oneTimeTokens, mail }: SendResetOptions) {
  /** @throws AuthError `FEATURE_DISABLED` */
  return async (tx: Transaction, user: UserRecord, caller: Caller): Promise<void> => {
    if (!mail.isOn) throw new AuthError('FEATURE_DISABLED');
    const recipient = oneTimeTokens.recipientOf(user);
    await oneTimeTokens.issue(tx, { purpose: RESET_PASSWORD, recipient }, caller);
  };
}
