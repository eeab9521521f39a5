import type { Mail } from '../../core/mail/service.ts';
import { forbidden, type Operation, type Operators } from '../../core/operators/service.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import type { Tokens } from '../../core/tokens/service.ts';
import { AuthError } from '../../errors.ts';
import { parseLabel } from '../../platform/label.ts';
import { IMPERSONATED } from './mails.ts';

export interface ImpersonationsOptions {
  readonly operators: Pick<Operators, 'changeUser'>;
  readonly sessions: Pick<Sessions, 'impersonate'>;
  readonly tokens: Pick<Tokens, 'signAccessToken'>;
  readonly mail: Pick<Mail, 'notify'>;
}

export type Impersonations = ReturnType<typeof createImpersonationsService>;

/** Lets operators see an account as its owner does, and change nothing of it. */
export function createImpersonationsService({ operators, sessions, tokens, mail }: ImpersonationsOptions) {
  return {
    /**
     * Opens a session of the account for the operator, with an access token alone. The token is made inside the
     * transaction, so that there is no session without one.
     *
     * @throws AuthError those of `adminImpersonate`.
     */
    async begin(
      operation: Operation,
      input: { readonly userId: string; readonly reason: string },
    ): Promise<{ accessToken: string; expiresIn: number }> {
      const reason = parseLabel(input.reason, 'input.reason');
      if (reason === null) throw new AuthError('BAD_USER_INPUT', { field: 'input.reason' });
      const target = { scope: 'latchkey:impersonate', userId: input.userId } as const;
      return operators.changeUser(operation, target, async (tx, { user, operator, record }) => {
        if (user.disabledAt !== null) throw forbidden('DISABLED');
        const { caller } = operator;
        const { session, content } = await sessions.impersonate(tx, { owner: user, operator, caller });
        const access = tokens.signAccessToken({ ...content, sessionEndsAt: session.expiresAt });
        const details = { reason: 'impersonated', why: reason, session: session.id };
        await record('authz_admin', user.id, details);
        // The trail of the operator has it, too.
        await record('authz_admin', operator.userId, { ...details, reason: 'impersonates', target: user.id });
        await mail.notify(tx, user, IMPERSONATED);
        return { accessToken: access.text, expiresIn: access.lifetimeSeconds };
      });
    },
  };
}
