import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { engines, freshDatabase } from '../support/databases.ts';
import { useBuild, useCleanups } from '../support/setup.ts';
import { PASSWORD } from '../support/start-app.ts';
import {
  type Answer,
  createClient,
  expectNoAnswer,
  LOGIN,
  type Question,
  REFRESH,
  REGISTER,
} from './support/client.ts';
import { contradictions, populate } from './support/population.ts';
import { freePort, type Server, type ServerSettings, startServer } from './support/server.ts';

/** On each engine. */
const RESTARTS = 20;
const CLIENTS = 30;
const PAUSE_MS = 150;
/** As many logins of one network as the hashing queue takes, so none of them is refused. */
const LOGINS = 16;
const EXIT_WITHIN_MS = 10_000;
const TIME_LIMIT_MS = 240_000;

const build = useBuild();
const cleanups = useCleanups();

describe.each(engines)('SIGTERM on %s', (engine) => {
  it.each([1, 2])(
    'a server of %d processes answers all that was sent before SIGTERM, and exits with 0 within 10 seconds (CR-3)',
    async (workers) => {
      const { settings } = await prepare(1, { LATCHKEY_WORKERS: String(workers) });
      const [setting] = settings;
      if (setting === undefined) throw new Error('no settings');
      const server = await startServer(build, setting);
      cleanups.push(server.kill);
      const client = createClient();
      cleanups.push(client.close);
      const input = { email: 'ada@example.com', password: PASSWORD };
      await client.post(server.origin, { query: REGISTER, variables: { input } });

      // Half of them are under way, and half not even accepted. On sockets of their own, so that none is an idle one.
      let late = 0;
      const [early, others] = [createClient(), createClient({ onConnect: () => (late += 1) })];
      cleanups.push(early.close, others.close);
      const half = Array.from({ length: LOGINS / 2 }, () => ({ query: LOGIN, variables: { input } }));
      const logins = half.map((login) => early.post(server.origin, login));
      await Promise.race(logins);
      server.freeze();
      logins.push(...half.map((login) => others.post(server.origin, login)));
      while (late < half.length) await pause(5);
      const stopped = server.stop();
      server.thaw();
      const answers = await Promise.all(logins);
      const { code, ms } = await stopped;

      expect(answers.map((answer) => answer.code)).toEqual(logins.map(() => 'OK'));
      expect(code).toBe(0);
      expect(ms).toBeLessThan(EXIT_WITHIN_MS);
      expect(server.complaints).toEqual([]);
      await expect(client.post(server.origin, { query: '{ __typename }' })).rejects.toThrow(/ECONNREFUSED/);

      // What was answered last is there when the next one starts.
      const next = await startServer(build, setting);
      cleanups.push(next.kill);
      for (const { data } of answers) {
        const { refreshToken } = data.login;
        const refreshed = await client.post(next.origin, {
          query: REFRESH,
          variables: { input: { refreshToken } },
        });
        expect(refreshed.code).toBe('OK');
      }
    },
    TIME_LIMIT_MS,
  );

  it(
    `restarting two servers in turn, ${RESTARTS} times, costs no request more than one retry (CR-3)`,
    async () => {
      const { settings, database } = await prepare(2);
      const servers: Server[] = [];
      cleanups.push(() => Promise.all(servers.map((server) => server.kill())));
      for (const setting of settings) servers.push(await startServer(build, setting));
      const origins = servers.map(({ origin }) => origin);
      const client = createClient();
      cleanups.push(client.close);
      let retries = 0;

      /** @throws Error when the other server does not answer either: a failed request. */
      async function ask(question: Question): Promise<Answer> {
        const [first = '', second = ''] = Math.random() < 0.5 ? origins : origins.toReversed();
        const answer = await client.postOnce(first, question).catch(expectNoAnswer);
        if (answer !== undefined && answer.code !== 'UNAVAILABLE') return askLater(answer, question);
        retries += 1;
        const retried = await client.postOnce(second, question);
        if (retried.code === 'UNAVAILABLE') throw new Error('It failed after one retry.');
        return askLater(retried, question);
      }

      /** The hashing queue is short: that is no failure of a restart. */
      async function askLater(answer: Answer, question: Question): Promise<Answer> {
        if (answer.code !== 'OVERLOADED') return answer;
        await pause(100 + Math.random() * 400);
        return ask(question);
      }

      const people = populate({ size: CLIENTS, ask, pauseMs: PAUSE_MS });
      cleanups.push(people.stop);
      await people.arrived;
      const exits: { code: number | null; ms: number }[] = [];
      for (let restart = 0; restart < RESTARTS; restart += 1) {
        const turn = restart % servers.length;
        const [server, setting] = [servers[turn], settings[turn]];
        if (server === undefined || setting === undefined) throw new Error('nobody to restart');
        exits.push(await server.stop());
        servers[turn] = await startServer(build, setting);
      }
      await people.stop();

      expect(retries).toBeGreaterThan(0);
      expect(exits.map(({ code }) => code)).toEqual(exits.map(() => 0));
      expect(Math.max(...exits.map(({ ms }) => ms))).toBeLessThan(EXIT_WITHIN_MS);
      expect(people.ledger.surprises).toEqual([]);
      expect(await contradictions(database, people.ledger)).toEqual([]);
      expect(servers.flatMap(({ complaints }) => complaints)).toEqual([]);
    },
    TIME_LIMIT_MS,
  );

  async function prepare(servers: number, env: Readonly<Record<string, string>> = {}) {
    const fresh = await freshDatabase(engine);
    cleanups.push(fresh.drop);
    const secret = randomBytes(32).toString('base64url');
    const settings: ServerSettings[] = [];
    for (let count = 0; count < servers; count += 1)
      settings.push({ databaseUrl: fresh.url, secret, port: await freePort(), env });
    return { settings, database: fresh.database };
  }
});
