import {
  AggregatorRegistry,
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type PrometheusContentType,
} from 'prom-client';
import type { Database } from '../database/database.ts';
import { timeDatabase } from './timed-database.ts';

/** From a cached read to a transaction that waited out its locks. */
const DATABASE_SECONDS = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * What one process counts, for Prometheus: requests, hashing, the database, and the process itself, with the delay
 * of its event loop. Labels are routes, codes and names of this program's own: nothing that a client chose, not
 * even the name of an operation (AUD-3). In a worker the primary process collects it.
 */
export function createMetrics() {
  const registry = new AggregatorRegistry<PrometheusContentType>();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  // What a worker hands over when the primary process asks.
  AggregatorRegistry.setRegistries(registry);

  const requests = new Counter({
    name: 'latchkey_requests_total',
    help: 'Requests answered, by route and outcome: OK or a code of the table of errors.',
    labelNames: ['route', 'code'],
    registers,
  });
  const requestSeconds = new Histogram({
    name: 'latchkey_request_duration_seconds',
    help: 'From the head of a request to the end of its answer.',
    labelNames: ['route'],
    buckets: REQUEST_SECONDS,
    registers,
  });
  const databaseSeconds = new Histogram({
    name: 'latchkey_database_duration_seconds',
    help: 'Operations of the database, waiting included; a transaction counts as one.',
    labelNames: ['operation'],
    buckets: DATABASE_SECONDS,
    registers,
  });

  return {
    contentType: registry.contentType,
    read: () => registry.metrics(),

    observeRequest({ route, code, seconds }: { route: string; code: string; seconds: number }): void {
      requests.inc({ route, code });
      requestSeconds.observe({ route }, seconds);
    },

    /** The same database, its operations timed and its pool watched. */
    watchDatabase(database: Database): Database {
      const { poolLoad } = database;
      if (poolLoad !== undefined)
        watch('latchkey_database_pool', 'Connections, idle ones, and callers that wait for one.', () => ({
          ...poolLoad(),
        }));
      return timeDatabase(database, (operation, seconds) => databaseSeconds.observe({ operation }, seconds));
    },

    watchHashing(load: () => { readonly waiting: number; readonly running: number }): void {
      watch('latchkey_hashing_tasks', 'Password hashes that wait and that run.', load);
    },
  };

  /** A gauge with one value per state, read when it is asked for. */
  function watch(name: string, help: string, load: () => Readonly<Record<string, number>>): void {
    new Gauge({
      name,
      help,
      labelNames: ['state'],
      registers,
      collect() {
        for (const [state, value] of Object.entries(load())) this.set({ state }, value);
      },
    });
  }
}

/** In the process that runs the workers: what they counted, added up. Rejects when one does not answer in 5 seconds. */
export function createWorkersMetrics() {
  const registry = new AggregatorRegistry<PrometheusContentType>();
  return { contentType: registry.contentType, read: () => registry.clusterMetrics() };
}
