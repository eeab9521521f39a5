import type { FastifyInstance } from 'fastify';
import type { Clock } from '../../platform/clock.ts';

/** What must hold before traffic is sent here. */
export interface Readiness {
  readonly database: boolean;
  /** Not on a standby, a full disk, or a file that was removed. */
  readonly writable: boolean;
  readonly keys: boolean;
  readonly migrations: boolean;
}

const CACHED_MS = 1_000;

/** `/livez`: the process answers. `/readyz`: it can do its work; asked at most once a second, however many ask. */
export function installHealth(app: FastifyInstance, clock: Clock, readiness: () => Promise<Readiness>): void {
  let latest: { readonly at: number; readonly result: Promise<Readiness> } | undefined;

  app.get('/livez', (_request, reply) => reply.send({ live: true }));
  app.get('/readyz', async (_request, reply) => {
    const now = clock.now();
    if (latest === undefined || now - latest.at >= CACHED_MS) latest = { at: now, result: readiness() };
    const { database, writable, keys, migrations } = await latest.result;
    const isReady = database && writable && keys && migrations;
    return reply.code(isReady ? 200 : 503).send({ database, writable, keys, migrations });
  });
}
