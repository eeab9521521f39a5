import type { AuthConfig, AuthUtilities } from '@urql/exchange-auth';
import type { AuthClient } from './client.ts';
import { describeDocument } from './document.ts';
import { AuthClientError } from './errors.ts';
import { isUnauthenticated } from './refusal.ts';

/** What an operation was sent with, in its context. */
const SENT_FOR = 'latchkeyUserId';
const SENT_WITH = 'latchkeyAccessToken';
/** Its options before the token was among them. */
const SENT_FROM = 'latchkeyFetchOptions';

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
      addAuthToOperation(given) {
        const isAgain = SENT_WITH in given.context;
        // The token of the try before is spent, also where there is no new one.
        const operation = isAgain
          ? { ...given, context: { ...given.context, fetchOptions: given.context[SENT_FROM] } }
          : given;
        const { accessToken } = auth;
        if (accessToken === undefined || !auth.trusts(operation.context.url)) return operation;
        const { context } = appendHeaders(operation, { authorization: `Bearer ${accessToken}` });
        return {
          ...operation,
          context: {
            ...context,
            fetchOptions: { ...context.fetchOptions, redirect: 'manual' as const },
            [SENT_FOR]: auth.state.user?.id,
            [SENT_WITH]: accessToken,
            [SENT_FROM]: operation.context.fetchOptions,
            // A refresh before the first try is no second try.
            ...(context.authAttempt && { authAttempt: isAgain }),
          },
        };
      },

      willAuthError: () => auth.state.status !== 'signedOut' && auth.accessToken === undefined,

      didAuthError({ graphQLErrors, response }, operation) {
        const userId = operation.context[SENT_FOR];
        if (userId === undefined || userId !== auth.state.user?.id) return false;
        // Status 401 makes each error a refusal.
        const isUnauthorized = response?.status === 401;
        const isRefusal = (error: unknown) => isUnauthorized || isUnauthenticated(error);
        if (graphQLErrors.length === 0 ? !isUnauthorized : !graphQLErrors.some(isRefusal)) return false;
        const { isQuery, keys } = describeDocument(operation.query);
        // A mutation that ran in part must not run again, and nothing here says what it answered beside the errors. So
        // each of its fields must be refused itself; of one field without a path, nothing ran.
        const paths = graphQLErrors.map(({ path }) => path ?? []);
        const isRefused = (key: string) =>
          paths.some(([first]) => first === key || (first === undefined && keys.length === 1 && key !== ''));
        const areRefused =
          graphQLErrors.every(isRefusal) && paths.every(({ length }) => length < 2) && keys.every(isRefused);
        if (!isQuery && graphQLErrors.length > 0 && !areRefused) return false;
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
