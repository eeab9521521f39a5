import { randomUUID } from 'node:crypto';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { Change, ChangeOfUser, Operation, Operators } from '../../core/operators/service.ts';
import type { Passwords } from '../../core/passwords/service.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import { canonicalEmail } from '../../core/users/service.ts';
import { insertUser, renameUser, type UserRecord } from '../../core/users/store.ts';
import { isUniqueViolation, type Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import { parseLabel } from '../../platform/label.ts';
import { type Changed, changeAccount, type OfUser } from './account-change.ts';
import { moveEmail, respellEmail, setEmailVerified } from './account-store.ts';
import { createSendReset, type SendResetOptions } from './send-reset.ts';

export interface AccountsOptions extends SendResetOptions {
  readonly operators: Pick<Operators, 'authorize' | 'change' | 'changeUser'>;
  readonly passwords: Pick<Passwords, 'check' | 'hash' | 'assertRoom'>;
  readonly sessions: Pick<Sessions, 'endAllOf' | 'ownerChanged'>;
  readonly oneTimeTokens: SendResetOptions['oneTimeTokens'] & Pick<OneTimeTokens, 'isReserved' | 'endAllOf'>;
  /** Tells the address of before, in the transaction that changed it. */
  readonly tellOldAddress: (
    tx: Transaction,
    change: { before: UserRecord; undo: boolean; caller: Caller },
  ) => Promise<void>;
}

/** What operators make of accounts and of what is known of them, by the API. */
export function createAccounts(options: AccountsOptions) {
  const { operators, passwords, sessions, oneTimeTokens, mail, tellOldAddress } = options;
  const sendReset = createSendReset(options);

  /** Another address. The unique index decides whose it is. */
  async function moveTo(
    tx: Transaction,
    { user, now, operator }: ChangeOfUser,
    { email, isVerified, undo }: { email: string; isVerified: boolean; undo: boolean },
  ): Promise<number> {
    const emailCanonical = canonicalEmail(email);
    if (!isVerified && (await oneTimeTokens.isReserved(tx, emailCanonical)))
      throw new AuthError('EMAIL_TAKEN');
    const emailVerifiedAt = isVerified ? now : null;
    await moveEmail(tx, { id: user.id, email, emailCanonical, emailVerifiedAt, now });
    await oneTimeTokens.endAllOf(tx, user.id);
    const count = await sessions.endAllOf(tx, user.id, 'email');
    await tellOldAddress(tx, { before: user, undo, caller: operator.caller });
    return count;
  }

  return {
    /** @throws AuthError those of `adminCreateUser`. */
    async create(
      operation: Operation,
      input: {
        readonly email: string;
        readonly name?: string | null | undefined;
        readonly password?: string | null | undefined;
        readonly emailVerified?: boolean | undefined;
      },
    ): Promise<Changed> {
      const scope = 'latchkey:users:write';
      operators.authorize(operation, scope);
      const { caller } = operation;
      const { email, password, emailVerified = false } = input;
      const name = parseLabel(input.name, 'input.name');
      if (password == null && !mail.isOn) throw new AuthError('FEATURE_DISABLED');
      if (password != null) passwords.check(password, { email, name });
      const hashed = async () => {
        if (password == null) return null;
        await passwords.assertRoom(caller);
        return passwords.hash(password, caller);
      };
      const insert = async (
        tx: Transaction,
        { operator, now, record }: Change,
        passwordHash: string | null = null,
      ): Promise<Changed> => {
        const emailCanonical = canonicalEmail(email);
        const emailVerifiedAt = emailVerified ? now : null;
        const row = { id: randomUUID(), email, emailCanonical, name, passwordHash, emailVerifiedAt, now };
        const user = await insertUser(tx, row);
        if (user === undefined) throw new AuthError('EMAIL_TAKEN');
        if (!emailVerified && (await oneTimeTokens.isReserved(tx, emailCanonical)))
          throw new AuthError('EMAIL_TAKEN');
        await record('user_created', user.id, {});
        if (password == null) await sendReset(tx, user, caller);
        return { user: { ...user, roles: '' }, operator };
      };
      return operators.change(operation, scope, insert, hashed);
    },

    /** @throws AuthError those of `adminUpdateUser`. */
    async update(
      operation: Operation,
      input: OfUser & {
        readonly name?: string | null | undefined;
        readonly email?: string | null | undefined;
        readonly emailVerified?: boolean | null | undefined;
        readonly undo?: boolean | undefined;
      },
    ): Promise<Changed> {
      const { userId, email, emailVerified, undo = true } = input;
      const name = input.name === undefined ? undefined : parseLabel(input.name, 'input.name');
      const isOther = (user: UserRecord) =>
        email != null && canonicalEmail(email) !== canonicalEmail(user.email);
      return changeAccount(operators, operation, { userId }, async (tx, opened) => {
        const { user, now, record } = opened;
        const fields: string[] = [];
        let ended = {};
        if (name !== undefined && (await renameUser(tx, { id: userId, name, now })) !== undefined)
          fields.push('name');
        if (email != null && isOther(user)) {
          const count = await moveTo(tx, opened, { email, isVerified: emailVerified ?? false, undo });
          ended = { count, undo: undo ? 'yes' : 'no' };
          fields.push('email');
        } else {
          if (email != null && email !== user.email) {
            await respellEmail(tx, { id: userId, email, now });
            fields.push('email');
          }
          if (emailVerified != null && emailVerified !== (user.emailVerifiedAt !== null)) {
            await setEmailVerified(tx, { id: userId, emailVerifiedAt: emailVerified ? now : null });
            fields.push('emailVerified');
          }
        }
        if (fields.length === 0) return;
        sessions.ownerChanged(tx, userId);
        await record('user_updated', userId, { fields, ...ended });
      }).catch((error: unknown) => {
        throw isUniqueViolation(error) ? new AuthError('EMAIL_TAKEN', { cause: error }) : error;
      });
    },
  };
}
