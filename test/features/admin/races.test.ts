import { describe, expect, it } from '@jest/globals';
import { engines, type FreshDatabase, migratedDatabase } from '../../support/databases.ts';
import { DELETE_ME, login, ME, register } from '../../support/documents.ts';
import { holdTransaction } from '../../support/hold-transaction.ts';
import { operator } from '../../support/operators.ts';
import { createFrozenClock, PASSWORD, startApp, type TestApp } from '../../support/start-app.ts';

const ROUNDS = 12;

const demote = `mutation ($input: AdminSetRolesInput!) { adminSetRoles(input: $input) { id } }`;
const disable = `mutation ($input: AdminDisableUserInput!) { adminDisableUser(input: $input) { id } }`;
const remove = `mutation ($input: AdminDeleteUserInput!) { adminDeleteUser(input: $input) { id } }`;

/** Two servers on one database, as two processes are. */
async function withPair(
  engine: (typeof engines)[number],
  work: (apps: readonly [TestApp, TestApp], fresh: FreshDatabase) => Promise<void>,
): Promise<void> {
  const fresh = await migratedDatabase(engine);
  const clock = createFrozenClock();
  const config = { throttles: false, secrets: [Buffer.alloc(32, 7)] };
  const first = await startApp({ engine, clock, config, database: fresh.database });
  const second = await startApp({ engine, clock, config, database: await fresh.open() });
  try {
    await work([first, second], fresh);
  } finally {
    await first.stop();
    await second.stop();
    await fresh.drop();
  }
}

describe.each(engines)('two operators at once on %s', (engine) => {
  it.each([
    { how: 'demote', document: demote, more: { roles: [] } },
    { how: 'disable', document: disable, more: {} },
    { how: 'delete', document: remove, more: {} },
  ])(`who $how each other leave one administrator (ADM-2)`, async ({ document, more }) => {
    await withPair(engine, async ([one, two]) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const a = await operator(one, { email: `a${round}@example.com` });
        const b = await operator(two, { email: `b${round}@example.com` });
        const answers = await Promise.all([
          one.send(document, { input: { userId: b.id, ...more } }, { token: a.token }),
          two.send(document, { input: { userId: a.id, ...more } }, { token: b.token }),
        ]);
        const codes = answers.map(({ code }) => code).sort();
        expect(codes.filter((code) => code === 'OK')).toHaveLength(1);
        expect(['FORBIDDEN', 'UNAUTHENTICATED']).toContain(codes.find((code) => code !== 'OK'));
        const left = await one.database.all(
          `SELECT id FROM users JOIN user_roles ON user_id = id WHERE role = 'admin' AND disabled_at IS NULL`,
        );
        expect(left).toHaveLength(1);
        await one.database.run("DELETE FROM user_roles WHERE role = 'admin'");
      }
    });
  });

  it('who delete themselves leave one administrator', async () => {
    await withPair(engine, async ([one, two]) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const a = await operator(one, { email: `a${round}@example.com` });
        const b = await operator(two, { email: `b${round}@example.com` });
        const input = { password: PASSWORD };
        const answers = await Promise.all([
          one.send(DELETE_ME, { input }, { token: a.token }),
          two.send(DELETE_ME, { input }, { token: b.token }),
        ]);
        expect(answers.map(({ code }) => code).sort()).toEqual(['FORBIDDEN', 'OK']);
        const refused = answers.find(({ code }) => code === 'FORBIDDEN');
        expect(refused?.errors?.[0]?.extensions.reason).toBe('LAST_ADMINISTRATOR');
        await one.database.run("DELETE FROM user_roles WHERE role = 'admin'");
      }
    });
  });

  if (engine === 'postgres')
    it.each([
      { how: 'demotes', document: demote, more: { roles: [] } },
      { how: 'disables', document: disable, more: {} },
      { how: 'deletes', document: remove, more: {} },
    ])('who $how the other administrator does not delete themselves with it', async ({ document, more }) => {
      await withPair(engine, async ([one, two], fresh) => {
        const pair = [
          await operator(one, { email: 'a@example.com' }),
          await operator(one, { email: 'b@example.com' }),
        ];
        // Rows are locked in the order of ids: the operator's first, then the one that is held.
        const [a, b] = pair.sort((x, y) => (x.id < y.id ? -1 : 1));
        const held = await holdTransaction(fresh);
        try {
          await held.run(`UPDATE users SET updated_at = updated_at WHERE id = '${b?.id}'`);
          const change = one.send(document, { input: { userId: b?.id, ...more } }, { token: a?.token });
          await held.isWaitedFor('by one');
          const leaving = two.send(DELETE_ME, { input: { password: PASSWORD } }, { token: a?.token });
          await held.isWaitedFor('by a queue');
          await held.run('COMMIT');
          expect((await change).code).toBe('OK');
          expect((await leaving).errors?.[0]?.extensions.reason).toBe('LAST_ADMINISTRATOR');
        } finally {
          await held.end();
        }
      });
    });

  it('the rights of a demoted or disabled operator end within a second in another process', async () => {
    await withPair(engine, async ([one, two]) => {
      const chief = await operator(one, { email: 'chief@example.com' });
      const { user } = await register(one, 'ada@example.com');
      const USERS = '{ admin { users(first: 1) { totalCount } } }';
      const rename = `mutation ($input: AdminUpdateUserInput!) { adminUpdateUser(input: $input) { id } }`;
      for (const [document, more] of [
        [demote, { roles: [] }],
        [disable, {}],
      ] as const) {
        const email = `${more.roles ? 'demoted' : 'disabled'}@example.com`;
        const op = await operator(two, { email });
        expect((await two.send(USERS, {}, { token: op.token })).code).toBe('OK');
        const done = await one.send(document, { input: { userId: op.id, ...more } }, { token: chief.token });
        expect(done.code).toBe('OK');
        // The other process may still know the session for a second. A change reads the rows.
        const input = { userId: user.id, name: 'Stale' };
        const change = await two.send(rename, { input }, { token: op.token });
        expect(change.code).not.toBe('OK');
        one.clock.travel(1_000);
        expect((await two.send(USERS, {}, { token: op.token })).code).not.toBe('OK');
      }
      expect((await one.send(ME, {}, { token: chief.token })).code).toBe('OK');
    });
  });

  it('the last administrator does not go, and another one may', async () => {
    await withPair(engine, async ([one]) => {
      const chief = await operator(one);
      const reasonOf = async (document: string, input: object) =>
        (await one.send(document, { input }, { token: chief.token })).errors?.[0]?.extensions.reason;
      for (const [document, more] of [
        [demote, { roles: [] }],
        [disable, {}],
        [remove, {}],
      ] as const)
        expect(await reasonOf(document, { userId: chief.id, ...more })).toBe('LAST_ADMINISTRATOR');
      expect(await reasonOf(DELETE_ME, { password: PASSWORD })).toBe('LAST_ADMINISTRATOR');
      const other = await operator(one, { email: 'second@example.com' });
      expect(await reasonOf(disable, { userId: chief.id })).toBe('SELF');
      // One that is disabled counts for nothing.
      await one.send(disable, { input: { userId: other.id } }, { token: chief.token });
      expect(await reasonOf(DELETE_ME, { password: PASSWORD })).toBe('LAST_ADMINISTRATOR');
      await operator(one, { email: 'third@example.com' });
      const { accessToken } = await login(one, { email: chief.email });
      const input = { password: PASSWORD };
      expect((await one.send(DELETE_ME, { input }, { token: accessToken })).code).toBe('OK');
    });
  });
});
