import type { AuthConfig, AuthUtilities } from '@urql/exchange-auth';
import type { AuthClient } from './client.ts';
import { describeDocument } from './document.ts';
import { AuthClientError } from './errors.ts';
import { isUnauthenticated } from './refusal.ts';

/** What an operation was sent with, in its context. */
const SENT_FOR = 'latchkeyUserId';
const SENT_WITH = 'latchkeyAccessToken';

/**
 * What `authExchange` of `@urql/exchange-auth` takes. The access token goes to the addresses that the client trusts. What
 * is refused as unauthenticated is sent again once, after a refresh.
 */
export function urqlAuth(auth: AuthClient): (utilities: AuthUtilities) => Promise<AuthConfig> {
  return async ({ appendHeaders }) => {
    // The operations tell a failure, each for itself.
    await auth.getAccessToken().catch(() => {});
    let spent: string | undefined;

    return {
      addAuthToOperation(operation) {
        const { accessToken } = auth;
        if (accessToken === undefined || !auth.trusts(operation.context.url)) return operation;
        const sent = appendHeaders(operation, { authorization: `Bearer ${accessToken}` });
        const context = { ...sent.context, [SENT_FOR]: auth.state.user?.id, [SENT_WITH]: accessToken };
        const fetchOptions = { ...context.fetchOptions, redirect: 'manual' as const };
        return { ...sent, context: { ...context, fetchOptions } };
      },

      willAuthError: () => auth.state.status !== 'signedOut' && auth.accessToken === undefined,

      didAuthError({ graphQLErrors, response }, operation) {
        const userId = operation.context[SENT_FOR];
        if (userId === undefined || userId !== auth.state.user?.id) return false;
        const refused = graphQLErrors.filter(isUnauthenticated).map(({ path }) => path?.[0]);
        if (refused.length === 0) return response?.status === 401;
        // A mutation that ran in part must not run again, and nothing here says what it answered beside the errors.
        const { isQuery, keys } = describeDocument(operation.query);
        if (!isQuery && !refused.includes(undefined) && !keys.every((key) => refused.includes(key)))
          return false;
        spent = operation.context[SENT_WITH];
        return true;
      },

      async refreshAuth() {
        const userId = auth.state.user?.id;
        await (spent === undefined ? auth.getAccessToken() : auth.refresh(spent));
        spent = undefined;
        const isOther =
          userId !== undefined && auth.state.user !== undefined && auth.state.user.id !== userId;
        if (isOther)
          throw new AuthClientError('SIGNED_OUT', 'Another user signed in before this was sent again');
      },
    };
  };
}
