import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { engines, freshDatabase } from '../support/databases.ts';
import { startEvilProvider } from '../support/evil-provider.ts';
import { COMPLETE_EXTERNAL, START_EXTERNAL } from '../support/external-logins.ts';
import { useBuild, useCleanups } from '../support/setup.ts';
import { freePort, type Server, startServer } from './support/server.ts';

const TIME_LIMIT_MS = 60_000;
const PAGE = 'https://app.example.com/signed-in';

const build = useBuild();
const cleanups = useCleanups();

async function ask({ origin }: Server, query: string, input: object) {
  const response = await fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables: { input } }),
  });
  return (await response.json()) as { data: Record<string, Record<string, never>> };
}

describe.each(engines)('kill -9 in the middle of an external login on %s', (engine) => {
  it(
    'a server that is killed between start, callback and completion loses no login (CR-2)',
    async () => {
      const fresh = await freshDatabase(engine);
      const provider = await startEvilProvider(Date.now);
      const folder = mkdtempSync(join(tmpdir(), 'latchkey-external-'));
      cleanups.push(fresh.drop, provider.close, () => rmSync(folder, { recursive: true }));
      const file = join(folder, 'providers.json');
      const client = { clientId: 'latchkey', clientSecretEnv: 'WORK_SECRET' };
      const work = { ...client, issuer: provider.origin, authoritativeFor: ['example.com'] };
      writeFileSync(file, JSON.stringify({ providers: { work } }));
      const settings = {
        databaseUrl: fresh.url,
        secret: randomBytes(32).toString('base64url'),
        port: await freePort(),
        env: {
          LATCHKEY_PROVIDERS_FILE: file,
          WORK_SECRET: 'a secret of the provider',
          LATCHKEY_REDIRECT_ORIGINS: new URL(PAGE).origin,
        },
      };
      let server = await startServer(build, settings);
      cleanups.push(() => server.kill());
      const restart = async () => {
        await server.kill();
        server = await startServer(build, settings);
      };

      const { data } = await ask(server, START_EXTERNAL, { provider: 'work', redirectTo: PAGE });
      const { authorizationUrl = '', verifier = '' } = data.startExternalLogin ?? {};
      await restart();
      const person = { sub: 'ada', email: 'ada@example.com', email_verified: true };
      const answer = new URLSearchParams(provider.authorize(authorizationUrl, person));
      const url = `${server.origin}/external/callback/work?${answer}`;
      const { headers } = await fetch(url, { redirect: 'manual' });
      const code = new URLSearchParams(headers.get('location')?.split('#')[1]).get('code');
      await restart();
      const done = await ask(server, COMPLETE_EXTERNAL, { code, verifier });
      expect(done.data.completeExternalLogin?.auth).toMatchObject({ user: { email: 'ada@example.com' } });
      expect(server.complaints).toEqual([]);
    },
    TIME_LIMIT_MS,
  );
});
