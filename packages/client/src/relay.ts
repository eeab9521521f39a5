import type { AuthClient } from './client.ts';
import { badResponse, readAnswer } from './graphql.ts';

/** What Relay says of an operation: the text, or the id of one that the server knows. */
interface RelayRequest {
  readonly id?: string | null | undefined;
  readonly name: string;
  readonly text?: string | null | undefined;
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
  return async ({ id, name, text }, variables) => {
    const response = await auth.fetch(url, {
      method: 'POST',
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      body: JSON.stringify({ ...(id && { id }), query: text ?? undefined, operationName: name, variables }),
    });
    const answer = readAnswer(await response.text());
    if (answer === undefined) throw badResponse(response);
    return answer as RelayAnswer;
  };
}
