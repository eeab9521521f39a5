import type { Mail } from '../../core/mail/service.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { UserRecord } from '../../core/users/store.ts';
import type { Transaction } from '../../database/database.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Undo } from './asked.ts';
import { UNDO_EMAIL_CHANGE } from './mails.ts';

export interface OperatorChangeOptions {
  readonly clock: Clock;
  readonly oneTimeTokens: Pick<OneTimeTokens, 'issue' | 'recipientOf' | 'endUndosOf'>;
  readonly mail: Pick<Mail, 'notify'>;
}

/**
 * Inside the transaction in which an operator changed an address: tells the address of before. With `undo` it may take the
 * change back, if it was verified. Without, it may take back no earlier change either, because its reader may be a thief.
 */
export function createOperatorChange({ clock, oneTimeTokens, mail }: OperatorChangeOptions) {
  return async (
    tx: Transaction,
    { before, undo, caller }: { before: UserRecord; undo: boolean; caller: Caller },
  ): Promise<void> => {
    if (!undo) await oneTimeTokens.endUndosOf(tx, before.id);
    if (!undo || before.emailVerifiedAt === null) return mail.notify(tx, before, UNDO_EMAIL_CHANGE.template);
    const payload = JSON.stringify({ since: clock.now() } satisfies Undo);
    const recipient = oneTimeTokens.recipientOf(before);
    await oneTimeTokens.issue(tx, { purpose: UNDO_EMAIL_CHANGE, recipient, payload }, caller);
  };
}
