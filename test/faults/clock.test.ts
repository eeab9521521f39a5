import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { createClock } from '../../src/platform/clock.ts';
import { engines, freshDatabase } from '../support/databases.ts';
import { type Auth, ME, refresh, refreshed, register } from '../support/documents.ts';
import { useBuild, useCleanups } from '../support/setup.ts';
import { describeApp, START } from '../support/start-app.ts';
import * as client from './support/client.ts';
import { freePort, startServer } from './support/server.ts';

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const JUMPS = { 'an hour ahead': HOUR_MS, 'an hour back': -HOUR_MS, 'two days ahead': 48 * HOUR_MS };
const JUMP_SECONDS = 10;
const WINDOW_SECONDS = 30;

/** The clock of the server, on hands that a test turns. */
function createTurnableClock() {
  const hands = { wall: START, monotonic: 0 };
  const { now } = createClock(
    () => hands.wall,
    () => hands.monotonic,
  );
  return {
    now,
    /** Time passes, with a reading every second. */
    travel(ms: number) {
      for (let passed = 0; passed < ms; passed += SECOND_MS) {
        hands.wall += SECOND_MS;
        hands.monotonic += SECOND_MS;
        now();
      }
    },
    jump(ms: number) {
      hands.wall += ms;
    },
  };
}

describeApp('a wall clock that jumps for ten seconds', (start) => {
  async function startTurnable(config: Parameters<typeof start>[0] = {}) {
    const clock = createTurnableClock();
    const app = await start({ ...config, clock });
    const people: Auth[] = [];
    for (let index = 0; index < JUMP_SECONDS; index += 1)
      people.push(await register(app, `${index}@example.com`, { ip: `192.0.2.${index}` }));

    /** Does something in every second of the jump, for another person each. */
    async function duringJump(ms: number, work: (person: Auth) => Promise<unknown>): Promise<void> {
      clock.jump(ms);
      for (const person of people) {
        clock.travel(SECOND_MS);
        await work(person);
      }
      clock.jump(-ms);
    }
    return { app, clock, people, duringJump };
  }

  it.each(Object.entries(JUMPS))(
    'a wall clock that jumps for ten seconds loses no session: %s (CR-7)',
    async (_name, jump) => {
      const { app, clock, people, duringJump } = await startTurnable({
        config: { sessionIdleTtlSeconds: 86_400 },
      });
      const spent = people.map(({ refreshToken }) => refreshToken);
      await duringJump(jump, async ({ accessToken, refreshToken }) => {
        expect((await app.send(ME, {}, { token: accessToken })).code).toBe('OK');
        const { refreshToken: next } = await refreshed(app, refreshToken);
        // Neither is the window for a lost answer any shorter.
        expect((await refreshed(app, refreshToken)).refreshToken).toBe(next);
        await app.sessions.prune();
      });
      for (const token of spent) expect((await refresh(app, token)).code).toBe('OK');
      clock.travel(HOUR_MS);
      const live = await app.database.all('SELECT id FROM sessions WHERE revoked_at IS NULL');
      expect(live).toHaveLength(people.length);
    },
  );

  it.each(Object.entries(JUMPS))(
    'a wall clock that jumps for ten seconds opens no retry window again: %s (RT-3, CR-7)',
    async (_name, jump) => {
      const { app, clock, people, duringJump } = await startTurnable();
      for (const { refreshToken } of people) await refreshed(app, refreshToken);
      clock.travel((WINDOW_SECONDS + 2) * SECOND_MS);
      await duringJump(jump, async ({ refreshToken }) => {
        expect((await refresh(app, refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
      });
    },
  );

  it.each(Object.entries(JUMPS))(
    'a wall clock that jumps for ten seconds extends no absolute lifetime: %s (RT-6, CR-7)',
    async (_name, jump) => {
      const { app, clock, people, duringJump } = await startTurnable({
        config: { sessionIdleTtlSeconds: 3_600, sessionAbsoluteTtlSeconds: 3_600 },
      });
      clock.travel(HOUR_MS - (JUMP_SECONDS / 2) * SECOND_MS);
      const answers: string[] = [];
      await duringJump(jump, async ({ refreshToken }) => {
        answers.push((await refresh(app, refreshToken)).code);
      });
      // It may be off by the second that the clock follows the wall in ten.
      expect(answers.slice(0, 3)).toEqual(['OK', 'OK', 'OK']);
      expect(answers.slice(-3)).toEqual(new Array(3).fill('INVALID_REFRESH_TOKEN'));
      for (const { refreshToken } of people)
        expect((await refresh(app, refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    },
  );
});

/** Two machines whose clocks are so far apart, and further than the retry window is long. */
const APART_MS = 40_000;
const SHORT_WINDOW_SECONDS = 6;
const SESSIONS = 10;

/** The processes of an SQLite file are on one machine. */
const onPostgres = engines.includes('postgres') ? describe : describe.skip;

onPostgres('servers with different clocks on postgres', () => {
  const build = useBuild();
  const cleanups = useCleanups();

  it.each([
    ['the one behind', 0],
    ['the one ahead', 1],
  ])(
    'two servers whose clocks differ agree on every retry of a token that %s rotated (RT-4, CR-7)',
    async (_name, rotating) => {
      const { origins, http } = await startApart();
      const origin = origins[rotating] ?? '';
      const ask = (at: string, { refreshToken }: client.Tokens) =>
        client.askUntilAnswered(http, [at], {
          query: client.REFRESH,
          variables: { input: { refreshToken } },
        });

      const opened = await client.openSessions(http, origin, SESSIONS);
      for (const tokens of opened) {
        const { data } = await ask(origin, tokens);
        const next = data.refreshToken as client.Tokens;
        for (const other of origins) {
          expect((await ask(other, tokens)).data?.refreshToken.refreshToken).toBe(next.refreshToken);
          expect((await http.post(other, { query: client.ME, bearer: next.accessToken })).code).toBe('OK');
        }
      }
      await pause((SHORT_WINDOW_SECONDS + 1) * SECOND_MS);
      // Half of them at each: a refusal ends the session, so the second one would say nothing.
      for (const [index, tokens] of opened.entries())
        expect((await ask(origins[index % 2] ?? '', tokens)).code).toBe('INVALID_REFRESH_TOKEN');
    },
  );

  async function startApart() {
    const fresh = await freshDatabase('postgres');
    cleanups.push(fresh.drop);
    const secret = randomBytes(32).toString('base64url');
    const origins: string[] = [];
    for (const off of [-APART_MS / 2, APART_MS / 2]) {
      const skew = `const{now}=Date;Date.now=()=>now()+${off}`;
      const env = {
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(skew)}`,
        LATCHKEY_REFRESH_RETRY_WINDOW: `${SHORT_WINDOW_SECONDS}s`,
      };
      const settings = { databaseUrl: fresh.url, secret, port: await freePort(), env };
      const server = await startServer(build, settings);
      cleanups.push(server.kill);
      origins.push(server.origin);
    }
    const http = client.createClient();
    cleanups.push(http.close);
    return { origins, http };
  }
});
