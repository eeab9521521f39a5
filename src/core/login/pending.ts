import type { Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Clock } from '../../platform/clock.ts';
import type { RecordEvent } from '../audit/store.ts';
import type { Factors } from '../factors/service.ts';
import type { Mail } from '../mail/service.ts';
import type { UserRecord } from '../users/store.ts';
import type { Challenges } from './challenges.ts';
import type { Entry } from './entry.ts';
import { LOGIN_AFTER_FAILURES } from './mails.ts';
import type { Proof } from './proof.ts';

export interface PendingOptions {
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly factors: Pick<Factors, 'kindsOf'>;
  readonly challenges: Pick<Challenges, 'open'>;
  readonly mail: Pick<Mail, 'notify'>;
}

/** What is owed before a session is opened. */
export function createPending({ clock, recordEvent, factors, challenges, mail }: PendingOptions) {
  /**
   * A login waits for the second factor, and its first one counts as proven. The owner of a session has only to ask again.
   *
   * @returns the refusal, once what it says is on disk.
   */
  async function wait(
    tx: Transaction,
    user: UserRecord,
    { proof, entry, failures }: { proof: Proof; entry: Entry; failures: number },
  ): Promise<AuthError> {
    const kinds = await factors.kindsOf(tx, user);
    if ('replaces' in entry) throw new AuthError('MFA_REQUIRED', { factors: kinds });
    const { deviceName, deviceId = null, scope, caller } = entry;
    const { amr } = proof;
    const challenge = await challenges.open(tx, { user, amr, scope, deviceName, deviceId });
    await recordEvent(tx, {
      name: 'authn_token_created',
      outcome: 'success',
      at: clock.now(),
      userId: user.id,
      caller,
      details: { purpose: 'second-factor', amr, ...(failures > 0 && { failures }) },
    });
    if (failures > 0) await mail.notify(tx, user, LOGIN_AFTER_FAILURES);
    return new AuthError('MFA_REQUIRED', { ...challenge, factors: kinds });
  }

  return { wait };
}
