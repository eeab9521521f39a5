import type { TestApp } from '../../support/start-app.ts';

/** A `fetch` that reaches an app without a socket, with the cookies of one browser where it has an origin. */
export function injectFetch(app: TestApp, { origin }: { origin?: string } = {}) {
  const cookies = new Map<string, string>();
  const fetch: typeof globalThis.fetch = async (...args) => {
    const request = new Request(...args);
    const { statusCode, headers, payload } = await app.server.inject({
      method: request.method as 'POST',
      url: new URL(request.url).pathname,
      headers: {
        ...Object.fromEntries(request.headers),
        ...(origin && { origin, cookie: [...cookies].map((pair) => pair.join('=')).join('; ') }),
      },
      payload: await request.text(),
    });
    for (const line of [headers['set-cookie'] ?? []].flat()) {
      const [, name = '', value = '', rest = ''] = /^([^=]+)=([^;]*)(.*)$/.exec(line) ?? [];
      if (rest.includes('Max-Age=0')) cookies.delete(name);
      else cookies.set(name, value);
    }
    return new Response(payload, {
      status: statusCode,
      headers: { 'content-type': String(headers['content-type']) },
    });
  };
  return { fetch, cookies };
}
