import type { AuthClient } from './client.ts';

/**
 * What `createClient` of `graphql-ws` takes as `connectionParams`: the access token, anew for each connection. It is left
 * out where the client does not trust the address of the socket, which is that of its own server unless given.
 */
export function connectionParams(
  auth: AuthClient,
  url: string | URL = auth.url,
): () => Promise<{ authorization: string } | undefined> {
  return async () => {
    // A socket has the origin of the page that serves it: ws: is http:, and wss: is https:.
    if (!auth.trusts(String(url).replace(/^ws/i, 'http'))) return undefined;
    const accessToken = await auth.getAccessToken();
    return accessToken === undefined ? undefined : { authorization: `Bearer ${accessToken}` };
  };
}
