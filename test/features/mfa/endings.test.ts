import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { insertExternalLogin } from '../../../src/core/external-logins/store.ts';
import { COMPLETE_MFA, enrol, mfaTokenOf, REGENERATE, REMOVE_FACTOR } from '../../support/authenticator.ts';
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
import { UNLINK_EXTERNAL } from '../../support/external-logins.ts';
import { mailedToken } from '../../support/letters.ts';
import { registerPasskey, START_CHALLENGE } from '../../support/passkeys.ts';
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

type Kind =
  | 'a password'
  | 'a password and an app'
  | 'an app, and logs in by mail'
  | 'a password and a passkey'
  | 'a passkey, and logs in by mail';

/** A second factor of the account, and what it answers to a login that waits. */
interface Second {
  readonly factorId: string;
  answer(mfaToken: string): Promise<object>;
}

/** An account in the state that an event meets. */
interface Account {
  readonly email: string;
  readonly userId: string;
  /** Fresh, and of two factors where there is a second one. */
  readonly asking: { accessToken: string; refreshToken: string };
  readonly other: { refreshToken: string };
  readonly second?: Second | undefined;
  readonly mfaToken?: string | undefined;
  readonly deviceToken?: string | undefined;
}

/** What happens: the answer where the session that asks gets another one in its place. */
interface Event {
  readonly of: readonly Kind[];
  /** Whether the address of the account was changed before, and whether the factor came after that was asked for. */
  readonly moved?: 'before the factor' | 'after the factor';
  readonly asks: boolean;
  happen(app: TestApp, account: Account): Promise<{ refreshToken: string } | undefined>;
}

const WITH_PASSWORD: readonly Kind[] = ['a password', 'a password and an app', 'a password and a passkey'];
const BY_MAIL: readonly Kind[] = ['an app, and logs in by mail', 'a passkey, and logs in by mail'];
const ALL = [...WITH_PASSWORD, ...BY_MAIL];
const WITH_FACTOR = ALL.slice(1);

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
    of: WITH_PASSWORD,
    asks: true,
    happen: (app, { asking }) => ask(app, REMOVE_PASSWORD, {}, asking).then(() => undefined),
  },
  '`resetPassword`': { of: ALL, asks: false, happen: (app, { email }) => reset(app, email) },
  '`latchkey users set-password`': {
    of: ALL,
    asks: false,
    happen: (app, { email }) => app.admin.setPassword(email, NEW_PASSWORD).then(() => undefined),
  },
  '`undoEmailChange`': { of: ['a password'], moved: 'after the factor', asks: false, happen: undo },
  '`undoEmailChange`, and the factor is older than the change': {
    of: WITH_FACTOR,
    moved: 'after the factor',
    asks: false,
    happen: undo,
  },
  '`undoEmailChange`, and the factor came since': {
    of: WITH_FACTOR,
    moved: 'before the factor',
    asks: false,
    happen: undo,
  },
  '`confirmTotpEnrolment`': {
    of: ['a password'],
    asks: true,
    happen: async (app, { asking }) => (await enrol(app, asking.accessToken)).auth,
  },
  '`finishPasskeyRegistration`': {
    of: ['a password', 'a password and an app', 'a password and a passkey'],
    asks: true,
    happen: async (app, { asking }) => (await registerPasskey(app, asking.accessToken)).auth,
  },
  '`removeFactor`': {
    of: WITH_FACTOR,
    asks: true,
    async happen(app, { asking, second }) {
      await ask(app, REMOVE_FACTOR, { input: { id: second?.factorId } }, asking);
      return undefined;
    },
  },
  '`unlinkExternalLogin`': {
    of: ALL,
    asks: true,
    async happen(app, { userId, asking }) {
      const id = randomUUID();
      const login = { id, userId, provider: 'work', issuer: 'https://login.example.com', subject: 'ada' };
      const unused = { email: null, lastUsedAt: null, now: app.clock.now() };
      await insertExternalLogin(app.database, { ...login, ...unused });
      await ask(app, UNLINK_EXTERNAL, { input: { id } }, asking);
      return undefined;
    },
  },
  '`latchkey users factors --remove-all`': {
    of: WITH_FACTOR,
    asks: false,
    happen: (app, { email }) => app.admin.removeFactors(email).then(() => undefined),
  },
  '`regenerateRecoveryCodes`': {
    of: WITH_FACTOR,
    asks: true,
    happen: (app, { asking }) => ask(app, REGENERATE, {}, asking).then(() => undefined),
  },
  '`requestFactorReset`, after its delay': {
    of: WITH_FACTOR,
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
  if (!BY_MAIL.includes(kind)) return app.send(LOGIN, { input: { email, password: PASSWORD } });
  await app.send(REQUEST_MAGIC_LINK, { input: { email } });
  return app.send(LOGIN_WITH_LINK, { input: { token: await mailedToken(app, '/magic-link', email) } });
}

async function complete(app: TestApp, mfaToken: string, { answer }: Second) {
  return app.send(COMPLETE_MFA, { input: { mfaToken, ...(await answer(mfaToken)) } });
}

async function logIn(
  app: TestApp,
  { kind, email, second }: { kind: Kind; email: string; second: Second | undefined },
) {
  const first = await firstStep(app, kind, email);
  if (second === undefined) return first.data.login;
  return (await complete(app, mfaTokenOf(first), second)).data.completeMfaLogin;
}

/** Adds the second factor of such an account, and gives the session that takes the place of the one that asked. */
async function addSecond(
  app: TestApp,
  kind: Kind,
  token: string,
): Promise<{ auth: Account['asking']; second: Second }> {
  if (/an app/.test(kind)) {
    const { auth, factorId, nextCode } = await enrol(app, token);
    return { auth, second: { factorId, answer: async () => ({ totpCode: nextCode() }) } };
  }
  const { auth, factorId, authenticator } = await registerPasskey(app, token);
  const answer = async (mfaToken: string) => {
    const { data } = await app.send(START_CHALLENGE, { input: { mfaToken } });
    // The login that waited has ended.
    if (!data) return { recoveryCode: '' };
    return { passkey: authenticator.get(data.startPasskeyChallenge) };
  };
  return { auth, second: { factorId, answer } };
}

async function setUp(app: TestApp, kind: Kind, { moved }: Event): Promise<Account> {
  let asking: Account['asking'] & { user?: { id: string } } = await register(app);
  const userId = asking.user?.id ?? '';
  await app.database.run('UPDATE users SET email_verified_at = 1');
  const hasSecond = kind !== 'a password';
  let email = 'ada@example.com';
  let second: Second | undefined;
  const addNow = async () => {
    const added = await addSecond(app, kind, asking.accessToken);
    asking = added.auth;
    second = added.second;
    app.clock.travel(1);
  };
  const requestMove = async () => {
    await ask(app, REQUEST_EMAIL_CHANGE, { input: { newEmail: 'new@example.com' } }, asking);
    app.clock.travel(1);
  };
  if (hasSecond && moved !== 'before the factor') await addNow();
  if (moved !== undefined) {
    await requestMove();
    if (moved === 'before the factor') {
      await addNow();
      await requestMove();
    }
    email = 'new@example.com';
    const input = { token: await mailedToken(app, '/confirm-email', email) };
    await ask(app, CONFIRM_EMAIL_CHANGE, { input }, asking);
  }
  if (BY_MAIL.includes(kind)) await ask(app, REMOVE_PASSWORD, {}, asking);
  const other = await logIn(app, { kind, email, second });
  const mfaToken = second && mfaTokenOf(await firstStep(app, kind, email));
  const deviceToken = BY_MAIL.includes(kind) ? undefined : other.deviceToken;
  return { email, userId, asking, other, second, mfaToken, deviceToken };
}

/** What became of it all, in the words of the table. */
async function lookAt(
  app: TestApp,
  { userId, asking, other, second, mfaToken, deviceToken }: Account,
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
  const pending = mfaToken && second && (await complete(app, mfaToken, second)).code;
  const changed = codes.length === 0 ? 'go' : 'new';
  return [
    event.asks ? own : '–',
    others,
    mfaToken === undefined ? '–' : pending === 'OK' ? 'stay' : 'end',
    deviceToken === undefined ? '–' : device === undefined ? 'end' : 'stay',
    rows.length > 0 ? (second === undefined ? 'new' : 'stay') : second === undefined ? '–' : 'go',
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
