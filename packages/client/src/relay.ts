import { createWithBearer } from './bearer.ts';
import type { AuthClient } from './client.ts';
import { AuthClientError } from './errors.ts';
import { isRefusedBy } from './fetch.ts';
import { answerOf, badResponse, isRedirect, readJson, toJson } from './graphql.ts';
import { readOperation } from './refusal.ts';

/** What Relay says of an operation: the text, or the id of one that the server knows. */
interface RelayRequest {
  readonly id?: string | null | undefined;
  readonly name: string;
  readonly text?: string | null | undefined;
  readonly operationKind?: string | undefined;
}

interface RelayAnswer {
  // biome-ignore lint/suspicious/noExplicitAny: the type that Relay has for it
  readonly data: any;
  // biome-ignore lint/suspicious/noExplicitAny: the type that Relay has for it
  readonly errors?: any;
}

/** The function that `Network.create` of `relay-runtime` takes, for one address. It throws an `AuthClientError`. */
export function relayFetch(
  auth: AuthClient,
  url: string | URL = auth.url,
): (request: RelayRequest, variables: object) => Promise<RelayAnswer> {
  const withBearer = createWithBearer({
    getAccessToken: auth.getAccessToken,
    refresh: auth.refresh,
    userId: () => auth.state.user?.id,
  });

  return async ({ id, name, text, operationKind }, variables) => {
    const body = toJson({ ...(id && { id }), query: text ?? undefined, operationName: name, variables });

    const sendOnce = (accessToken?: string) =>
      // A request with an Authorization of its own is sent once and as it is.
      auth.fetch(url, {
        method: 'POST',
        headers: {
          accept: 'application/json',
          'content-type': 'application/json',
          ...(accessToken && { authorization: `Bearer ${accessToken}` }),
        },
        body,
        redirect: accessToken ? 'manual' : 'follow',
      });
    // An operation that the server knows by its id has a kind, and no text to read it from.
    const operation = text ? readOperation(text) : { isQuery: operationKind === 'query' };
    const response = auth.trusts(url)
      ? await withBearer(sendOnce, (one) => isRefusedBy(one, () => [operation]))
      : await sendOnce();
    const answer = answerOf(readJson(await textOf(response)));
    if (answer === undefined || isRedirect(response)) throw badResponse(response);
    return answer as RelayAnswer;
  };
}

async function textOf(response: Response): Promise<string> {
  try {
    return await response.text();
  } catch (cause) {
    throw new AuthClientError('NETWORK_ERROR', 'The answer breaks off', {}, { cause });
  }
}
