import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { EVERY_FACTOR } from '../../../src/core/factors/service.ts';
import {
  complete,
  type Enrolled,
  enrol,
  mfaTokenOf,
  REGENERATE,
  REMOVE_FACTOR,
} from '../../support/authenticator.ts';
import {
  CHANGE_PASSWORD,
  CONFIRM_EMAIL_CHANGE,
  DELETE_ME,
  LOGIN,
  LOGIN_WITH_LINK,
  REQUEST_EMAIL_CHANGE,
  REQUEST_MAGIC_LINK,
  REQUEST_RESET,
  RESET_PASSWORD,
  refresh,
  register,
  UNDO_EMAIL_CHANGE,
} from '../../support/documents.ts';
import { mailedToken } from '../../support/letters.ts';
import { describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';

/*
 * The table of docs/guides/second-factors.md: what becomes of everything that an account has, when something happens to
 * it. Each row is set up, made to happen and looked at.
 */

const PAGE = new URL('../../../docs/guides/second-factors.md', import.meta.url);
const HOUR = 3_600_000;
const NEW_PASSWORD = 'an entirely new passphrase';
const REMOVE_PASSWORD = 'mutation { removePassword { id } }';
const REQUEST_FACTOR_RESET = `mutation ($input: RequestFactorResetInput!) {
  requestFactorReset(input: $input) { expiresIn } }`;

const HEADINGS = [
  'the account has',
  'what happens',
  'the session that asks',
  'other sessions',
  'pending logins',
  'known devices',
  'second factors',
  'recovery codes',
];

type Kind = 'a password' | 'a password and an app' | 'an app, and logs in by mail';

/** An account in the state that an event meets. */
interface Account {
  readonly email: string;
  readonly userId: string;
  /** Fresh, and of two factors where there is an app. */
  readonly asking: { accessToken: string; refreshToken: string };
  readonly other: { refreshToken: string };
  readonly enrolled?: Enrolled | undefined;
  readonly mfaToken?: string | undefined;
  readonly deviceToken?: string | undefined;
}

/** What happens: the answer where the session that asks gets another one in its place. */
interface Event {
  readonly of: readonly Kind[];
  /** Whether the address of the account was changed before, and whether the app came after that was asked for. */
  readonly moved?: 'before the app' | 'after the app';
  readonly asks: boolean;
  happen(app: TestApp, account: Account): Promise<{ refreshToken: string } | undefined>;
}

const ALL: readonly Kind[] = ['a password', 'a password and an app', 'an app, and logs in by mail'];
const WITH_APP = ALL.slice(1);

const EVENTS: Readonly<Record<string, Event>> = {
  '`changePassword`': {
    of: ALL,
    asks: true,
    async happen(app, { asking }) {
      const input = { newPassword: NEW_PASSWORD };
      return (await ask(app, CHANGE_PASSWORD, { input }, asking)).changePassword;
    },
  },
  '`removePassword`': {
    of: ALL.slice(0, 2),
    asks: true,
    happen: (app, { asking }) => ask(app, REMOVE_PASSWORD, {}, asking).then(() => undefined),
  },
  '`resetPassword`': { of: ALL, asks: false, happen: (app, { email }) => reset(app, email) },
  '`latchkey users set-password`': {
    of: ALL,
    asks: false,
    happen: (app, { email }) => app.admin.setPassword(email, NEW_PASSWORD).then(() => undefined),
  },
  '`undoEmailChange`': { of: ['a password'], moved: 'after the app', asks: false, happen: undo },
  '`undoEmailChange`, and the app is older than the change': {
    of: WITH_APP,
    moved: 'after the app',
    asks: false,
    happen: undo,
  },
  '`undoEmailChange`, and the app came since': {
    of: WITH_APP,
    moved: 'before the app',
    asks: false,
    happen: undo,
  },
  '`confirmTotpEnrolment`': {
    of: ['a password'],
    asks: true,
    happen: async (app, { asking }) => (await enrol(app, asking.accessToken)).auth,
  },
  '`removeFactor`': {
    of: WITH_APP,
    asks: true,
    async happen(app, { asking, enrolled }) {
      await ask(app, REMOVE_FACTOR, { input: { id: enrolled?.factorId } }, asking);
      return undefined;
    },
  },
  '`latchkey users factors --remove-all`': {
    of: WITH_APP,
    asks: false,
    happen: (app, { email }) => app.admin.removeFactors(email, EVERY_FACTOR).then(() => undefined),
  },
  '`regenerateRecoveryCodes`': {
    of: WITH_APP,
    asks: true,
    happen: (app, { asking }) => ask(app, REGENERATE, {}, asking).then(() => undefined),
  },
  '`requestFactorReset`, after its delay': {
    of: WITH_APP,
    asks: false,
    async happen(app, { mfaToken }) {
      const { code } = await app.send(REQUEST_FACTOR_RESET, { input: { mfaToken } });
      expect(code).toBe('OK');
      // The owner is told twice more before.
      for (const hours of [12, 10, 2]) {
        app.clock.travel(hours * HOUR);
        await app.housekeeping.turn();
      }
      return undefined;
    },
  },
  '`latchkey users disable`': {
    of: ALL,
    asks: false,
    happen: (app, { email }) => app.admin.disable(email).then(() => undefined),
  },
  '`deleteMe`': {
    of: ALL,
    asks: true,
    happen: (app, { asking }) => ask(app, DELETE_ME, { input: {} }, asking).then(() => undefined),
  },
};

async function ask(
  app: TestApp,
  document: string,
  variables: object,
  { accessToken: token }: { accessToken: string },
) {
  const { data, code, body } = await app.send(document, variables, { token });
  if (code !== 'OK') throw new Error(body);
  return data;
}

async function reset(app: TestApp, email: string): Promise<undefined> {
  await app.send(REQUEST_RESET, { input: { email } });
  const input = { token: await mailedToken(app, '/reset-password', email), newPassword: NEW_PASSWORD };
  expect((await app.send(RESET_PASSWORD, { input })).code).toBe('OK');
  return undefined;
}

async function undo(app: TestApp): Promise<undefined> {
  const input = { token: await mailedToken(app, '/undo-email-change') };
  expect((await app.send(UNDO_EMAIL_CHANGE, { input })).code).toBe('OK');
  return undefined;
}

/** The first step of a login, by the password or by mail. */
async function firstStep(app: TestApp, kind: Kind, email: string) {
  if (kind !== 'an app, and logs in by mail')
    return app.send(LOGIN, { input: { email, password: PASSWORD } });
  await app.send(REQUEST_MAGIC_LINK, { input: { email } });
  return app.send(LOGIN_WITH_LINK, { input: { token: await mailedToken(app, '/magic-link', email) } });
}

async function logIn(
  app: TestApp,
  { kind, email, enrolled }: { kind: Kind; email: string; enrolled: Enrolled | undefined },
) {
  const first = await firstStep(app, kind, email);
  if (enrolled === undefined) return first.data.login;
  return (await complete(app, mfaTokenOf(first), { totpCode: enrolled.nextCode() })).data.completeMfaLogin;
}

async function setUp(app: TestApp, kind: Kind, { moved }: Event): Promise<Account> {
  let asking: Account['asking'] & { user?: { id: string } } = await register(app);
  const userId = asking.user?.id ?? '';
  await app.database.run('UPDATE users SET email_verified_at = 1');
  const isToEnrol = kind !== 'a password';
  let email = 'ada@example.com';
  let enrolled: Enrolled | undefined;
  const enrolNow = async () => {
    enrolled = await enrol(app, asking.accessToken);
    asking = enrolled.auth;
    app.clock.travel(1);
  };
  const requestMove = async () => {
    await ask(app, REQUEST_EMAIL_CHANGE, { input: { newEmail: 'new@example.com' } }, asking);
    app.clock.travel(1);
  };
  if (isToEnrol && moved !== 'before the app') await enrolNow();
  if (moved !== undefined) {
    await requestMove();
    if (moved === 'before the app') {
      await enrolNow();
      await requestMove();
    }
    email = 'new@example.com';
    const input = { token: await mailedToken(app, '/confirm-email', email) };
    await ask(app, CONFIRM_EMAIL_CHANGE, { input }, asking);
  }
  if (kind === 'an app, and logs in by mail') await ask(app, REMOVE_PASSWORD, {}, asking);
  const other = await logIn(app, { kind, email, enrolled });
  const mfaToken = enrolled && mfaTokenOf(await firstStep(app, kind, email));
  const deviceToken = kind === 'an app, and logs in by mail' ? undefined : other.deviceToken;
  return { email, userId, asking, other, enrolled, mfaToken, deviceToken };
}

/** What became of it all, in the words of the table. */
async function lookAt(
  app: TestApp,
  { userId, asking, other, enrolled, mfaToken, deviceToken }: Account,
  {
    event,
    successor,
    codesBefore,
  }: { event: Event; successor: { refreshToken: string } | undefined; codesBefore: string[] },
): Promise<string[]> {
  const works = async ({ refreshToken }: { refreshToken: string }) =>
    (await refresh(app, refreshToken)).code === 'OK';
  const user = await app.database.get<{ passwordVersion: number }>(
    'SELECT password_version AS "passwordVersion" FROM users WHERE id = :userId',
    { userId },
  );
  const rows = await app.database.all('SELECT id FROM factors WHERE confirmed_at IS NOT NULL');
  const codes = await recoveryCodes(app);
  const nowSeconds = app.clock.now() / 1_000;
  const device =
    deviceToken === undefined || user === undefined
      ? undefined
      : app.tokens.deviceTokens.deviceOf(deviceToken, { userId, ...user, nowSeconds });
  const own =
    successor !== undefined && (await works(successor))
      ? 'replaced'
      : (await works(asking))
        ? 'stays'
        : 'ends';
  const others = (await works(other)) ? 'stay' : 'end';
  const pending = mfaToken && (await complete(app, mfaToken, { totpCode: enrolled?.nextCode() ?? '' })).code;
  const changed = codes.length === 0 ? 'go' : 'new';
  return [
    event.asks ? own : '–',
    others,
    mfaToken === undefined ? '–' : pending === 'OK' ? 'stay' : 'end',
    deviceToken === undefined ? '–' : device === undefined ? 'end' : 'stay',
    rows.length > 0 ? (enrolled === undefined ? 'new' : 'stay') : enrolled === undefined ? '–' : 'go',
    codes.join() === codesBefore.join() ? (codes.length === 0 ? '–' : 'stay') : changed,
  ];
}

async function recoveryCodes(app: TestApp): Promise<string[]> {
  const rows = await app.database.all<{ hash: string }>(
    'SELECT code_hash AS hash FROM recovery_codes ORDER BY code_hash',
  );
  return rows.map(({ hash }) => hash);
}

function readTable(): string[][] {
  const [, table = ''] =
    /<!-- endings -->\n([\s\S]*?)\n<!-- \/endings -->/.exec(readFileSync(PAGE, 'utf8')) ?? [];
  return table.split('\n').map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const [headings = [], , ...rows] = readTable();

describe('the table of endings', () => {
  it('has a row for each thing that can happen to each kind of account', () => {
    expect(headings).toEqual(HEADINGS);
    const pairs = Object.entries(EVENTS).flatMap(([name, { of }]) => of.map((kind) => `${kind}: ${name}`));
    expect(rows.map(([kind, name]) => `${kind}: ${name}`).sort()).toEqual(pairs.sort());
  });
});

describeApp('what happens to an account', (start) => {
  it.each(Object.entries(EVENTS).flatMap(([name, { of }]) => of.map((kind) => [kind, name] as const)))(
    '%s, %s: the row of the table holds (SES-4)',
    async (kind, name) => {
      const app = await start({
        config: { magicLinks: true, factorResetSeconds: 24 * 3_600, addressMails: 10 },
      });
      const event = EVENTS[name];
      if (event === undefined) throw new Error(`no event ${name}`);
      const account = await setUp(app, kind, event);
      const codesBefore = await recoveryCodes(app);
      const successor = await event.happen(app, account);
      const found = await lookAt(app, account, { event, successor, codesBefore });
      expect([kind, name, ...found]).toEqual(rows.find(([k, n]) => k === kind && n === name));
    },
  );
});
