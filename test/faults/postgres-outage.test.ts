import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client as PostgresClient } from 'pg';
import { openDatabase } from '../../src/database/open.ts';
import { engines } from '../support/databases.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.js';
import { useBuild } from '../support/setup.ts';
import {
  type Answer,
  type Client,
  createClient,
  isRetryable,
  ME,
  oneOf,
  openSessions,
  type Question,
  type Tokens,
} from './support/client.ts';
import { contradictions, type Population, populate } from './support/population.ts';
import { freePort, isReady, type Server, startServer } from './support/server.ts';

/*
 * One PostgreSQL server, two of ours and a population that goes on through everything that happens to the first.
 * PostgreSQL's `fast` ends what is under way, and `immediate` is its crash: what was acknowledged has to be in the
 * log that it recovers from.
 */

const CLIENTS = 40;
const PAUSE_MS = 100;
const STOPPED_MS = 5_000;
const RECOVERED_WITHIN_MS = 5_000;
/** More than the pools of both servers hold. */
const CROWD = 60;
/**
 * `UNAVAILABLE` is the outage's. The others are the population's own: the hashing queue is short, a registration is
 * sent again whose answer was lost, and a token is tried after its logout.
 */
const EXPECTED = ['OK', 'UNAVAILABLE', 'OVERLOADED', 'EMAIL_TAKEN', 'INVALID_REFRESH_TOKEN'];
const GIVE_UP_AFTER_MS = 20_000;
const TIME_LIMIT_MS = 60_000;

const onPostgres = engines.includes('postgres') ? describe : describe.skip;

onPostgres('outages of PostgreSQL', () => {
  const build = useBuild();
  let postgres: PostgresServer;
  let servers: Server[] = [];
  let origins: string[] = [];
  let client: Client;
  let tokens: Tokens[] = [];
  let people: Population | undefined;

  beforeAll(async () => {
    postgres = await startPostgres();
    client = createClient();
    const secret = randomBytes(32).toString('base64url');
    for (const port of [await freePort(), await freePort()])
      servers.push(await startServer(build, { databaseUrl: postgres.url, secret, port }));
    origins = servers.map(({ origin }) => origin);
    tokens = await openSessions(client, oneOf(origins), 2);
  }, TIME_LIMIT_MS);

  afterAll(async () => {
    await Promise.all(servers.map((server) => server.kill()));
    servers = [];
    client?.close();
    await postgres?.remove();
  }, TIME_LIMIT_MS);

  afterEach(async () => {
    await people?.stop();
  });

  it.each<[string, () => Promise<void>]>([
    ['a fast restart', () => restart('fast')],
    ['an immediate restart', () => restart('immediate')],
    ['the end of every connection', terminateConnections],
    ['five seconds without the server', () => restart('fast', STOPPED_MS)],
  ])(
    'an outage of PostgreSQL costs clients nothing but retries: %s (RT-10, DOS-5)',
    async (_name, outage) => checkOutage(outage),
    TIME_LIMIT_MS,
  );

  it(
    'a server whose connection pool is exhausted answers UNAVAILABLE, and recovers by itself (DOS-5)',
    async () => {
      await checkOutage(async () => {
        const holder = await administrator();
        await holder.query('BEGIN; LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE');
        const answers = await Promise.all(
          Array.from({ length: CROWD }, (_, index) => me(origins[index % origins.length] ?? '', index)),
        );
        expect([...new Set(answers.map(({ code }) => code))]).toEqual(['UNAVAILABLE']);
        await holder.query('COMMIT');
        await holder.end();
      });
    },
    TIME_LIMIT_MS,
  );

  async function checkOutage(outage: () => Promise<void>): Promise<void> {
    const seen = new Set<string>();
    const people = populate({
      size: CLIENTS,
      ask: (question) => askWatched(question, seen),
      pauseMs: PAUSE_MS,
    });
    await people.arrived;
    await pause(500);
    await outage();
    const endedAt = performance.now();
    await Promise.all(origins.map(recovered));
    const recoveredMs = performance.now() - endedAt;
    await pause(500);
    await people.stop();

    expect(people.ledger.surprises).toEqual([]);
    expect([...seen].filter((code) => !EXPECTED.includes(code))).toEqual([]);
    expect(recoveredMs).toBeLessThan(RECOVERED_WITHIN_MS);
    expect(servers.map((server) => server.hasEnded())).toEqual([false, false]);
    expect(servers.flatMap(({ complaints }) => complaints)).toEqual([]);
    const database = await openDatabase(postgres.url);
    try {
      expect(await contradictions(database, people.ledger)).toEqual([]);
    } finally {
      await database.close();
    }
  }

  /** Until it is answered, and every answer on the way is looked at; the servers themselves are always there. */
  async function askWatched(question: Question, seen: Set<string>): Promise<Answer> {
    const deadline = performance.now() + GIVE_UP_AFTER_MS;
    while (performance.now() < deadline) {
      const answer = await client.post(oneOf(origins), question);
      seen.add(answer.code);
      if (!isRetryable(answer)) return answer;
      await pause(50 + Math.random() * 100);
    }
    throw new Error('There is no end to it.');
  }

  function me(origin: string, index = 0): Promise<Answer> {
    const bearer = tokens[index % tokens.length]?.accessToken ?? '';
    return client.post(origin, { query: ME, bearer });
  }

  async function recovered(origin: string): Promise<void> {
    const deadline = performance.now() + GIVE_UP_AFTER_MS;
    while (performance.now() < deadline) {
      const [{ code }, ready] = await Promise.all([me(origin), isReady(origin)]);
      if (code === 'OK' && ready) return;
      await pause(50);
    }
  }

  async function restart(mode: 'fast' | 'immediate', stoppedMs = 0): Promise<void> {
    await postgres.stop(mode);
    await pause(stoppedMs);
    await postgres.start();
  }

  async function terminateConnections(): Promise<void> {
    const own = await administrator();
    await own.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
    await own.end();
  }

  async function administrator(): Promise<PostgresClient> {
    const own = new PostgresClient({ connectionString: postgres.url });
    await own.connect();
    return own;
  }
});
