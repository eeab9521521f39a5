import type { Factors } from '../../core/factors/service.ts';
import {
  type ChangeOfUser,
  forbidden,
  type Operation,
  type Operators,
} from '../../core/operators/service.ts';
import type { Guesses } from '../../core/passwords/guesses.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import { canonicalEmail } from '../../core/users/service.ts';
import type { Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { type Changed, changeAccount, type OfUser, readAccount } from './account-change.ts';
import { createSendReset, type SendResetOptions } from './send-reset.ts';
import { createSteps, type StepsOptions } from './steps.ts';

export interface AccountActionsOptions extends Omit<StepsOptions, 'sessions'> {
  readonly operators: Pick<Operators, 'changeUser'>;
  readonly guesses: Pick<Guesses, 'forget'>;
  readonly sessions: StepsOptions['sessions'] & Pick<Sessions, 'endOneOf'>;
  readonly oneTimeTokens: StepsOptions['oneTimeTokens'] & SendResetOptions['oneTimeTokens'];
  readonly factors: StepsOptions['factors'] & Pick<Factors, 'forgetTries'>;
  readonly mail: StepsOptions['mail'] & SendResetOptions['mail'];
  /** What the roles feature does for operators. */
  readonly roleChanges: {
    setRoles(tx: Transaction, change: ChangeOfUser, names: readonly string[]): Promise<void>;
    setMetadata(tx: Transaction, change: ChangeOfUser, metadata: unknown): Promise<void>;
  };
}

/** What operators do to accounts by the API. */
export function createAccountActions(options: AccountActionsOptions) {
  const { operators, guesses, sessions, factors, roleChanges } = options;
  const steps = createSteps(options);
  const sendReset = createSendReset(options);
  const change = changeAccount.bind(undefined, operators);

  return {
    /** @throws AuthError those of `adminDisableUser`. */
    disable: (operation: Operation, { userId }: OfUser): Promise<Changed> =>
      change(operation, { userId, takesRights: true }, (tx, { record }) => steps.disable(tx, userId, record)),

    /** @throws AuthError those of `adminDisableUser`. */
    enable: (operation: Operation, { userId }: OfUser): Promise<Changed> =>
      change(operation, { userId }, (tx, { record }) => steps.enable(tx, userId, record)),

    /** The account as it was. @throws AuthError those of `adminDisableUser`. */
    delete: (operation: Operation, { userId }: OfUser): Promise<Changed> =>
      operators.changeUser(
        operation,
        { scope: 'latchkey:users:write', userId, takesRights: true },
        async (tx, { operator, record }) => {
          const user = await readAccount(tx, userId);
          await steps.delete(tx, userId, record);
          return { user, operator };
        },
      ),

    /** @throws AuthError those of `adminSendPasswordReset`. */
    sendPasswordReset: (operation: Operation, { userId }: OfUser): Promise<Changed> =>
      change(operation, { userId }, async (tx, { user, operator, record }) => {
        if (user.disabledAt !== null) throw forbidden('DISABLED');
        await sendReset(tx, user, operator.caller);
        await record('authz_admin', userId, { reason: 'password_reset' });
      }),

    /** @throws AuthError those of `adminEndSessions`. */
    endSessions: (
      operation: Operation,
      { userId, sessionId }: OfUser & { readonly sessionId?: string | null | undefined },
    ): Promise<Changed> =>
      change(operation, { userId }, async (tx, { record }) => {
        const count =
          sessionId == null
            ? await sessions.endAllOf(tx, userId, 'operator')
            : await sessions.endOneOf(tx, userId, sessionId);
        if (sessionId != null && count === 0) throw new AuthError('NOT_FOUND');
        const which = sessionId == null ? {} : { session: sessionId };
        if (count > 0) await record('authn_token_revoked', userId, { reason: 'operator', ...which, count });
      }),

    /** @throws AuthError those of `adminRemoveFactors`. */
    removeFactors: (
      operation: Operation,
      { userId, factorId }: OfUser & { readonly factorId?: string | null | undefined },
    ): Promise<Changed> =>
      change(operation, { userId }, (tx, { record }) =>
        steps.removeFactors(tx, userId, { id: factorId ?? undefined, record }),
      ),

    /** @throws AuthError those of `adminDisableUser`. */
    unlock: (operation: Operation, { userId }: OfUser): Promise<Changed> =>
      change(operation, { userId }, async (tx, { user, record }) => {
        await guesses.forget(tx, user, canonicalEmail(user.email));
        await factors.forgetTries(tx, userId);
        await record('authz_admin', userId, { reason: 'unlocked' });
      }),

    /** @throws AuthError those of `adminSetRoles`. */
    setRoles: (
      operation: Operation,
      { userId, roles }: OfUser & { readonly roles: readonly string[] },
    ): Promise<Changed> =>
      change(operation, { userId, scope: 'latchkey:roles:write', takesRights: true }, (tx, opened) =>
        roleChanges.setRoles(tx, opened, roles),
      ),

    /** @throws AuthError those of `adminSetMetadata`. */
    setMetadata: (
      operation: Operation,
      { userId, metadata }: OfUser & { readonly metadata: unknown },
    ): Promise<Changed> =>
      change(operation, { userId, scope: 'latchkey:roles:write' }, (tx, opened) =>
        roleChanges.setMetadata(tx, opened, metadata),
      ),
  };
}
