import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { engines, freshDatabase } from '../support/databases.ts';
import { useBuild, useCleanups } from '../support/setup.ts';
import {
  type Answer,
  type Client,
  createClient,
  oneOf,
  openSessions,
  REFRESH,
  type Tokens,
} from './support/client.ts';
import { freePort, startServer } from './support/server.ts';

const SESSIONS = 100;
const ROTATIONS = 20;
const AT_ONCE = 8;
const LINEAGES_AT_ONCE = 20;

const BROWSERS = 20;
const TABS = 10;
const BROWSING_MS = 2_000;
const LOST_ANSWERS = 0.03;
const TIME_LIMIT_MS = 120_000;

const build = useBuild();
const cleanups = useCleanups();

describe.each(engines)('concurrent refreshes at two processes on %s', (engine) => {
  it(
    `each of ${SESSIONS * ROTATIONS} refresh tokens, sent ${AT_ONCE} times at once to two processes, gets one successor (RT-4, RT-5)`,
    async () => {
      const { origins, client, database } = await startTwo();
      const opened = await openSessions(client, oneOf(origins), SESSIONS);
      const findings: string[] = [];

      async function rotate(token: string): Promise<string> {
        const asked = Array.from({ length: AT_ONCE }, (_, index) =>
          refresh(client, origins[index % origins.length] ?? '', token),
        );
        const answers = await Promise.all(asked);
        for (const { status, code } of answers)
          if (status !== 200 || code !== 'OK') findings.push(`${status} ${code}`);
        const successors = [...new Set(answers.map(successorOf))];
        if (successors.length !== 1) findings.push(`${successors.length} successors`);
        return successors[0] ?? token;
      }

      const last: string[] = [];
      const waiting = opened.map(({ refreshToken }) => refreshToken);
      async function rotateNext(): Promise<void> {
        for (let token = waiting.pop(); token !== undefined; token = waiting.pop()) {
          for (let rotation = 0; rotation < ROTATIONS; rotation += 1) token = await rotate(token);
          last.push(token);
        }
      }
      await Promise.all(Array.from({ length: LINEAGES_AT_ONCE }, rotateNext));
      expect(findings).toEqual([]);
      expect(new Set(last).size).toBe(SESSIONS);
      // One lineage each: as many generations as rotations, and none of it ended.
      expect(
        await database.all(
          `SELECT generation, COUNT(*) AS sessions FROM sessions WHERE revoked_at IS NULL GROUP BY generation`,
        ),
      ).toEqual([{ generation: ROTATIONS, sessions: SESSIONS }]);
    },
    TIME_LIMIT_MS,
  );

  it(
    `a browser whose ${TABS} tabs share one store and lose answers stays signed in (RT-4)`,
    async () => {
      const { origins, client, database } = await startTwo();
      const opened = await openSessions(client, oneOf(origins), BROWSERS);
      const refusals: string[] = [];
      let answered = 0;
      let lost = 0;

      /** Reads the token that is there, refreshes, and writes what it got over the one that is there by now. */
      async function browse(storage: { token: string }, until: number): Promise<void> {
        while (performance.now() < until) {
          await pause(Math.random() * 250);
          const answer = await refresh(client, oneOf(origins), storage.token);
          if (answer.code !== 'OK') refusals.push(answer.code);
          else if (Math.random() < LOST_ANSWERS) lost += 1;
          else {
            answered += 1;
            storage.token = successorOf(answer);
          }
        }
      }

      const until = performance.now() + BROWSING_MS;
      const storages = opened.map(({ refreshToken }) => ({ token: refreshToken }));
      await Promise.all(
        storages.flatMap((storage) => Array.from({ length: TABS }, () => browse(storage, until))),
      );
      for (const storage of storages) {
        const { code } = await refresh(client, oneOf(origins), storage.token);
        if (code !== 'OK') refusals.push(`afterwards ${code}`);
      }

      expect(refusals).toEqual([]);
      expect(lost).toBeGreaterThan(0);
      expect(answered).toBeGreaterThan(BROWSERS * TABS);
      expect(await database.all('SELECT id FROM sessions WHERE revoked_at IS NOT NULL')).toEqual([]);
    },
    TIME_LIMIT_MS,
  );

  async function startTwo() {
    const fresh = await freshDatabase(engine);
    cleanups.push(fresh.drop);
    const secret = randomBytes(32).toString('base64url');
    const origins: string[] = [];
    for (const port of [await freePort(), await freePort()]) {
      const server = await startServer(build, { databaseUrl: fresh.url, secret, port });
      cleanups.push(server.kill);
      origins.push(server.origin);
    }
    const client = createClient();
    cleanups.push(client.close);
    return { origins, client, database: fresh.database };
  }
});

function refresh(client: Client, origin: string, refreshToken: string): Promise<Answer> {
  return client.post(origin, { query: REFRESH, variables: { input: { refreshToken } } });
}

function successorOf({ data }: Answer): string {
  return (data?.refreshToken as Tokens | undefined)?.refreshToken ?? 'none';
}
