import { setTimeout as pause } from 'node:timers/promises';
import type { Sql } from '../../../src/database/database.ts';
import { PASSWORD } from '../../support/start-app.ts';
import { type Answer, LOGIN, LOGOUT, type Question, REFRESH, REGISTER, type Tokens } from './client.ts';

/*
 * People who register, log in, refresh and log out, one request after the other, and a ledger of all that the server
 * acknowledged to them. After any fault of the server, the database has to agree with the ledger.
 */

export interface Ledger {
  /** Accounts that exist: the ids that `register` or `login` answered, by address. */
  readonly accounts: Map<string, string>;
  readonly sessions: Map<string, AcknowledgedSession>;
  /** Answers that no client should ever get, and what was wrong with them. */
  readonly surprises: string[];
}

interface AcknowledgedSession {
  /** How many successors were answered: the generation that the session is at. */
  rotations: number;
  isEnded: boolean;
}

export interface Population {
  readonly ledger: Ledger;
  /** Resolves when everybody has an account. */
  readonly arrived: Promise<void>;
  /** Lets all of them finish the request that is under way; none is left unanswered. */
  stop(): Promise<void>;
}

interface PopulationOptions {
  readonly size: number;
  /** Sends a question as often as it takes. */
  readonly ask: (question: Question) => Promise<Answer>;
  /** Between two requests of one person, on average. */
  readonly pauseMs: number;
}

const SHARE_OF_REPEATS = 0.1;
const SHARE_OF_LOGOUTS = 0.02;
const SHARE_OF_REGISTRATIONS = 0.01;

export function populate({ size, ask, pauseMs }: PopulationOptions): Population {
  const ledger: Ledger = { accounts: new Map(), sessions: new Map(), surprises: [] };
  let isOver = false;

  async function live(arrival: Promise<Person>): Promise<void> {
    let person = await arrival;
    while (!isOver) {
      await pause(Math.random() * 2 * pauseMs);
      const dice = Math.random();
      if (dice < SHARE_OF_LOGOUTS) person = await logOutAndIn(person);
      else if (dice < SHARE_OF_LOGOUTS + SHARE_OF_REGISTRATIONS) person = await register();
      else person = await refresh(person);
    }
  }

  async function register(): Promise<Person> {
    const email = `${crypto.randomUUID()}@example.com`;
    const answer = await ask({ query: REGISTER, variables: { input: { email, password: PASSWORD } } });
    // No other person knows the address: an answer was lost, and the account is there.
    if (answer.code === 'EMAIL_TAKEN') return logIn(email);
    return begin(email, answer, answer.data?.register?.auth);
  }

  async function logIn(email: string): Promise<Person> {
    const answer = await ask({ query: LOGIN, variables: { input: { email, password: PASSWORD } } });
    return begin(email, answer, answer.data?.login);
  }

  function begin(email: string, answer: Answer, auth: Auth | null | undefined): Person {
    if (auth == null) throw new Error(`Nobody gets in: ${answer.status} ${answer.code}`);
    ledger.accounts.set(email, auth.user.id);
    ledger.sessions.set(auth.session.id, { rotations: 0, isEnded: false });
    return { email, sessionId: auth.session.id, refreshToken: auth.refreshToken };
  }

  async function refresh(person: Person): Promise<Person> {
    const refreshToken = await successor(person.refreshToken);
    if (refreshToken === undefined) return register();
    acknowledged(person).rotations += 1;
    // A repeat, at any process: the same answer, or the token was spent twice.
    if (Math.random() < SHARE_OF_REPEATS && (await successor(person.refreshToken)) !== refreshToken)
      ledger.surprises.push('two successors of one token');
    return { ...person, refreshToken };
  }

  async function successor(refreshToken: string): Promise<string | undefined> {
    const { code, data } = await ask({ query: REFRESH, variables: { input: { refreshToken } } });
    if (code !== 'OK') ledger.surprises.push(`locked out: ${code}`);
    return (data?.refreshToken as Tokens | undefined)?.refreshToken;
  }

  async function logOutAndIn(person: Person): Promise<Person> {
    const input = { refreshToken: person.refreshToken };
    const { code } = await ask({ query: LOGOUT, variables: { input } });
    if (code !== 'OK') ledger.surprises.push(`logout: ${code}`);
    acknowledged(person).isEnded = true;
    const afterwards = await ask({ query: REFRESH, variables: { input } });
    if (afterwards.code !== 'INVALID_REFRESH_TOKEN')
      ledger.surprises.push(`after logout: ${afterwards.code}`);
    return logIn(person.email);
  }

  function acknowledged({ sessionId }: Person): AcknowledgedSession {
    const session = ledger.sessions.get(sessionId);
    if (session === undefined) throw new Error('The ledger has lost a session.');
    return session;
  }

  const arrivals = Array.from({ length: size }, register);
  const lives = Promise.all(arrivals.map(live));
  const arrived = Promise.all(arrivals).then(() => {});
  // The caller that waits for them, or stops them, gets the error.
  for (const promise of [lives, arrived]) promise.catch(() => {});
  return {
    ledger,
    arrived,
    async stop() {
      isOver = true;
      await lives;
    },
  };
}

/** What was acknowledged and is not so in the database, and the traces of what must not have happened. */
export async function contradictions(database: Sql, { accounts, sessions }: Ledger): Promise<string[]> {
  const users = await database.all<{ id: string; email: string }>('SELECT id, email FROM users');
  const rows = await database.all<{ id: string; generation: number; revokedAt: number | null }>(
    'SELECT id, generation, revoked_at AS "revokedAt" FROM sessions',
  );
  const userIds = new Map(users.map(({ email, id }) => [email, id]));
  const rowsById = new Map(rows.map((row) => [row.id, row]));
  const events = await database.all<{ name: string }>(
    "SELECT name FROM audit_events WHERE name IN ('authn_token_reuse', 'authn_token_skip')",
  );

  const found = events.map(({ name }) => name);
  for (const [email, id] of accounts) if (userIds.get(email) !== id) found.push('a lost account');
  for (const [id, { rotations, isEnded }] of sessions) {
    const row = rowsById.get(id);
    if (row === undefined) found.push('a lost session');
    else if (row.generation !== rotations)
      found.push(`${rotations} rotations acknowledged, ${row.generation} on record`);
    else if ((row.revokedAt !== null) !== isEnded) found.push(isEnded ? 'a lost logout' : 'an ended session');
  }
  return found;
}

interface Person {
  readonly email: string;
  readonly sessionId: string;
  readonly refreshToken: string;
}

interface Auth extends Tokens {
  readonly session: { readonly id: string };
  readonly user: { readonly id: string };
}
