import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { migrate } from '../../src/database/migrate.ts';
import { enrol } from '../support/authenticator.ts';
import { engines, freshDatabase } from '../support/databases.ts';
import { ME, register } from '../support/documents.ts';
import { PASSWORD, startApp, type TestApp } from '../support/start-app.ts';
import { noteStatements, verbAndTable } from '../support/statements.ts';

const SECOND_MS = 1_000;
/** What every client needs; an operation that asks for the `user` of an answer reads one row more. */
const LOGIN = 'mutation ($input: LoginInput!) { login(input: $input) { accessToken refreshToken } }';
const REFRESH =
  'mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { accessToken refreshToken } }';

describe.each(engines)('the statements of an operation on %s', (engine) => {
  let app: TestApp;
  let drop: () => Promise<void>;
  let statements: string[];

  beforeEach(async () => {
    const fresh = await freshDatabase(engine);
    drop = fresh.drop;
    await migrate(fresh.database);
    const counted = noteStatements(fresh.database, verbAndTable);
    statements = counted.statements;
    app = await startApp({ engine, database: counted.database });
  });
  afterEach(async () => {
    await app.stop();
    await drop();
  });

  async function during(work: () => Promise<unknown>): Promise<string[]> {
    statements.length = 0;
    await work();
    return [...statements];
  }

  it('login takes one read, one throttle statement and one write transaction', async () => {
    await register(app);
    const input = { email: 'ada@example.com', password: PASSWORD };
    expect(await during(() => app.send(LOGIN, { input }))).toEqual([
      'SELECT users',
      'INSERT throttles',
      expect.stringMatching(/^transaction \[UPDATE users, .+\]$/),
    ]);
  });

  it('login of an account without a factor asks no table of second factors, and a wrong password takes the same with one', async () => {
    const [ada, grace] = ['ada@example.com', 'grace@example.com'];
    await register(app, ada);
    await enrol(app, (await register(app, grace)).accessToken);
    const attempt = (email: string, password: string) =>
      during(() => app.send(LOGIN, { input: { email, password } }));
    const ofSecondFactors = /factors|recovery_codes|mfa_challenges|factor_resets/;
    expect((await attempt(ada, PASSWORD)).join()).not.toMatch(ofSecondFactors);
    expect((await attempt(grace, PASSWORD)).join()).toMatch(ofSecondFactors);
    const wrong = await attempt(ada, 'wrong');
    expect(wrong.length).toBeGreaterThan(2);
    expect(await attempt(grace, 'wrong')).toEqual(wrong);
    expect(await attempt('nobody@example.com', 'wrong')).toEqual(wrong);
  });

  it('refreshToken takes one statement', async () => {
    const { refreshToken } = await register(app);
    expect(await during(() => app.send(REFRESH, { input: { refreshToken } }))).toEqual(['UPDATE sessions']);
  });

  it('me takes one read, and at most one when it is repeated', async () => {
    const { accessToken: token } = await register(app);
    app.clock.travel(SECOND_MS);
    expect(await during(() => app.send(ME, {}, { token }))).toEqual(['SELECT sessions']);
    expect((await during(() => app.send(ME, {}, { token }))).length).toBeLessThanOrEqual(1);
  });
});
