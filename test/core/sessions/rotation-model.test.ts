import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { pino } from 'pino';
import { type App, createApp } from '../../../src/app.ts';
import { insertUser, type UserRecord } from '../../../src/core/users/store.ts';
import type { Database } from '../../../src/database/database.ts';
import { migrate } from '../../../src/database/migrate.ts';
import { openDatabase } from '../../../src/database/open.ts';
import { AuthError } from '../../../src/errors.ts';
import { NO_DEADLINE } from '../../../src/platform/deadline.ts';
import { engines, type FreshDatabase, freshDatabase } from '../../support/databases.ts';
import { createFrozenClock, TEST_CONFIG } from '../../support/start-app.ts';

/*
 * The rotation of refresh tokens against a model of it.
 *
 * The model knows no rows, texts or statements. It names tokens by their generation, writes down every rotation,
 * and decides by reading that log. The server beside it is the sessions service on a database. Both are taken
 * through the same random story of an owner with three tabs and a thief, and have to agree on every answer.
 *
 * Requests that are made at once may be served in any order: the server has to answer as the model does in one
 * of them.
 *
 * A failure prints a seed and a path; `fc.assert(…, { seed, path })` plays that story again.
 */

const CALLER = {
  ip: '192.0.2.1',
  userAgent: 'jest',
  requestId: 'model',
  deadline: NO_DEADLINE,
  connection: {},
};
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const IDLE_MS = TEST_CONFIG.sessionIdleTtlSeconds * 1_000;
const ABSOLUTE_MS = TEST_CONFIG.sessionAbsoluteTtlSeconds * 1_000;
/** The retry windows that are tried: the usual one, the longest, and none. */
const WINDOWS_SECONDS = [30, 600, 0] as const;
type WindowSeconds = (typeof WINDOWS_SECONDS)[number];
/** Well inside Jest's own limit, which would end a run without its seed. */
const TIME_LIMIT_MS = 80_000;

// The model

interface Family {
  readonly openedAt: number;
  readonly rotations: readonly Rotation[];
  readonly endedBy: 'reuse' | 'logout' | undefined;
}

interface Rotation {
  readonly spent: number;
  readonly at: number;
}

type Outcome = number | 'refused';

const currentToken = ({ rotations }: Family): number => (rotations.at(-1)?.spent ?? -1) + 1;

function isOver({ openedAt, rotations, endedBy }: Family, now: number): boolean {
  const lastUsedAt = rotations.at(-1)?.at ?? openedAt;
  return endedBy !== undefined || now >= lastUsedAt + IDLE_MS || now >= openedAt + ABSOLUTE_MS;
}

function present(
  family: Family,
  token: number,
  { now, windowMs }: { now: number; windowMs: number },
): { family: Family; outcome: Outcome } {
  if (isOver(family, now)) return { family, outcome: 'refused' };
  if (token >= currentToken(family)) {
    const rotations = [...family.rotations, { spent: token, at: now }];
    return { family: { ...family, rotations }, outcome: token + 1 };
  }
  if (isRecent(family, token, { now, windowMs })) return { family, outcome: currentToken(family) };
  return { family: { ...family, endedBy: 'reuse' }, outcome: 'refused' };
}

/** Spent by the last rotation, or in its burst, and that not longer than a window ago. */
function isRecent(
  { rotations }: Family,
  token: number,
  { now, windowMs }: { now: number; windowMs: number },
): boolean {
  const parent = rotations.at(-1);
  const [first] = latestBurst(rotations, windowMs);
  if (windowMs === 0 || parent === undefined || first === undefined) return false;
  return (
    (token === parent.spent && now <= parent.at + windowMs) ||
    (token >= first.spent && now <= first.at + windowMs)
  );
}

/** The log is cut where a window has passed since a burst began, and where a failover had lost generations. */
function latestBurst(rotations: readonly Rotation[], windowMs: number): readonly Rotation[] {
  let begin = 0;
  for (const [index, { spent, at }] of rotations.entries()) {
    const isJump = spent !== (rotations[index - 1]?.spent ?? -1) + 1;
    if (isJump || at - (rotations[begin]?.at ?? at) >= windowMs) begin = index;
  }
  return rotations.slice(begin);
}

// The story: the model, who holds which token, and the server

type Actor = 0 | 1 | 2 | 'thief';
const TABS = [0, 1, 2] as const;

/** What a replica may have missed of a session: all of its row but its end. */
interface Snapshot {
  readonly rotations: readonly Rotation[];
  readonly row: SessionRow;
}

interface Story {
  family: Family;
  readonly held: Map<Actor, number>;
  /** After each command that rotated, the latest at the end. */
  readonly snapshots: Snapshot[];
  hasFailedOver: boolean;
}

interface Server {
  readonly database: Database;
  readonly sessions: App['sessions'];
  readonly clock: ReturnType<typeof createFrozenClock>;
  readonly windowMs: number;
  readonly userId: string;
  readonly sessionId: string;
  readonly bystanderId: string;
  /** The texts of the tokens, by generation, as far as they were answered. */
  texts: string[];
}

type SessionRow = Record<'generation' | 'skipped' | 'rotatedAt' | 'burstFrom' | 'burstAt' | 'idleAt', number>;

type Command = fc.AsyncCommand<Story, Server>;

/** The actors present their tokens at once; an actor that loses the response keeps its token. */
function refreshCommand(requests: readonly { actor: Actor; isLost: boolean }[]): Command {
  return {
    check: () => true,
    async run(story, server) {
      const answers = await presentAtOnce(
        story,
        server,
        requests.map(({ actor }) => story.held.get(actor) ?? 0),
      );
      for (const [index, { actor, isLost }] of requests.entries()) {
        const answer = answers[index];
        if (typeof answer === 'number' && !isLost) story.held.set(actor, answer);
      }
      await checkInvariants(story, server);
    },
    toString: () =>
      `refresh(${requests.map(({ actor, isLost }) => `${actor}${isLost ? ' loses' : ''}`).join(', ')})`,
  };
}

/** Presents any token that was ever answered, counted from the newest. */
function replayCommand(age: number): Command {
  return {
    check: () => true,
    async run(story, server) {
      await presentAtOnce(story, server, [tokenOfAge(server, age)]);
      await checkInvariants(story, server);
    },
    toString: () => `replay(${age} old)`,
  };
}

/** A tab is duplicated, or robbed. */
function copyCommand(from: Actor, to: Actor): Command {
  return {
    check: () => from !== to,
    async run({ held }) {
      held.set(to, held.get(from) ?? 0);
    },
    toString: () => `copy(${from} to ${to})`,
  };
}

function travelCommand({ windows, ms }: { windows: number; ms: number }): Command {
  return {
    check: () => true,
    async run(story, server) {
      server.clock.travel(Math.max(0, windows * server.windowMs + ms));
      await checkInvariants(story, server);
    },
    toString: () => `travel(${windows} windows${ms < 0 ? '' : ' +'}${ms} ms)`,
  };
}

/** With a token of the session of any generation (RFC 7009 §2.1). */
function logoutCommand(age: number): Command {
  return {
    check: () => true,
    async run(story, server) {
      const bearer = new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_MISSING' });
      const refreshToken = server.texts[tokenOfAge(server, age)];
      const count = await server.sessions.logout(bearer, { scope: 'CURRENT', refreshToken }, CALLER);
      const isLive = !isOver(story.family, server.clock.now());
      expect(count).toBe(isLive ? 1 : 0);
      if (isLive) story.family = { ...story.family, endedBy: 'logout' };
      await checkInvariants(story, server);
    },
    toString: () => `logout(${age} old)`,
  };
}

/** The replica that takes over has missed the last rotations. */
function failOverCommand(missed: number): Command {
  return {
    check: ({ family, snapshots }) => family.endedBy === undefined && snapshots.length > missed,
    async run(story, server) {
      story.snapshots.splice(-missed);
      const snapshot = story.snapshots.at(-1);
      if (snapshot === undefined) return;
      story.hasFailedOver = true;
      story.family = { ...story.family, rotations: snapshot.rotations };
      await server.database.run(
        `UPDATE sessions SET generation = :generation, skipped_generations = :skipped, rotated_at = :rotatedAt,
           burst_from = :burstFrom, burst_at = :burstAt, idle_expires_at = :idleAt WHERE id = :id`,
        { ...snapshot.row, id: server.sessionId },
      );
      await checkInvariants(story, server);
    },
    toString: () => `failOver(${missed} missed)`,
  };
}

function tokenOfAge({ texts }: Server, age: number): number {
  return Math.max(0, texts.length - 1 - age);
}

/** Presents the tokens at once, and moves the model along the order that explains the answers. */
async function presentAtOnce(story: Story, server: Server, tokens: number[]): Promise<readonly Outcome[]> {
  const answers = await Promise.all(tokens.map((token) => refresh(server, token)));
  const moment = { now: server.clock.now(), windowMs: server.windowMs };
  const expectations: (readonly Outcome[])[] = [];
  for (const order of ordersOf(tokens.map((_, index) => index))) {
    const outcomes: Outcome[] = [];
    let { family } = story;
    for (const index of order) {
      const presented = present(family, tokens[index] ?? 0, moment);
      family = presented.family;
      outcomes[index] = presented.outcome;
    }
    expectations.push(outcomes);
    const texts = explain(server.texts, { answers, outcomes });
    if (texts === undefined) continue;
    server.texts = texts;
    story.family = family;
    return outcomes;
  }
  const seen = answers.map((text) => (text === undefined ? 'refused' : server.texts.indexOf(text)));
  throw new Error(
    `${JSON.stringify(tokens)} got ${JSON.stringify(seen)}, -1 being a new token; ` +
      `the model has ${JSON.stringify(expectations)}`,
  );
}

/** The text of the refresh token in the answer. */
async function refresh({ sessions, texts }: Server, token: number): Promise<string | undefined> {
  try {
    const grant = await sessions.refresh(texts[token] ?? '', CALLER);
    return grant.refreshToken;
  } catch (error) {
    if (error instanceof AuthError && error.code === 'INVALID_REFRESH_TOKEN') return undefined;
    throw error;
  }
}

/** The texts by generation if the answers are these outcomes: one text for each generation, and no two share one. */
function explain(
  known: readonly string[],
  { answers, outcomes }: { answers: readonly (string | undefined)[]; outcomes: readonly Outcome[] },
): string[] | undefined {
  const texts = [...known];
  for (const [index, outcome] of outcomes.entries()) {
    const text = answers[index];
    if (outcome === 'refused') {
      if (text !== undefined) return undefined;
      continue;
    }
    if (text === undefined) return undefined;
    texts[outcome] ??= text;
    if (texts[outcome] !== text) return undefined;
  }
  return new Set(texts).size === texts.length ? texts : undefined;
}

function ordersOf(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item) =>
    ordersOf(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
  );
}

/** What must hold after every command; taken from the database, not from the model's decisions. */
async function checkInvariants(story: Story, server: Server): Promise<void> {
  const row = await server.database.get<
    SessionRow & { createdAt: number; expiresAt: number; endedBy: string | null }
  >(
    `SELECT generation, skipped_generations AS skipped, rotated_at AS "rotatedAt", burst_from AS "burstFrom",
       burst_at AS "burstAt", idle_expires_at AS "idleAt", created_at AS "createdAt", expires_at AS "expiresAt",
       revoked_reason AS "endedBy"
     FROM sessions WHERE id = :id`,
    { id: server.sessionId },
  );
  if (row === undefined) throw new Error('the session is gone');

  // RT-6: the absolute end is where it was, and the idle one never lies behind it.
  expect(row.expiresAt).toBe(row.createdAt + ABSOLUTE_MS);
  expect(row.idleAt).toBeLessThanOrEqual(row.expiresAt);

  // RT-3, RT-8: it has ended for the reason that the story gives, and the other session has not.
  expect(row.endedBy ?? undefined).toBe(story.family.endedBy);
  expect(await endOf(server, server.bystanderId)).toBeNull();

  // RT-5: at most one of all tokens is current; those that a failover made unspent are of the same lineage.
  expect(row.generation).toBe(currentToken(story.family));
  if (!story.hasFailedOver) expect(row.generation).toBe(server.texts.length - 1);

  // AT-9: at once, in this process; what it may remember for a second is that the session was alive.
  if (story.family.endedBy !== undefined) await expect(authenticate(server)).rejects.toThrow(AuthError);
  else if (!isOver(story.family, server.clock.now())) await authenticate(server);

  if (story.snapshots.at(-1)?.row.generation !== row.generation) {
    story.snapshots.push({ rotations: story.family.rotations, row: rotationOf(row) });
  }
}

async function endOf({ database }: Server, id: string): Promise<string | null | undefined> {
  const row = await database.get<{ reason: string | null }>(
    'SELECT revoked_reason AS reason FROM sessions WHERE id = :id',
    { id },
  );
  return row?.reason;
}

async function lifetimesOf({
  database,
  sessionId: id,
}: Server): Promise<Record<'idle' | 'absolute', number>> {
  const row = await database.get<Record<'idle' | 'absolute', number>>(
    'SELECT idle_expires_at AS idle, expires_at AS absolute FROM sessions WHERE id = :id',
    { id },
  );
  if (row === undefined) throw new Error('the session is gone');
  return row;
}

/** As with an access token of the session. */
async function authenticate({ sessions, userId, sessionId }: Server): Promise<unknown> {
  return sessions.authenticate({
    kind: 'user',
    id: 'any',
    userId,
    sessionId,
    clientId: 'first-party',
    amr: ['pwd'],
    acr: 'aal1',
    scope: '',
    roles: [],
    issuedAt: 0,
    expiresAt: Number.MAX_SAFE_INTEGER,
    authenticatedAt: 0,
  });
}

/** Presents every token there ever was, and returns the answers. */
async function refreshAll(server: Server): Promise<(string | undefined)[]> {
  return Promise.all([...server.texts.keys()].map((token) => refresh(server, token)));
}

function rotationOf({ generation, skipped, rotatedAt, burstFrom, burstAt, idleAt }: SessionRow): SessionRow {
  return { generation, skipped, rotatedAt, burstFrom, burstAt, idleAt };
}

// The stories that are told

const actor = fc.constantFrom<Actor>(...TABS, 'thief');
/** In quarters and a millisecond around them, so that sums of travels meet the edge of the window. */
const shortTravel = fc.record({
  windows: fc.constantFrom(0, 0.25, 0.25, 0.5, 0.75, 1, 1, 1.25),
  ms: fc.constantFrom(0, 0, 0, 1, -1),
});
const longTravel = fc.record({
  windows: fc.constant(0),
  ms: fc.constantFrom(MINUTE_MS, DAY_MS, 6 * DAY_MS, 12 * DAY_MS, IDLE_MS - 1, IDLE_MS),
});

const commands = fc.commands(
  [
    fc
      .array(fc.record({ actor, isLost: fc.boolean() }), { minLength: 1, maxLength: 3 })
      .map((requests) => refreshCommand(requests)),
    // The newest token and its parent, which keep a story going.
    fc.constantFrom(0, 0, 1).map(replayCommand),
    shortTravel.map(travelCommand),
    fc.tuple(actor, actor).map(([from, to]) => copyCommand(from, to)),
    fc.integer({ min: 1, max: 4 }).map(failOverCommand),
    // Two that mostly end the story, and one that often does: rarely drawn, so that stories grow.
    fc.oneof(
      { weight: 3, arbitrary: fc.nat({ max: 8 }).map(replayCommand) },
      { weight: 3, arbitrary: longTravel.map(travelCommand) },
      { weight: 1, arbitrary: fc.nat({ max: 8 }).map(logoutCommand) },
    ),
  ],
  { size: 'max', maxCommands: 40 },
);

/** A sequence of waits, each in windows; whether the response that follows is lost. */
const oneClient = fc.array(fc.record({ wait: fc.constantFrom(0, 0.25, 1, 2, 1_000), isLost: fc.boolean() }), {
  minLength: 1,
  maxLength: 40,
  size: 'max',
});

/** Waits between rotations, in windows, and which token then comes back. */
const oldToken = fc.record({
  waits: fc.array(fc.constantFrom(0, 0.25, 0.5, 0.75, 1, 1.25), { minLength: 1, maxLength: 12, size: 'max' }),
  token: fc.nat({ max: 11 }),
});

/** Between rotations. */
const daysBetween = fc.array(fc.constantFrom(0.01, 1, 5, 9, 13, 14), {
  minLength: 1,
  maxLength: 20,
  size: 'max',
});

/** Tabs that wake together: when, in windows since the first one did, and with which of the tokens there are. */
const wakingTabs = fc.record({
  quiet: fc.constantFrom(1, 1.25, 1_000),
  visits: fc.array(fc.record({ at: fc.constantFrom(0, 0.25, 0.5, 1), age: fc.nat({ max: 9 }) }), {
    maxLength: 20,
    size: 'max',
  }),
});

const suites = [
  ['SQLite in memory', () => inMemory(), 400],
  ...engines.map((engine) => [engine, () => freshDatabase(engine), 40] as const),
] as const;

async function inMemory(): Promise<Pick<FreshDatabase, 'database' | 'drop'>> {
  const database = await openDatabase('file::memory:');
  return { database, drop: () => database.close() };
}

describe.each(suites)('the rotation of refresh tokens on %s', (_name, create, numRuns) => {
  const userId = randomUUID();
  let owner: UserRecord | undefined;
  const limits = { interruptAfterTimeLimit: TIME_LIMIT_MS, markInterruptAsFailure: true };
  /** For what is said without the model, in stories of one kind. */
  const options = { ...limits, numRuns: numRuns / 2 };
  // Stands still between the travels of the stories, which follow each other.
  const clock = createFrozenClock();
  const apps = new Map<number, App>();
  let fresh: Pick<FreshDatabase, 'database' | 'drop'>;

  beforeAll(async () => {
    fresh = await create();
    const { database } = fresh;
    await migrate(database);
    const user = { id: userId, email: 'ada@example.com', emailCanonical: 'ada@example.com', name: null };
    owner = await insertUser(database, { ...user, passwordHash: '', now: clock.now() });
    const logger = pino({ level: 'silent' });
    for (const refreshRetryWindowSeconds of WINDOWS_SECONDS) {
      const config = { ...TEST_CONFIG, refreshRetryWindowSeconds };
      apps.set(refreshRetryWindowSeconds, await createApp({ config, database, clock, logger }));
    }
  });
  afterAll(async () => {
    for (const app of apps.values()) await app.close();
    await fresh.drop();
  });

  /** A session just opened, another one beside it, and no other. */
  async function begin(windowSeconds: WindowSeconds): Promise<{ model: Story; real: Server }> {
    const { database } = fresh;
    const sessions = apps.get(windowSeconds)?.sessions;
    if (sessions === undefined || owner === undefined) throw new Error('no app has this window');
    const login = {
      owner,
      amr: ['pwd'],
      acr: 'aal1' as const,
      caller: CALLER,
      deviceName: null,
      scope: null,
    };
    const [opened, bystander] = await database.transaction(async (tx) => {
      await sessions.deleteAllOf(tx, userId);
      return [await sessions.open(tx, login), await sessions.open(tx, login)] as const;
    });
    const real: Server = {
      database,
      sessions,
      clock,
      windowMs: windowSeconds * 1_000,
      userId,
      sessionId: opened.session.id,
      bystanderId: bystander.session.id,
      texts: [sessions.grantOpened(opened).refreshToken],
    };
    const model: Story = {
      family: { openedAt: clock.now(), rotations: [], endedBy: undefined },
      held: new Map(),
      snapshots: [],
      hasFailedOver: false,
    };
    await checkInvariants(model, real);
    return { model, real };
  }

  it('refresh tokens are answered as the model says in any story of an owner, a thief and failing machines (RT-2, RT-3, RT-4, RT-5, RT-6, RT-8)', async () => {
    const windows = fc.constantFrom<WindowSeconds>(30, 30, 30, 600, 0);
    await fc.assert(
      fc.asyncProperty(windows, commands, async (windowSeconds, story) => {
        const setup = await begin(windowSeconds);
        await fc.asyncModelRun(() => setup, story);
        if (setup.model.family.endedBy === undefined) return;
        expect((await refreshAll(setup.real)).filter((text) => text !== undefined)).toEqual([]);
      }),
      { ...limits, numRuns },
    );
  });

  it('a refresh token that was spent over a window ago ends its session when it comes back (RT-3)', async () => {
    await fc.assert(
      fc.asyncProperty(oldToken, async ({ waits, token }) => {
        const { real } = await begin(30);
        const spentAt: number[] = [];
        for (const [newest, wait] of waits.entries()) {
          real.clock.travel(wait * real.windowMs);
          spentAt.push(real.clock.now());
          real.texts.push((await refresh(real, newest)) ?? '');
        }
        const old = token % waits.length;
        const allowedUntil = (spentAt[old] ?? 0) + real.windowMs;
        real.clock.travel(Math.max(0, allowedUntil + 1 - real.clock.now()));
        expect(await refresh(real, old)).toBeUndefined();
        expect(await endOf(real, real.sessionId)).toBe('reuse');
      }),
      options,
    );
  });

  it('a session ends at its idle or its absolute end, and no rotation moves the absolute one (RT-6)', async () => {
    await fc.assert(
      fc.asyncProperty(daysBetween, async (days) => {
        const { model, real } = await begin(30);
        const { openedAt } = model.family;
        for (const [newest, wait] of days.entries()) {
          real.clock.travel(wait * DAY_MS);
          const text = await refresh(real, newest);
          const isAlive = wait * DAY_MS < IDLE_MS && real.clock.now() < openedAt + ABSOLUTE_MS;
          expect(text !== undefined).toBe(isAlive);
          if (text === undefined) return;
          real.texts.push(text);
          expect(await lifetimesOf(real)).toEqual({
            idle: Math.min(real.clock.now() + IDLE_MS, openedAt + ABSOLUTE_MS),
            absolute: openedAt + ABSOLUTE_MS,
          });
        }
      }),
      options,
    );
  });

  it('a client that keeps its refresh token until it has the next, and retries in time, is never logged out (RT-4)', async () => {
    await fc.assert(
      fc.asyncProperty(oneClient, async (requests) => {
        const { real } = await begin(30);
        let token = 0;
        let spentAt: number | undefined;
        for (const { wait, isLost } of requests) {
          const now = real.clock.now() + wait * real.windowMs;
          const inTime = spentAt === undefined ? now : Math.min(now, spentAt + real.windowMs);
          real.clock.travel(inTime - real.clock.now());
          const text = await refresh(real, token);
          expect(text).toBeDefined();
          if (text === undefined) return;
          if (!real.texts.includes(text)) real.texts.push(text);
          spentAt = isLost ? (spentAt ?? inTime) : undefined;
          if (!isLost) token = real.texts.indexOf(text);
        }
      }),
      options,
    );
  });

  it('tabs that wake within one window are never logged out, with the last refresh token or a newer one (RT-4, RT-5)', async () => {
    await fc.assert(
      fc.asyncProperty(wakingTabs, async ({ quiet, visits }) => {
        const { real } = await begin(30);
        real.texts.push((await refresh(real, 0)) ?? '');
        real.clock.travel(quiet * real.windowMs);
        const wokeAt = real.clock.now();
        const oldest = real.texts.length - 1;
        real.texts.push((await refresh(real, oldest)) ?? '');
        for (const { at, age } of visits.toSorted((one, other) => one.at - other.at)) {
          real.clock.travel(wokeAt + at * real.windowMs - real.clock.now());
          // A rotation at the very end of the window begins another burst: only retries are made then.
          const token = tokenOfAge(real, at === 1 ? age + 1 : age);
          const text = await refresh(real, Math.max(oldest, token));
          expect(text).toBeDefined();
          if (text !== undefined && !real.texts.includes(text)) real.texts.push(text);
        }
      }),
      options,
    );
  });
});
