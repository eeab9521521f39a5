import { ApolloLink, Observable } from '@apollo/client';
import { ServerError } from '@apollo/client/errors';
import type { AuthClient } from './client.ts';
import { describeDocument } from './document.ts';
import { answerOf, readJson } from './graphql.ts';
import { wasRefused } from './refusal.ts';

export interface ApolloLinkOptions {
  /** Where the next link sends to. The client's own server unless given. An operation's `uri` comes first. */
  readonly uri?: string | URL | undefined;
}

/**
 * A link of `@apollo/client` 4 that sends the access token. What is refused as unauthenticated is sent again once, after
 * a refresh. Put it before the link that sends.
 *
 * The link does not see where an HttpLink sends to. With an HttpLink for another address, say so by `uri`.
 */
export function apolloLink(auth: AuthClient, { uri }: ApolloLinkOptions = {}): ApolloLink {
  return new ApolloLink((operation, forward) => {
    if (!auth.trusts(addressOf(operation, uri ?? auth.url))) return forward(operation);
    return new Observable((observer) => {
      let inner: { unsubscribe(): void } | undefined;
      let isStopped = false;

      function send(accessToken: string | undefined, isLast: boolean): void {
        if (isStopped) return;
        const userId = auth.state.user?.id;
        /** A refusal can be the first thing that comes. */
        let canRetry = !isLast && accessToken !== undefined;
        let isRetrying = false;
        function retry(giveUp: () => void): void {
          isRetrying = true;
          inner?.unsubscribe();
          auth.refresh(accessToken).then((next) => {
            // Another user may have signed in meanwhile, and this is not their operation.
            if (next === undefined || auth.state.user?.id !== userId) giveUp();
            else send(next, true);
          }, fail);
        }

        const sent = accessToken === undefined ? operation : authorized(operation, accessToken);
        inner = forward(sent).subscribe({
          next(result) {
            if (canRetry && wasRefused(result, describeDocument(operation.query))) {
              canRetry = false;
              return retry(() => {
                observer.next(result);
                observer.complete();
              });
            }
            canRetry = false;
            observer.next(result);
          },
          error(error) {
            if (canRetry && wasUnauthorized(error, operation)) retry(() => observer.error(error));
            else observer.error(error);
          },
          complete() {
            if (!isRetrying) observer.complete();
          },
        });
      }

      const fail = (error: unknown) => observer.error(error);
      auth.getAccessToken().then((accessToken) => send(accessToken, false), fail);
      return () => {
        isStopped = true;
        inner?.unsubscribe();
      };
    });
  });
}

/** Status 401 says so; where the body is an answer of GraphQL, it also says what ran. */
function wasUnauthorized(error: unknown, { query }: ApolloLink.Operation): boolean {
  if (!ServerError.is(error) || error.statusCode !== 401) return false;
  const answer = answerOf(readJson(error.bodyText));
  return answer?.errors === undefined || wasRefused(answer, describeDocument(query), () => true);
}

/**
 * The operation with the access token, for one try. The context of the operation itself outlives the try: a RetryLink
 * may send it to another address, or after a logout. So it gets all but the headers that links below set.
 */
function authorized(operation: ApolloLink.Operation, accessToken: string): ApolloLink.Operation {
  const { headers, fetchOptions } = operation.getContext();
  let own: Partial<ApolloLink.OperationContext> = {
    headers: { ...headers, authorization: `Bearer ${accessToken}` },
    // Not every platform takes the header off where a redirect leads elsewhere.
    fetchOptions: { ...fetchOptions, redirect: 'manual' },
  };
  const getContext = () => Object.freeze({ ...operation.getContext(), ...own });
  const setContext: ApolloLink.Operation['setContext'] = (next) => {
    const change = typeof next === 'function' ? next(getContext()) : next;
    const { headers = own.headers, fetchOptions = own.fetchOptions, ...others } = change;
    own = { headers, fetchOptions };
    operation.setContext(others);
  };
  return Object.defineProperties(
    { ...operation },
    {
      client: { value: operation.client },
      getContext: { value: getContext },
      setContext: { value: setContext },
    },
  );
}

function addressOf(operation: ApolloLink.Operation, fallback: string | URL): string | URL {
  const { uri = fallback } = operation.getContext();
  return typeof uri === 'function' ? uri(operation) : uri;
}
