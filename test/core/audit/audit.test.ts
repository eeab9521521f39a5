import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { Finding } from '../../../src/core/audit/finding.ts';
import { createAudit } from '../../../src/core/audit/service.ts';
import type { Params } from '../../../src/database/database.ts';
import { engines, freshDatabase } from '../../support/databases.ts';
import {
  CHANGE_PASSWORD,
  LOGIN,
  LOGOUT,
  login,
  REAUTHENTICATE,
  REFRESH,
  REGISTER,
  refresh,
  refreshed,
  register,
} from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { holdTransaction } from '../../support/hold-transaction.ts';
import {
  createFrozenClock,
  describeApp,
  PASSWORD,
  type Sender,
  startApp,
  type TestApp,
} from '../../support/start-app.ts';
import { noteStatements } from '../../support/statements.ts';

const WRONG = 'wrong horse battery staple';
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** A sender from a network of its own. */
const from = (n: number): Sender => ({ ip: `203.0.113.${n}` });

function attempt(app: TestApp, password: string, sender?: Sender) {
  return app.send(LOGIN, { input: { email: 'ada@example.com', password } }, sender);
}

/** Three batches: a registration, two failures, a login. */
async function chainThree(app: TestApp): Promise<void> {
  await register(app);
  await app.audit.chain();
  app.clock.travel(MINUTE_MS);
  await attempt(app, WRONG);
  await attempt(app, WRONG);
  await app.audit.chain();
  app.clock.travel(MINUTE_MS);
  await login(app);
  await app.audit.chain();
}

/** An event as a server writes it, and not chained yet; its id. */
async function genuineEvent(app: TestApp, at = app.clock.now()): Promise<string> {
  const before = await app.database.all<{ id: string }>('SELECT id FROM audit_events');
  await app.audit.record(app.database, { name: 'authn_login_success', outcome: 'success', at });
  const known = new Set(before.map(({ id }) => id));
  const after = await app.database.all<{ id: string }>('SELECT id FROM audit_events');
  return after.find(({ id }) => !known.has(id))?.id ?? '';
}

/** An event as an attacker writes it who has the database but not the secret. */
function newEvent(app: TestApp, { id, batch, at }: { id: string; batch: number | null; at: number }) {
  return app.database.run(
    `INSERT INTO audit_events (id, occurred_at, name, outcome, details, batch)
     VALUES (:id, :at, 'authn_login_success', 'success', '{}', :batch)`,
    { id, at, batch },
  );
}

/** The same trail, seen by a server that was started with other secrets. */
function auditWith(app: TestApp, secrets: readonly Buffer[], auditRetentionSeconds = 365 * 86_400) {
  const { database, clock } = app;
  return createAudit({ database, clock, logger: { error: () => {} }, secrets, auditRetentionSeconds });
}

async function firstIdOf(app: TestApp, batch: number): Promise<string> {
  const text = 'SELECT MIN(id) AS id FROM audit_events WHERE batch = :batch';
  return (await app.database.get<{ id: string }>(text, { batch }))?.id ?? '';
}

async function firstUnchainedId(app: TestApp): Promise<string> {
  const text = 'SELECT MIN(id) AS id FROM audit_events WHERE batch IS NULL';
  return (await app.database.get<{ id: string }>(text))?.id ?? '';
}

/** Of the events of the third batch. */
async function rewriteProof(
  app: TestApp,
  write: (keyId: string, head: readonly [sequence: string, digest: string], mac: string) => string,
): Promise<void> {
  const rows = await app.database.all<{ id: string; proof: string }>(
    'SELECT id, own_proof AS proof FROM audit_events WHERE batch = 3',
  );
  for (const { id, proof } of rows) {
    const [keyId = '', sequence = '', digest = '', mac = ''] = proof.split('.');
    await app.database.run('UPDATE audit_events SET own_proof = :proof WHERE id = :id', {
      id,
      proof: write(keyId, [sequence, digest], mac),
    });
  }
}

/** The batches are gone, and the events are there to be chained anew. */
async function unchain(app: TestApp): Promise<void> {
  await app.database.run('UPDATE audit_events SET batch = NULL');
  await app.database.run('DELETE FROM audit_batches');
}

/** Each a way to rewrite history, and what is found of it. */
const TAMPERINGS: {
  readonly what: string;
  readonly tamper: (app: TestApp) => Promise<unknown>;
  /** `id` is that of the first event of the second batch. */
  readonly findings: (id: string) => unknown[];
}[] = [
  {
    what: 'an event whose time was changed',
    tamper: async (app) =>
      app.database.run('UPDATE audit_events SET occurred_at = occurred_at + 1 WHERE id = :id', {
        id: await firstIdOf(app, 2),
      }),
    findings: (id) => [
      { problem: 'changed', batches: [2, 2] },
      { problem: 'forged', batches: [2, 2], eventId: id },
    ],
  },
  {
    what: 'a removed event',
    tamper: async (app) =>
      app.database.run('DELETE FROM audit_events WHERE id = :id', { id: await firstIdOf(app, 2) }),
    findings: () => [{ problem: 'changed', batches: [2, 2] }],
  },
  {
    what: 'an event taken out of its batch, to be chained anew',
    tamper: async (app) => {
      app.clock.travel(60 * MINUTE_MS);
      await app.database.run('UPDATE audit_events SET batch = NULL WHERE id = :id', {
        id: await firstIdOf(app, 2),
      });
    },
    findings: () => [{ problem: 'changed', batches: [2, 2] }],
  },
  {
    what: 'an inserted event that claims a batch',
    tamper: (app) => newEvent(app, { id: 'forged', batch: 2, at: app.clock.now() }),
    findings: () => [
      { problem: 'changed', batches: [2, 2] },
      { problem: 'bare', batches: [2, 2], eventId: 'forged' },
    ],
  },
  {
    what: 'an inserted event that claims the next batch',
    tamper: (app) => newEvent(app, { id: 'forged', batch: 4, at: app.clock.now() }),
    findings: () => [{ problem: 'inserted', batches: [4, 4], eventId: 'forged' }],
  },
  {
    what: 'an inserted event dated an hour ago, not chained yet',
    tamper: (app) => newEvent(app, { id: 'forged', batch: null, at: app.clock.now() - 60 * MINUTE_MS }),
    findings: () => [
      { problem: 'inserted', eventId: 'forged' },
      { problem: 'bare', eventId: 'forged' },
    ],
  },
  {
    what: 'an inserted event dated now, not chained yet',
    tamper: (app) => newEvent(app, { id: 'forged', batch: null, at: app.clock.now() }),
    findings: () => [{ problem: 'bare', eventId: 'forged' }],
  },
  {
    what: 'an inserted event dated now, chained by the server itself',
    tamper: async (app) => {
      await newEvent(app, { id: 'forged', batch: null, at: app.clock.now() });
      await app.audit.chain();
    },
    findings: () => [{ problem: 'bare', batches: [4, 4], eventId: 'forged' }],
  },
  {
    what: 'a copy of an event, with its proof, chained by the server itself',
    tamper: async (app) => {
      await app.database.run(
        `INSERT INTO audit_events (id, occurred_at, name, outcome, user_id, session_id, ip, user_agent, request_id,
           details, own_proof)
         SELECT 'copy', occurred_at, name, outcome, user_id, session_id, ip, user_agent, request_id, details, own_proof
         FROM audit_events WHERE batch = 3`,
      );
      await app.audit.chain();
    },
    findings: () => [{ problem: 'forged', batches: [4, 4], eventId: 'copy' }],
  },
  {
    what: 'an inserted event dated an hour ago, chained by the server itself',
    tamper: async (app) => {
      await newEvent(app, { id: 'forged', batch: null, at: app.clock.now() - 60 * MINUTE_MS });
      await app.audit.chain();
    },
    findings: () => [
      { problem: 'inserted', batches: [4, 4], eventId: 'forged' },
      { problem: 'bare', batches: [4, 4], eventId: 'forged' },
    ],
  },
  {
    what: 'an event whose proof was made to name another batch',
    tamper: (app) => rewriteProof(app, (keyId, [, digest], mac) => `${keyId}.1.${digest}.${mac}`),
    findings: () => [{ problem: 'forged', batches: [3, 3], eventId: expect.any(String) }],
  },
  {
    what: 'an event whose proof was made to name another content of its batch',
    tamper: (app) => rewriteProof(app, (keyId, [sequence], mac) => `${keyId}.${sequence}.another.${mac}`),
    findings: () => [{ problem: 'forged', batches: [3, 3], eventId: expect.any(String) }],
  },
  {
    what: 'an event whose proof was removed',
    tamper: (app) => app.database.run('UPDATE audit_events SET own_proof = NULL WHERE batch = 3'),
    findings: () => [{ problem: 'bare', batches: [3, 3], eventId: expect.any(String) }],
  },
  {
    what: 'an event whose proof is malformed',
    tamper: (app) => app.database.run("UPDATE audit_events SET own_proof = 'x' WHERE batch = 3"),
    findings: () => [{ problem: 'unproven', batches: [3, 3], eventId: expect.any(String) }],
  },
  {
    what: 'a batch that was removed with its events',
    tamper: async (app) => {
      await app.database.run('DELETE FROM audit_events WHERE batch = 2');
      await app.database.run('DELETE FROM audit_batches WHERE sequence = 2');
    },
    findings: () => [{ problem: 'missing', batches: [2, 2] }],
  },
  {
    what: 'a batch that was removed without its events',
    tamper: (app) => app.database.run('DELETE FROM audit_batches WHERE sequence = 2'),
    findings: (id) => [
      { problem: 'missing', batches: [2, 2] },
      { problem: 'inserted', batches: [2, 2], eventId: id },
    ],
  },
  {
    what: 'a first batch that was removed with its events',
    tamper: async (app) => {
      await app.database.run('DELETE FROM audit_events WHERE batch = 1');
      await app.database.run('DELETE FROM audit_batches WHERE sequence = 1');
    },
    findings: () => [{ problem: 'missing', batches: [1, 1] }],
  },
  {
    what: 'a removed beginning that is made to look like a deletion of old events',
    tamper: async (app) => {
      await app.database.run('DELETE FROM audit_events WHERE batch < 3');
      await app.database.run('DELETE FROM audit_batches WHERE sequence < 2');
      await app.database.run('UPDATE audit_batches SET pruned_proof = proof WHERE sequence = 2');
    },
    findings: () => [{ problem: 'forged', batches: [2, 2] }],
  },
  {
    what: 'two batches that were swapped',
    tamper: async (app) => {
      for (const [table, column] of [
        ['audit_events', 'batch'],
        ['audit_batches', 'sequence'],
      ]) {
        for (const [was, becomes] of [
          [1, -1],
          [2, 1],
          [-1, 2],
        ] as const)
          await app.database.run(`UPDATE ${table} SET ${column} = :becomes WHERE ${column} = :was`, {
            was,
            becomes,
          });
      }
    },
    findings: () => [
      { problem: 'changed', batches: [1, 1] },
      { problem: 'forged', batches: [1, 1] },
      { problem: 'changed', batches: [2, 2] },
      { problem: 'forged', batches: [2, 2] },
      { problem: 'changed', batches: [3, 3] },
      { problem: 'cut', batches: [1, 2], eventId: expect.any(String) },
    ],
  },
  {
    what: 'a chain that was rebuilt without the secret',
    tamper: async (app) => {
      await app.database.run("UPDATE audit_events SET ip = '192.0.2.1' WHERE id = :id", {
        id: await firstIdOf(app, 2),
      });
      await app.database.run('DELETE FROM audit_batches WHERE sequence >= 2');
      await app.database.run('UPDATE audit_events SET batch = NULL WHERE batch >= 2');
      await auditWith(app, [randomBytes(32)]).chain();
    },
    findings: (id) => [
      { problem: 'unproven', batches: [2, 2] },
      { problem: 'forged', batches: [2, 2], eventId: id },
      { problem: 'cut', batches: [2, 2], eventId: expect.any(String) },
    ],
  },
  {
    what: 'a batch with the proof of another batch',
    tamper: (app) =>
      app.database.run(
        'UPDATE audit_batches SET proof = (SELECT proof FROM audit_batches WHERE sequence = 1) WHERE sequence = 3',
      ),
    findings: () => [{ problem: 'forged', batches: [3, 3] }],
  },
];

describeApp('the audit chain', (start, engine) => {
  it('an untouched audit chain verifies, and events that are not chained yet are counted apart (AUD-4)', async () => {
    const app = await start();
    await chainThree(app);
    await attempt(app, WRONG);
    expect(await app.audit.verify()).toMatchObject({
      findings: [],
      batchCount: 3,
      eventCount: 5,
      unchainedCount: 1,
      head: { sequence: 3 },
    });
    expect(await app.audit.chain()).toBe(1);
    expect(await app.audit.chain()).toBe(0);
    expect(await app.audit.verify()).toMatchObject({ findings: [], batchCount: 4, unchainedCount: 0 });
  });

  it.each(TAMPERINGS)('verification finds $what (AUD-4)', async ({ tamper, findings }) => {
    const app = await start();
    await chainThree(app);
    const id = await firstIdOf(app, 2);
    await tamper(app);
    expect((await app.audit.verify()).findings).toEqual(findings(id));
  });

  it.each(['name', 'outcome', 'user_id', 'session_id', 'ip', 'user_agent', 'request_id', 'details'])(
    'verification finds a changed %s of a chained event (AUD-4)',
    async (column) => {
      const app = await start();
      const id = await genuineEvent(app);
      await app.audit.chain();
      expect((await app.audit.verify()).findings).toEqual([]);
      await app.database.run(`UPDATE audit_events SET ${column} = 'another' WHERE id = :id`, { id });
      expect((await app.audit.verify()).findings).toEqual([
        { problem: 'changed', batches: [1, 1] },
        { problem: 'forged', batches: [1, 1], eventId: id },
      ]);
    },
  );

  it.each([
    'id',
    'occurred_at',
    'name',
    'outcome',
    'user_id',
    'session_id',
    'ip',
    'user_agent',
    'request_id',
    'details',
  ])('verification finds a changed %s of an event that is not chained yet (AUD-4)', async (column) => {
    const app = await start();
    await app.audit.chain();
    const id = await genuineEvent(app);
    expect((await app.audit.verify()).findings).toEqual([]);
    const value = column === 'occurred_at' ? 'occurred_at + 1' : "'another'";
    await app.database.run(`UPDATE audit_events SET ${column} = ${value} WHERE id = :id`, { id });
    const eventId = column === 'id' ? 'another' : id;
    expect((await app.audit.verify()).findings).toEqual([{ problem: 'forged', eventId }]);
  });

  it.each(['chained_until', 'event_count'])(
    'verification finds a changed %s of a batch (AUD-4)',
    async (column) => {
      const app = await start();
      await genuineEvent(app);
      await app.audit.chain();
      await app.database.run(`UPDATE audit_batches SET ${column} = ${column} + 1`);
      expect((await app.audit.verify()).findings).toEqual([{ problem: 'changed', batches: [1, 1] }]);
    },
  );

  it('verification against a head kept elsewhere finds that the end of the chain was removed (AUD-4)', async () => {
    const app = await start();
    await chainThree(app);
    const { head } = await app.audit.verify();
    await app.database.run('DELETE FROM audit_events WHERE batch = 3');
    await app.database.run('DELETE FROM audit_batches WHERE sequence = 3');

    // The rest is a chain like any other: only who knows that there was more can tell.
    expect((await app.audit.verify()).findings).toEqual([]);
    expect((await app.audit.verify(head)).findings).toEqual([{ problem: 'cut', batches: [3, 3] }]);
    const later = await start({ database: app.database, clock: app.clock });
    await login(later);
    await later.audit.chain();
    expect((await later.audit.verify()).findings).toEqual([]);
    expect((await later.audit.verify(head)).findings).toEqual([{ problem: 'cut', batches: [3, 3] }]);
  });

  it('verification finds that the batches were deleted and the server chained the remaining events anew (AUD-4)', async () => {
    const app = await start();
    await chainThree(app);
    const id = await firstIdOf(app, 2);
    await app.database.run(`UPDATE audit_events SET details = '{"reason":"disabled"}' WHERE id = :id`, {
      id,
    });
    await unchain(app);
    const later = await start({ database: app.database, clock: app.clock });
    await later.audit.chain();
    expect((await later.audit.verify()).findings).toEqual([
      { problem: 'forged', batches: [1, 1], eventId: id },
      { problem: 'cut', batches: [1, 2], eventId: expect.any(String) },
    ]);
  });

  it('verification finds that an event was deleted, though the other events were chained into the same batches again (AUD-4)', async () => {
    const app = await start();
    await chainThree(app);
    const batchOf = await app.database.all<{ id: string; batch: number; at: number }>(
      'SELECT id, batch, occurred_at AS at FROM audit_events ORDER BY batch',
    );
    await app.database.run('DELETE FROM audit_events WHERE id = :id', { id: await firstIdOf(app, 2) });
    // A batch that is not there yet claims what shall not be chained yet.
    await app.database.run('UPDATE audit_events SET batch = 99');
    await app.database.run('DELETE FROM audit_batches');
    const clock = createFrozenClock();
    const later = await start({ database: app.database, clock });
    for (const batch of [1, 2, 3]) {
      for (const { id } of batchOf.filter((event) => event.batch === batch))
        await app.database.run('UPDATE audit_events SET batch = NULL WHERE id = :id', { id });
      await later.audit.chain();
      clock.travel(MINUTE_MS);
    }
    expect(await later.audit.verify()).toMatchObject({
      batchCount: 3,
      unchainedCount: 0,
      findings: [{ problem: 'cut', batches: [2, 2], eventId: await firstIdOf(app, 3) }],
    });
  });

  it('verification finds that the whole trail was deleted, by the next event of a server that knew its head (AUD-4)', async () => {
    const app = await start();
    await chainThree(app);
    const { head } = await app.audit.verify();
    const other = await start({ database: app.database, clock: app.clock });
    await app.database.run('DELETE FROM audit_events');
    await app.database.run('DELETE FROM audit_batches');
    expect((await app.audit.verify()).findings).toEqual([]);

    await login(other);
    const cut = { problem: 'cut', batches: [3, 3], eventId: await firstUnchainedId(app) };
    expect((await app.audit.verify()).findings).toEqual([cut]);
    await app.audit.chain();
    const [found] = (await app.audit.verify()).findings;
    expect(found).toMatchObject({ problem: 'cut', batches: [3, 3] });
    const [event] = await eventsOf(app, 'sensitive_delete');
    const gone = `${head.sequence}:${head.digest}`;
    expect(JSON.parse(event?.details ?? '')).toEqual({ object: 'audit_batch', head: gone });
  });

  it('a server logs once that batches it knew are gone (AUD-4)', async () => {
    const app = await start();
    await chainThree(app);
    const other = await start({ database: app.database, clock: app.clock });
    const said = () => other.lines.filter((line) => line.includes('batches of the audit trail are gone'));
    await other.audit.followHead();
    expect(said()).toEqual([]);

    await unchain(app);
    await app.audit.chain();
    for (let turn = 0; turn < 2; turn += 1) await other.audit.followHead();
    expect(said().map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ level: 50, head: expect.stringMatching(/^3:/) }),
    ]);
    expect((await other.audit.verify()).findings).toEqual([
      expect.objectContaining({ problem: 'cut', batches: [1, 3] }),
    ]);
  });

  it('batches that were deleted for their age are not logged as gone', async () => {
    const app = await start({ config: { auditRetentionSeconds: DAY_MS / 1_000 } });
    await chainThree(app);
    const other = await start({ database: app.database, clock: app.clock });
    app.clock.travel(2 * DAY_MS);
    for (let i = 0; i < 3; i += 1) {
      await login(app);
      await app.audit.chain();
      await app.audit.prune();
      app.clock.travel(2 * DAY_MS);
    }
    await other.audit.followHead();
    expect(other.lines.join()).not.toContain('are gone');
    expect((await other.audit.verify()).findings).toEqual([]);
  });

  it('verification finds nothing wrong when a new batch is chained while it reads the trail', async () => {
    const app = await start();
    await chainThree(app);
    let isRead = false;
    const { database } = noteStatements(app.database, (text) => text);
    const slow = {
      ...database,
      all: async <Row>(text: string, params?: Params): Promise<Row[]> => {
        if (text.includes('batch IS NULL') && !isRead) {
          isRead = true;
          await login(app);
          await app.audit.chain();
          await login(app);
        }
        return database.all<Row>(text, params);
      },
    };
    const { verify } = auditWith({ ...app, database: slow }, app.config.secrets);
    expect(await verify()).toMatchObject({ findings: [], batchCount: 3, unchainedCount: 1 });
    expect(isRead).toBe(true);
  });

  describe('the audit chain after an upgrade', () => {
    /** A trail that the version before began, which wrote no proofs of events. */
    async function upgrade(app: TestApp): Promise<void> {
      await register(app);
      await app.database.run('UPDATE audit_events SET own_proof = NULL');
      await app.audit.chain();
      app.clock.travel(MINUTE_MS);
      await login(app);
      await app.audit.chain();
    }

    it('events without their own proof are accepted from before an upgrade and for a day after it (CR-4)', async () => {
      const app = await start();
      await upgrade(app);
      app.clock.travel(DAY_MS - MINUTE_MS);
      await newEvent(app, { id: 'version before', batch: null, at: app.clock.now() });
      expect(await app.audit.verify()).toMatchObject({ findings: [], bareCount: 3, eventCount: 3 });
      await app.audit.chain();
      expect(await app.audit.verify()).toMatchObject({ findings: [], bareCount: 3, eventCount: 4 });
    });

    it('verification finds an event without its own proof that is written a day after an upgrade (AUD-4)', async () => {
      const app = await start();
      await upgrade(app);
      app.clock.travel(DAY_MS);
      await newEvent(app, { id: 'forged', batch: null, at: app.clock.now() + 1 });
      expect((await app.audit.verify()).findings).toEqual([{ problem: 'bare', eventId: 'forged' }]);
    });

    it('the audit chain stays intact when its beginning is deleted for its age in the middle of an upgrade', async () => {
      const app = await start({ config: { auditRetentionSeconds: (30 * DAY_MS) / 1_000 } });
      await upgrade(app);
      app.clock.travel(DAY_MS / 2);
      await login(app);
      app.clock.travel(1);
      await newEvent(app, { id: 'version before', batch: null, at: app.clock.now() });
      await app.audit.chain();
      app.clock.travel(30 * DAY_MS - MINUTE_MS);
      await login(app);
      await app.audit.chain();
      await app.audit.prune();
      expect(await app.audit.verify()).toMatchObject({ findings: [], bareCount: 1, batchCount: 2 });
    });
  });

  it('verification against a kept head succeeds after the chain has grown', async () => {
    const app = await start();
    await chainThree(app);
    const { head } = await app.audit.verify();
    await login(app);
    await app.audit.chain();
    expect((await app.audit.verify(head)).findings).toEqual([]);
  });

  it('an event that commits late with an earlier time goes into the next batch', async () => {
    const app = await start();
    await chainThree(app);
    const late = await genuineEvent(app, app.clock.now() - 2 * MINUTE_MS);
    await app.audit.chain();
    expect(await app.audit.verify()).toMatchObject({ findings: [], batchCount: 4 });
    expect(await firstIdOf(app, 4)).toBe(late);
  });

  it('a long backlog of events is chained in batches of 500, the oldest first', async () => {
    const app = await start();
    const now = app.clock.now();
    await app.audit.chain();
    await app.database.transaction(async (sql) => {
      for (let i = 0; i < 1_001; i += 1)
        await app.audit.record(sql, { name: 'authn_login_fail', outcome: 'fail', at: now + i * MINUTE_MS });
    });
    app.clock.travel(1_001 * MINUTE_MS);
    expect(await app.audit.chain()).toBe(1_001);
    expect((await app.audit.verify()).findings).toEqual([]);
    const sizes = await app.database.all(
      'SELECT COUNT(*) AS n FROM audit_events GROUP BY batch ORDER BY batch',
    );
    expect(sizes.slice(-3)).toEqual([{ n: 500 }, { n: 500 }, { n: 1 }]);
  });

  it('chaining a batch reads only the events of that batch, however many events wait', async () => {
    const app = await start();
    await app.audit.chain();
    await app.database.run(
      `INSERT INTO audit_events (id, occurred_at, name, outcome, details)
       WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < 5000)
       SELECT 'e' || i, i, 'authn_login_fail', 'fail', '{}' FROM numbers`,
    );
    // PostgreSQL does that by itself, SQLite never.
    if (engine === 'postgres') await app.database.run('ANALYZE');
    const texts: string[] = [];
    const { database } = noteStatements(app.database, (text) => {
      texts.push(text);
      return text;
    });
    await auditWith({ ...app, database }, app.config.secrets).chain();
    const text = texts.find((one) => one.startsWith('UPDATE audit_events')) ?? '';
    const explain = engine === 'sqlite' ? 'EXPLAIN QUERY PLAN' : 'EXPLAIN';
    // In proportion to a table of this size.
    const batch = { sequence: 99, limit: 10 };
    const rows = await app.database.all<Record<string, string>>(`${explain} ${text}`, batch);
    const plan = rows.map((row) => row.detail ?? row['QUERY PLAN']).join('\n');
    expect(plan).not.toMatch(/SCAN|Seq Scan|Bitmap|TEMP B-TREE|Sort/);
    expect(plan.match(/audit_events_by_batch/g)).toHaveLength(1);
  });

  it('the audit chain stays one chain when several processes chain at once', async () => {
    const app = await start();
    const others = [1, 2, 3].map(() => auditWith(app, app.config.secrets));
    for (let round = 0; round < 20; round += 1) {
      await genuineEvent(app);
      await Promise.allSettled([app.audit, ...others].map(({ chain }) => chain()));
    }
    await app.audit.chain();
    expect(await app.audit.verify()).toMatchObject({ findings: [], unchainedCount: 0 });
    const rows = await app.database.all('SELECT id FROM audit_events');
    expect((await app.audit.verify()).eventCount).toBe(rows.length);
  });

  it('resealing proves the audit chain under the new master secret before the old one is removed (KEY-4)', async () => {
    const app = await start({ config: { auditRetentionSeconds: DAY_MS / 1_000 } });
    await register(app);
    await app.audit.chain();
    app.clock.travel(2 * DAY_MS);
    await app.audit.prune();
    await login(app);
    await app.audit.chain();

    const next = randomBytes(32);
    const alone = auditWith(app, [next]);
    const unproven: Finding[] = [
      { problem: 'unproven', batches: [1, 1] },
      { problem: 'unproven', batches: [2, 2] },
    ];
    expect((await alone.verify()).findings).toEqual(unproven);
    // A server that cannot read the proofs does not vouch for them either.
    expect(await alone.reseal()).toBe(0);
    expect((await alone.verify()).findings).toEqual(unproven);

    const waiting = await genuineEvent(app);
    expect((await alone.verify()).findings).toEqual([...unproven, { problem: 'unproven', eventId: waiting }]);
    const both = auditWith(app, [next, ...app.config.secrets]);
    expect((await both.verify()).findings).toEqual([]);
    expect(await both.reseal()).toBe(2);
    expect(await both.reseal()).toBe(0);
    expect((await alone.verify()).findings).toEqual([]);
    await alone.chain();
    expect((await alone.verify()).findings).toEqual([]);
  });

  it('a forged event stays unproven under a new secret and is not deleted for its age (AUD-4)', async () => {
    const app = await start();
    await chainThree(app);
    const id = await firstIdOf(app, 2);
    await app.database.run(`UPDATE audit_events SET ip = '192.0.2.1' WHERE id = :id`, { id });
    await unchain(app);
    const next = randomBytes(32);
    const both = auditWith(app, [next, ...app.config.secrets], 60);
    await both.chain();
    await both.reseal();
    expect((await auditWith(app, [next]).verify()).findings).toContainEqual({
      problem: 'unproven',
      batches: [1, 1],
      eventId: id,
    });
    app.clock.travel(DAY_MS);
    await expect(both.prune()).rejects.toThrow('Batch 1');
    expect(await firstIdOf(app, 1)).not.toBe('');
  });

  it('the deletion of old batches stops behind a forged anchor (AUD-4)', async () => {
    const app = await start();
    await chainThree(app);
    await app.database.run('DELETE FROM audit_events WHERE batch = 1');
    await app.database.run("UPDATE audit_batches SET pruned_proof = 'AAAAAA.' WHERE sequence = 1");
    app.clock.travel(DAY_MS);
    await expect(auditWith(app, app.config.secrets, 60).prune()).rejects.toThrow('Batch 2');
    expect((await app.audit.verify()).findings).toEqual([{ problem: 'unproven', batches: [1, 1] }]);
  });

  it('a forged batch stays unproven after a later batch and under a new secret (AUD-4)', async () => {
    const app = await start();
    await chainThree(app);
    await app.database.run('DELETE FROM audit_batches WHERE sequence = 3');
    await app.database.run('UPDATE audit_events SET batch = NULL WHERE batch = 3');
    await auditWith(app, [randomBytes(32)]).chain();
    await login(app);
    await app.audit.chain();
    const next = auditWith(app, [randomBytes(32), ...app.config.secrets]);
    await next.reseal();
    expect((await next.verify()).findings).toEqual([{ problem: 'unproven', batches: [3, 3] }]);
  });

  it('the deletion of old batches keeps a batch with a forged age and fails with its number (AUD-4)', async () => {
    const app = await start();
    await chainThree(app);
    app.clock.travel(DAY_MS);
    for (const change of ['chained_until = 0', "digest = 'x', chained_until = 0", "proof = 'AAAAAA.'"]) {
      await app.database.run(`UPDATE audit_batches SET ${change} WHERE sequence = 1`);
      await expect(auditWith(app, app.config.secrets, 60).prune()).rejects.toThrow('Batch 1');
      expect(await firstIdOf(app, 1)).not.toBe('');
    }
  });

  it('old events are deleted in whole batches, and the rest of the chain still verifies (AUD-4)', async () => {
    const app = await start({ config: { auditRetentionSeconds: (30 * DAY_MS) / 1_000 } });
    await chainThree(app);
    const { head } = await app.audit.verify();
    app.clock.travel(20 * DAY_MS);
    await login(app);
    await app.audit.chain();
    await app.audit.prune();
    expect(await app.audit.verify(head)).toMatchObject({ findings: [], batchCount: 4 });

    app.clock.travel(11 * DAY_MS);
    await login(app);
    await app.audit.chain();
    await app.audit.prune();
    expect(await app.audit.verify(head)).toMatchObject({ findings: [], batchCount: 2, eventCount: 2 });
    expect(await eventsOf(app)).toHaveLength(2);

    app.clock.travel(31 * DAY_MS);
    await app.audit.prune();
    expect(await app.audit.verify(head)).toMatchObject({
      findings: [],
      batchCount: 0,
      head: { sequence: 5 },
    });
    await login(app);
    await app.audit.chain();
    expect(await app.audit.verify(head)).toMatchObject({
      findings: [],
      batchCount: 1,
      head: { sequence: 6 },
    });
  });

  it('verification finds deleted events that were put back, and a beginning removed after a deletion (AUD-4)', async () => {
    const app = await start({ config: { auditRetentionSeconds: DAY_MS / 1_000 } });
    await register(app);
    await app.audit.chain();
    app.clock.travel(2 * DAY_MS);
    for (let i = 0; i < 2; i += 1) {
      await login(app);
      await app.audit.chain();
    }
    await app.audit.prune();
    await newEvent(app, { id: 'back', batch: 1, at: app.clock.now() });
    expect((await app.audit.verify()).findings).toEqual([
      { problem: 'inserted', batches: [1, 1], eventId: 'back' },
    ]);
    await app.database.run("DELETE FROM audit_events WHERE id = 'back' OR batch = 2");
    await app.database.run('DELETE FROM audit_batches WHERE sequence = 2');
    expect((await app.audit.verify()).findings).toEqual([{ problem: 'missing', batches: [2, 2] }]);
  });
});

if (engines.includes('postgres'))
  describe('chaining beside another process, on postgres', () => {
    it('events that another process is chaining at the same moment are chained once', async () => {
      const fresh = await freshDatabase('postgres');
      const app = await startApp({ engine: 'postgres', database: fresh.database });
      const other = await holdTransaction(fresh);
      try {
        await register(app);
        // As the batch of the other process, whose row is no more to be seen than its events.
        await other.run('UPDATE audit_events SET batch = 99');
        const chaining = app.audit.chain();
        await other.commitOnceWaitedFor();
        expect(await chaining).toBe(0);
        expect(await app.database.all('SELECT DISTINCT batch FROM audit_events')).toEqual([{ batch: 99 }]);
      } finally {
        await other.end();
        await app.stop();
        await fresh.drop();
      }
    });
  });

describeApp('the audit trail', (start) => {
  it('a login after failures is recorded with the number of failures (LOG-7)', async () => {
    const app = await start();
    await register(app);
    app.clock.travel(1_000);
    await login(app);
    app.clock.travel(1_000);
    for (let i = 0; i < 2; i += 1) await attempt(app, WRONG);
    app.clock.travel(1_000);
    await login(app);
    app.clock.travel(1_000);
    await login(app);
    const logins = await eventsOf(app, 'authn_login_success%');
    expect(logins.map(({ name, details }) => [name, JSON.parse(details).failures])).toEqual([
      ['authn_login_success', undefined],
      ['authn_login_successafterfail', 2],
      ['authn_login_success', undefined],
    ]);
  });

  it('a login with a known device is recorded with the failures of others who guess the password (LOG-7)', async () => {
    const app = await start();
    const { deviceToken } = await register(app);
    app.clock.travel(1_000);
    for (let i = 0; i < 5; i += 1) await attempt(app, WRONG, from(i));
    await login(app, { deviceToken });
    const [event] = await eventsOf(app, 'authn_login_successafterfail');
    expect(JSON.parse(event?.details ?? '{}')).toEqual({ amr: ['pwd'], failures: 5 });
  });

  it('failures that disable a password are recorded once, also for an address without an account (LOG-6)', async () => {
    const app = await start({ config: { accountDisableAfter: 10 } });
    const { user } = await register(app);
    for (const email of ['ada@example.com', 'nobody@example.com']) {
      for (let i = 0; i < 14; i += 1) {
        await app.send(LOGIN, { input: { email, password: WRONG } }, from(i));
        app.clock.travel(15 * MINUTE_MS);
      }
    }
    const locks = await eventsOf(app, 'authn_login_lock');
    expect(locks.map(({ userId, ip, outcome }) => ({ userId, ip, outcome }))).toEqual([
      { userId: user.id, ip: '203.0.113.9', outcome: 'fail' },
      { userId: null, ip: '203.0.113.9', outcome: 'fail' },
    ]);
  });

  it('a throttle that refuses is recorded once per block, however often it refuses (LOG-3)', async () => {
    const app = await start();
    const { user } = await register(app);
    for (let i = 0; i < 5; i += 1) await attempt(app, WRONG, from(i));
    expect(await eventsOf(app, 'excess_rate_limit_exceeded')).toEqual([]);
    await Promise.all([6, 7, 8, 9].map((n) => attempt(app, WRONG, from(n))));
    const [event, ...others] = await eventsOf(app, 'excess_rate_limit_exceeded');
    expect(others).toEqual([]);
    expect(event).toMatchObject({ userId: user.id, outcome: 'fail' });
    expect(JSON.parse(event?.details ?? '{}')).toEqual({ limit: 'account', retryAfter: 1 });

    app.clock.travel(1_000);
    await attempt(app, WRONG, from(10));
    for (const n of [11, 12]) await attempt(app, WRONG, from(n));
    expect(await eventsOf(app, 'excess_rate_limit_exceeded')).toHaveLength(2);
  });

  it('a login that succeeds after four failures records no exceeded rate limit', async () => {
    const app = await start();
    await register(app);
    for (let i = 0; i < 4; i += 1) await attempt(app, WRONG, from(i));
    await login(app);
    expect(await eventsOf(app, 'excess_rate_limit_exceeded')).toEqual([]);
  });

  it('exceeded limits of registrations and of refreshes are recorded by their names', async () => {
    const app = await start({ config: { networkRegistrations: 1, refreshFailures: 2 } });
    await register(app);
    for (let i = 0; i < 3; i += 1)
      await app.send(REGISTER, { input: { email: `user${i}@example.com`, password: PASSWORD } });
    for (let i = 0; i < 5; i += 1) await refresh(app, 'garbage');
    const events = await eventsOf(app, 'excess_rate_limit_exceeded');
    expect(events.map(({ details }) => JSON.parse(details).limit).sort()).toEqual([
      'refreshes',
      'registrations',
    ]);
  });

  it('ordinary refreshes are counted in the session and recorded in no event', async () => {
    const app = await start();
    let auth = await register(app);
    for (let i = 0; i < 10; i += 1) auth = await refreshed(app, auth.refreshToken);
    expect((await eventsOf(app)).filter(({ sessionId }) => sessionId === auth.session.id)).toHaveLength(1);
    expect(await app.database.all('SELECT generation FROM sessions')).toEqual([{ generation: 10 }]);
  });

  it('the audit trail and the log hold no secret and no control character (AUD-2, AUD-3)', async () => {
    const app = await start();
    const userAgent = `evil\u009b31m\u0085\tagent ${'x'.repeat(400)}`;
    const sender = { userAgent };
    const secrets = [PASSWORD, WRONG, 'planted old horse battery', 'planted horse by operator', 'PLANTED'];

    const first = await app.send(
      REGISTER,
      { input: { email: 'ada@example.com', password: PASSWORD } },
      sender,
    );
    let auth = first.data.register.auth;
    const remember = () => secrets.push(auth.accessToken, auth.refreshToken, auth.deviceToken ?? 'PLANTED');
    remember();
    await attempt(app, WRONG, sender);
    auth = (await attempt(app, PASSWORD, sender)).data.login;
    remember();
    auth = (await refresh(app, auth.refreshToken, sender)).data.refreshToken;
    remember();
    await refresh(app, 'lkr_PLANTED', sender);
    await app.send(REFRESH, { input: { refreshToken: 'PLANTED\u001b[31m', unknown: WRONG } }, sender);
    const input = { currentPassword: PASSWORD, newPassword: 'planted old horse battery' };
    auth = (await app.send(CHANGE_PASSWORD, { input }, { ...sender, token: auth.accessToken })).data
      .changePassword;
    remember();
    const proof = { password: input.newPassword };
    auth = (await app.send(REAUTHENTICATE, { input: proof }, { ...sender, token: auth.accessToken })).data
      .reauthenticate;
    remember();
    await app.send(LOGOUT, {}, { ...sender, token: auth.accessToken, headers: { cookie: 'a=PLANTED' } });
    await app.admin.setPassword('ada@example.com', 'planted horse by operator');
    for (let i = 0; i < 8; i += 1) await attempt(app, WRONG, sender);
    await app.audit.chain();

    const rows = await app.database.all<{ name: string; userAgent: string | null }>(
      'SELECT audit_events.*, user_agent AS "userAgent" FROM audit_events',
    );
    const names = new Set(rows.map(({ name }) => name));
    for (const name of ['user_created', 'authn_login_fail', 'authn_password_change', 'authn_token_revoked'])
      expect(names).toContain(name);
    const batches = await app.database.all('SELECT * FROM audit_batches');
    expect(batches).toHaveLength(1);
    expect(app.lines.length).toBeGreaterThan(10);
    const written = [...rows, ...batches].map((row) => JSON.stringify(row)).concat(app.lines);
    for (const secret of secrets) expect(written.filter((text) => text.includes(secret))).toEqual([]);

    const agents = new Set(rows.flatMap(({ userAgent: agent }) => (agent === null ? [] : [agent])));
    expect(agents).toEqual(new Set([`evil\\x9b31m\\x85\\x09agent ${'x'.repeat(400)}`.slice(0, 256)]));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;
    expect(written.filter((text) => control.test(text))).toEqual([]);
  });

  it('a change that cannot be recorded in the audit trail fails (AUD-1, AUD-4)', async () => {
    const app = await start();
    const auth = await register(app);
    await app.database.run('DROP TABLE audit_events');
    const change = { currentPassword: PASSWORD, newPassword: 'another horse altogether' };
    const sender = { token: auth.accessToken };
    const answers = [
      await app.send(REGISTER, { input: { email: 'eve@example.com', password: PASSWORD } }),
      await attempt(app, PASSWORD),
      await attempt(app, WRONG),
      await app.send(CHANGE_PASSWORD, { input: change }, sender),
      await app.send(REAUTHENTICATE, { input: { password: PASSWORD } }, sender),
      await app.send(LOGOUT, {}, sender),
    ];
    expect(answers.map(({ code }) => code)).toEqual(answers.map(() => 'INTERNAL_SERVER_ERROR'));
    expect(app.lines.filter((line) => line.includes('audit_events')).length).toBeGreaterThan(0);
    expect(await app.database.all('SELECT email FROM users')).toEqual([{ email: 'ada@example.com' }]);
    const sessions = await app.database.all('SELECT id, revoked_at AS "revokedAt" FROM sessions');
    expect(sessions).toEqual([{ id: auth.session.id, revokedAt: null }]);
  });
});
