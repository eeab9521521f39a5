import { freePort } from '../faults/support/server.ts';
import { createFrozenClock, type startApp, type TestApp } from './start-app.ts';

type Options = Omit<Parameters<typeof startApp>[0], 'engine'>;

/** An app that answers at the address that its issuer names, for libraries that load what they need. */
export type ListeningApp = TestApp & { readonly issuer: string };

/** The clock is that of the libraries, which look at the real one. */
export async function startListening(
  start: (options: Options) => Promise<TestApp>,
  { config, ...options }: Options = {},
): Promise<ListeningApp> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const app = await start({
    clock: createFrozenClock(Date.now()),
    ...options,
    config: { issuer, ...config },
  });
  await app.server.listen({ port, host: '127.0.0.1' });
  return { ...app, issuer };
}
