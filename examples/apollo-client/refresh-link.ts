import { ApolloLink, CombinedGraphQLErrors, ServerError } from '@apollo/client';
import { ErrorLink } from '@apollo/client/link/error';
import type { GraphQLFormattedError } from 'graphql';
import { from, switchMap } from 'rxjs';

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

const REFRESH = `mutation Refresh($input: RefreshTokenInput) {
  refreshToken(input: $input) { accessToken refreshToken }
}`;

/** All tries together stay within the server's retry window of 30 seconds, so a lost answer costs nothing. */
const TRY_TIMEOUT_MS = 5_000;
const RETRY_DELAYS_MS = [1_000, 2_000, 4_000];

/** Sends the access token along; when it has expired, refreshes once for all operations and sends them again. */
export function createRefreshLink({
  url,
  onSignedOut,
  retryDelaysMs = RETRY_DELAYS_MS,
}: {
  url: string;
  onSignedOut: () => void;
  retryDelaysMs?: readonly number[];
}) {
  // In memory: what is in localStorage, every script of the page can take away.
  let tokens: Tokens | undefined;
  let refreshing: Promise<void> | undefined;

  const sendBearer = new ApolloLink((operation, forward) => {
    const accessToken = tokens?.accessToken;
    operation.setContext(({ headers }) => ({
      accessToken,
      headers: { ...headers, ...(accessToken && { authorization: `Bearer ${accessToken}` }) },
    }));
    return forward(operation);
  });

  // ErrorLink handles one error per operation: a second UNAUTHENTICATED is the caller's.
  const refreshAndRetry = new ErrorLink(({ error, operation, forward }) => {
    if (tokens === undefined || !hasCode(error, 'UNAUTHENTICATED')) return;
    // Sent before another operation's refresh, refused after it: the new token is here already.
    if (operation.getContext().accessToken !== tokens.accessToken) return forward(operation);
    return from(refresh(tokens)).pipe(switchMap(() => forward(operation)));
  });

  function refresh(spent: Tokens): Promise<void> {
    refreshing ??= replace(spent).finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  }

  async function replace(spent: Tokens): Promise<void> {
    try {
      const next = await exchange(spent.refreshToken);
      // Unless the user has signed out, or in again, meanwhile.
      if (tokens === spent) tokens = next;
    } catch (error) {
      // Only this code ends the session. After any other failure the token may be good: it is kept.
      if (tokens === spent && hasCode(error, 'INVALID_REFRESH_TOKEN')) {
        tokens = undefined;
        onSignedOut();
      }
      throw error;
    }
  }

  /** UNAVAILABLE, a lost answer, no network: the same token again, never another one. */
  async function exchange(refreshToken: string): Promise<Tokens> {
    for (const delayMs of retryDelaysMs) {
      try {
        return await send(refreshToken);
      } catch (error) {
        if (hasCode(error, 'INVALID_REFRESH_TOKEN')) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
    return send(refreshToken);
  }

  async function send(refreshToken: string): Promise<Tokens> {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: REFRESH, variables: { input: { refreshToken } } }),
      signal: AbortSignal.timeout(TRY_TIMEOUT_MS),
    });
    const bodyText = await response.text();
    const { data, errors } = readResult(bodyText);
    if (errors?.length) throw new CombinedGraphQLErrors({ errors });
    if (data?.refreshToken) return data.refreshToken;
    // As the page of a proxy in front: the class of error that HttpLink has for it.
    throw new ServerError(`The refresh was answered with ${response.status} and no tokens`, {
      response,
      bodyText,
    });
  }

  return {
    link: ApolloLink.from([refreshAndRetry, sendBearer]),
    /** Call it with what `register` or `login` answered. */
    signIn(granted: Tokens): void {
      tokens = { accessToken: granted.accessToken, refreshToken: granted.refreshToken };
    },
    /** Call it after `logout`. */
    signOut(): void {
      tokens = undefined;
    },
  };
}

interface Result {
  readonly data?: { readonly refreshToken?: Tokens | null } | null;
  readonly errors?: readonly GraphQLFormattedError[];
}

/** What is no answer of GraphQL has neither data nor errors. */
function readResult(text: string): Result {
  try {
    return Object(JSON.parse(text)) as Result;
  } catch {
    return {};
  }
}

function hasCode(error: unknown, code: string): boolean {
  return CombinedGraphQLErrors.is(error) && error.errors.some(({ extensions }) => extensions?.code === code);
}
