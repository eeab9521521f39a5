import type { Answer, TestApp } from './start-app.ts';

/** A browser with its cookies, as far as one server sees it. */
export function createBrowser(app: TestApp, origin: string | null) {
  const jar = new Map<string, string>();
  return {
    jar,
    async send(
      query: string,
      {
        input,
        token,
        headers: others,
        ...more
      }: {
        input?: unknown;
        token?: string;
        origin?: string | null;
        headers?: Record<string, string>;
      } = {},
    ): Promise<Answer> {
      const from = more.origin === undefined ? origin : more.origin;
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
      const headers = { ...(from && { origin: from }), ...(cookie && { cookie }), ...others };
      const answer = await app.send(query, { input }, { token, headers });
      for (const text of setCookies(answer)) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(text) ?? [];
        if (value === '') jar.delete(name);
        else jar.set(name, value);
      }
      return answer;
    },
  };
}

/** The cookies that an answer sets. */
export function setCookies({ headers }: Answer): string[] {
  return ([headers['set-cookie']].flat() as (string | undefined)[]).filter((text) => text !== undefined);
}
