import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { availableParallelism, constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { engines, freshDatabase } from '../support/databases.ts';
import { useBuild, useCleanups } from '../support/setup.ts';
import { PASSWORD } from '../support/start-app.ts';
import { createClient, LOGIN, ME, REFRESH, REGISTER } from './support/client.ts';
import { freePort, startServer } from './support/server.ts';

const IS_FULL = process.env.FAULTS === 'full';
/** More than the hashing queue has room for. */
const ATTACKERS = IS_FULL ? 500 : 150;
const STORM_MS = IS_FULL ? 30_000 : 4_000;
/** As many as are never refused. */
const FEW = 4;
const CALM_MS = IS_FULL ? 10_000 : 1_000;
const LARGEST_BYTES = 400 * 1_048_576;
const WRONG = { email: 'ada@example.com', password: 'wrong horse battery staple' };
const TIME_LIMIT_MS = 150_000;

interface Answer {
  readonly code: string;
  readonly retryAfter: unknown;
}

const build = useBuild();
const cleanups = useCleanups();

describe.each(engines)('a storm of wrong logins on %s', (engine) => {
  it(
    'a storm of wrong logins is refused with a code, and a client with a session is answered all the while (DOS-1, DOS-2, DOS-4)',
    async () => {
      const fresh = await freshDatabase(engine);
      cleanups.push(fresh.drop);
      const metricsPort = await freePort();
      const server = await startServer(build, {
        databaseUrl: fresh.url,
        secret: randomBytes(32).toString('base64url'),
        port: await freePort(),
        env: {
          LATCHKEY_TRUST_PROXY: '127.0.0.1',
          LATCHKEY_METRICS: 'on',
          LATCHKEY_METRICS_PORT: String(metricsPort),
        },
      });
      cleanups.push(server.kill);
      const client = createClient();
      cleanups.push(client.close);
      const input = { email: 'eve@example.com', password: PASSWORD };
      const { data } = await client.post(server.origin, { query: REGISTER, variables: { input } });
      const life = createLife(data.register.auth);

      const calm = await attack(server.origin, FEW, CALM_MS);
      const [storm, { answers, ms }] = await Promise.all([
        attack(server.origin, ATTACKERS, STORM_MS),
        life(STORM_MS),
      ]);
      await pause(2_000);
      const after = await metric('latchkey_hashing_tasks{state="waiting"}');
      const bytes = await metric('process_resident_memory_bytes');

      expect(new Set(calm.map(({ code }) => code))).toEqual(new Set(['INVALID_CREDENTIALS']));
      const codes = storm.map(({ code }) => code);
      expect(new Set(codes)).toEqual(new Set(['INVALID_CREDENTIALS', 'OVERLOADED']));
      const refusals = storm.filter(({ code }) => code === 'OVERLOADED');
      expect(new Set(refusals.map(({ retryAfter }) => retryAfter))).toEqual(new Set([2]));
      expect(answers.length).toBeGreaterThan(1);
      expect(new Set(answers)).toEqual(new Set(['OK']));
      expect(bytes).toBeLessThan(LARGEST_BYTES);
      expect(after).toBe(0);
      const { code } = await client.post(server.origin, { query: LOGIN, variables: { input } });
      expect(code).toBe('OK');
      expect(server.complaints).toEqual([]);
      if (process.platform === 'linux') expectHashingToGiveWay(server.pid);

      // What depends on the machine is asked on one that has nothing else to do.
      if (!IS_FULL) return;
      const checked = (all: readonly Answer[]) => all.filter(({ code }) => code !== 'OVERLOADED').length;
      expect(checked(storm) / STORM_MS / (checked(calm) / CALM_MS)).toBeGreaterThan(0.8);
      expect(median(ms.me)).toBeLessThan(50);
      expect(median(ms.refresh)).toBeLessThan(100);

      /** What a browser with a session does, and how long it waited for each answer. */
      function createLife({ accessToken, refreshToken }: { accessToken: string; refreshToken: string }) {
        return async (forMs: number) => {
          const answers: string[] = [];
          const ms: Record<'me' | 'refresh', number[]> = { me: [], refresh: [] };
          for (const until = performance.now() + forMs; performance.now() < until; ) {
            let askedAt = performance.now();
            answers.push((await client.post(server.origin, { query: ME, bearer: accessToken })).code);
            ms.me.push(performance.now() - askedAt);
            askedAt = performance.now();
            const variables = { input: { refreshToken } };
            const { code, data } = await client.post(server.origin, { query: REFRESH, variables });
            ms.refresh.push(performance.now() - askedAt);
            answers.push(code);
            ({ accessToken, refreshToken } = data?.refreshToken ?? { accessToken, refreshToken });
            await pause(20);
          }
          return { answers, ms };
        };
      }

      async function metric(name: string): Promise<number> {
        const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
        const line = text.split('\n').find((line) => line.startsWith(`${name} `));
        return Number(line?.slice(name.length));
      }
    },
    TIME_LIMIT_MS,
  );
});

/** A thread per core was busy, each of a lower priority than the one that answers, whose id is the process's (DOS-2). */
function expectHashingToGiveWay(pid: number): void {
  const threads = readdirSync(`/proc/${pid}/task`).map((id) => {
    // proc(5): the fields after the name, from the third on; time in ticks of 10 ms.
    const fields = readFileSync(`/proc/${pid}/task/${id}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return { id: Number(id), ticks: Number(fields[11]) + Number(fields[12]), nice: Number(fields[16]) };
  });
  expect(threads.find(({ id }) => id === pid)?.nice).toBe(0);
  const hashing = threads.filter(({ id, nice }) => id !== pid && nice > 0);
  expect(hashing.map(({ nice }) => nice)).toEqual(
    Array(Math.max(2, availableParallelism())).fill(constants.priority.PRIORITY_BELOW_NORMAL),
  );
  const ticksOf = (some: typeof threads) => some.reduce((sum, { ticks }) => sum + ticks, 0);
  expect(ticksOf(hashing)).toBeGreaterThan(ticksOf(threads.filter(({ id }) => id !== pid)) / 2);
}

/** So many guess at once, each over a connection of its own and from its own network, and none of them ever waits. */
async function attack(origin: string, attackers: number, forMs: number): Promise<Answer[]> {
  const until = performance.now() + forMs;
  const answers: Answer[] = [];
  async function guess(_: unknown, index: number): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const headers = {
      'content-type': 'application/json',
      'x-forwarded-for': `198.18.${index >> 8}.${index & 255}`,
    };
    while (performance.now() < until) answers.push(await post(`${origin}/graphql`, { agent, headers }));
    agent.destroy();
  }
  await Promise.all(Array.from({ length: attackers }, guess));
  return answers;
}

function post(url: string, options: { agent: Agent; headers: Record<string, string> }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('error', reject).on('end', () => {
        const { code, retryAfter } = JSON.parse(body).errors?.[0]?.extensions ?? { code: 'OK' };
        resolve({ code, retryAfter });
      });
    });
    sent.on('error', reject).end(JSON.stringify({ query: LOGIN, variables: { input: WRONG } }));
  });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
