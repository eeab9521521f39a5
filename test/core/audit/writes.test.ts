import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createApiKey } from '../../../src/crypto/api-key.ts';
import { COMPLETE_MFA, enrol, REGENERATE, REMOVE_FACTOR } from '../../support/authenticator.ts';
import {
  CHANGE_PASSWORD,
  DELETE_ME,
  LOGIN,
  LOGIN_WITH_CODE,
  LOGOUT,
  login,
  REAUTHENTICATE,
  REFRESH,
  REGISTER,
  REQUEST_EMAIL_CHANGE,
  REQUEST_MAGIC_LINK,
  REQUEST_RESET,
  REQUEST_VERIFICATION,
  RESET_PASSWORD,
  REVOKE,
  refreshed,
  register,
  UPDATE_ME,
  VERIFY_EMAIL,
} from '../../support/documents.ts';
import { type EvilProvider, providerOf, startEvilProvider } from '../../support/evil-provider.ts';
import {
  PAGE as APP_PAGE,
  COMPLETE_EXTERNAL,
  COMPLETE_EXTERNAL_REGISTRATION,
  COMPLETE_LINK,
  comeBack,
  LINK_EXTERNAL,
  REQUEST_EXTERNAL_REGISTRATION,
  START_EXTERNAL,
  UNLINK_EXTERNAL,
} from '../../support/external-logins.ts';
import {
  FINISH_REGISTRATION,
  loginWithPasskey,
  registerPasskey,
  START_REGISTRATION,
} from '../../support/passkeys.ts';
import { postToken } from '../../support/service-accounts.ts';
import { createSoftAuthenticator, type SoftAuthenticator } from '../../support/soft-authenticator.ts';
import { type Answer, describeApp, PASSWORD, START, type TestApp } from '../../support/start-app.ts';

const EMAIL = 'ada@example.com';
const WRONG = 'wrong horse battery staple';
const NEW_PASSWORD = 'another horse altogether';
/** More than any door lets through in a minute. */
const CALLS = 70;
const TABLES = [
  'users',
  'sessions',
  'audit_events',
  'one_time_tokens',
  'mails',
  'throttles',
  'mfa_challenges',
  'spent_passkey_challenges',
  'external_logins',
  'external_starts',
] as const;
type Rows = Partial<Record<(typeof TABLES)[number], number>>;

interface Door {
  readonly door: string;
  /** The most rows that one client makes in a minute: from one network, with one account. */
  readonly rows: Rows;
  readonly bound: string;
  readonly config?: object | (() => object);
  /** Whether the account of the client has a second factor. */
  readonly isEnrolled?: boolean;
  /** The same of a passkey. */
  readonly hasPasskey?: boolean;
  /** Whether the client may act on another account. */
  readonly isOperator?: boolean;
  /** One call of many; `auth` is the newest session of the client. */
  readonly call: (app: TestApp, client: Client, i: number) => Promise<unknown>;
}

interface Client {
  accessToken: string;
  refreshToken: string;
  authenticator?: SoftAuthenticator;
  targetId?: string;
}

const ADMIN_UPDATE = 'mutation ($input: AdminUpdateUserInput!) { adminUpdateUser(input: $input) { id } }';
const ADMIN_IMPERSONATE =
  'mutation ($input: AdminImpersonateInput!) { adminImpersonate(input: $input) { expiresIn } }';

const bearer = ({ accessToken: token }: Client) => ({ token });
const VERIFY = { registration: 'verify' } as const;

/** As a client does that keeps the newest tokens. */
async function keep(client: Client, answer: Promise<{ data: Record<string, Client | null> | null }>) {
  const { data } = await answer;
  const auth = Object.values(data ?? {})[0];
  if (auth != null) Object.assign(client, { accessToken: auth.accessToken, refreshToken: auth.refreshToken });
}

let evil: EvilProvider;
beforeAll(async () => {
  evil = await startEvilProvider(() => START + 60_000);
});
afterAll(() => evil.close());

/** A provider that proves the addresses of example.com. */
const withProvider = (config: object = {}) => ({
  ...config,
  providers: [providerOf('work', { issuer: evil.origin, authoritativeFor: ['example.com'] })],
  redirectOrigins: [new URL(APP_PAGE).origin],
});

/** As far as the network may begin: what the browser brings back, with the verifier. */
async function arrive(app: TestApp, person: { sub: string }, started?: Answer) {
  const begun =
    started ?? (await app.send(START_EXTERNAL, { input: { provider: 'work', redirectTo: APP_PAGE } }));
  const { authorizationUrl, verifier } = Object.values(begun.data ?? {})[0] as Record<string, string>;
  if (authorizationUrl === undefined) return undefined;
  const { code } = await comeBack(app, 'work', evil.authorize(authorizationUrl, person));
  return { code, verifier };
}

const send = (document: string, input: object) => (app: TestApp) => app.send(document, { input });

/** Every mutation and door of the REST side, in the worst way in which a client can use it. */
const DOORS: readonly Door[] = [
  {
    door: '`register`',
    rows: { users: 10, sessions: 10, audit_events: 11, throttles: 1 },
    bound: '10 registrations of a network in 5 minutes',
    call: (app, _, i) => app.send(REGISTER, { input: { email: `u${i}@example.com`, password: PASSWORD } }),
  },
  {
    door: '`register`, addresses verified first',
    rows: { audit_events: 11, one_time_tokens: 10, mails: 10, throttles: 2 },
    bound: '10 registrations of a network in 5 minutes, 10 mails in an hour',
    config: VERIFY,
    call: (app, _, i) => app.send(REGISTER, { input: { email: `u${i}@example.com` } }),
  },
  {
    door: '`login`, `POST /token`: right',
    rows: { sessions: 30, audit_events: 31 },
    bound: '30 checks of a network in a minute',
    call: send(LOGIN, { email: EMAIL, password: PASSWORD }),
  },
  {
    door: '`login`, `POST /token`: wrong, of one account',
    rows: { audit_events: 7, throttles: 3 },
    bound: '5 in a row, then waits',
    call: send(LOGIN, { email: EMAIL, password: WRONG }),
  },
  {
    door: '`login`, `POST /token`: wrong, of many accounts',
    rows: { audit_events: 11, throttles: 30 },
    bound: '10 failures of a network in 5 minutes',
    call: (app, _, i) => app.send(LOGIN, { input: { email: `u${i}@example.com`, password: WRONG } }),
  },
  {
    door: '`login`, `POST /token`: right, of an account with a second factor',
    rows: { audit_events: 31, mfa_challenges: 30 },
    bound: '30 checks of a network in a minute',
    isEnrolled: true,
    call: send(LOGIN, { email: EMAIL, password: PASSWORD }),
  },
  {
    door: '`completeMfaLogin`: wrong, each after a right `login`',
    rows: { audit_events: 42, mfa_challenges: 30, throttles: 2 },
    bound: '30 checks of a network in a minute, 10 wrong codes of an account in 15 minutes',
    isEnrolled: true,
    call: async (app) => {
      const { errors } = await app.send(LOGIN, { input: { email: EMAIL, password: PASSWORD } });
      const mfaToken = errors?.[0]?.extensions.mfaToken;
      if (mfaToken) await app.send(COMPLETE_MFA, { input: { mfaToken, totpCode: '000000' } });
    },
  },
  {
    door: '`completeMfaLogin`, `requestFactorReset`: what is no token',
    rows: { audit_events: 1 },
    bound: '30 of a network in 5 minutes, then one event',
    call: send(COMPLETE_MFA, { mfaToken: `lkm_${'A'.repeat(43)}`, totpCode: '000000' }),
  },
  {
    door: '`regenerateRecoveryCodes`, after an enrolment',
    rows: { audit_events: 59, mails: 9 },
    bound: '60 of an account in 5 minutes, in each process; 10 notices to an address in an hour',
    isEnrolled: true,
    call: (app, client) => app.send(REGENERATE, {}, bearer(client)),
  },
  {
    door: '`loginWithPasskey`: right',
    rows: { sessions: 30, audit_events: 30, throttles: 1, spent_passkey_challenges: 30 },
    bound: '30 right passkeys of an account in a minute',
    hasPasskey: true,
    call: async (app, { authenticator }) => authenticator && loginWithPasskey(app, authenticator),
  },
  {
    door: '`loginWithPasskey`: refused',
    rows: { audit_events: 31 },
    bound: '30 of a network in 5 minutes, then one event',
    hasPasskey: true,
    call: async (app, { authenticator }) =>
      authenticator &&
      loginWithPasskey(app, authenticator, { tamper: { signature: () => Buffer.alloc(70) } }),
  },
  {
    door: '`finishPasskeyRegistration` and `removeFactor`, in turn',
    rows: { sessions: 29, audit_events: 59, mails: 9 },
    bound:
      '60 registrations of an account in 5 minutes, begun and finished; 10 notices to an address in an hour',
    hasPasskey: true,
    async call(app, client) {
      const started = await app.send(START_REGISTRATION, {}, bearer(client));
      if (!started.data) return;
      const input = createSoftAuthenticator().create(started.data.startPasskeyRegistration);
      const { data } = await app.send(FINISH_REGISTRATION, { input }, bearer(client));
      if (!data) return;
      const { factor, auth } = data.finishPasskeyRegistration;
      client.accessToken = auth.accessToken;
      await app.send(REMOVE_FACTOR, { input: { id: factor.id } }, bearer(client));
    },
  },
  {
    door: '`refreshToken`, `POST /token/refresh`',
    rows: {},
    bound: 'a refresh changes its row',
    call: (app, client) => keep(client, app.send(REFRESH, { input: { refreshToken: client.refreshToken } })),
  },
  {
    door: '`refreshToken`: what is no token',
    rows: {},
    bound: '150 of a network in 5 minutes, then one event',
    call: send(REFRESH, { refreshToken: 'lkr_' }),
  },
  {
    door: '`POST /token`: API keys that do not work',
    rows: { audit_events: 1 },
    bound: '30 of a network in 5 minutes, then one event',
    call: (app) =>
      postToken(app, {
        grant_type: 'client_credentials',
        client_id: 'svc_x',
        client_secret: createApiKey().text,
      }),
  },
  {
    door: '`logout`, `revokeSession`',
    rows: { audit_events: 1 },
    bound: 'one event for each session that ends',
    call: async (app, client) => {
      await app.send(REVOKE, { input: { id: 'none' } }, bearer(client));
      await app.send(LOGOUT, { input: { scope: 'OTHERS' } }, bearer(client));
      await app.send(LOGOUT, {}, bearer(client));
    },
  },
  {
    door: '`reauthenticate`, `changePassword`: right',
    rows: { sessions: 30, audit_events: 31, throttles: 1 },
    bound: '30 right proofs of an account in a minute',
    call: (app, client) =>
      keep(client, app.send(REAUTHENTICATE, { input: { password: PASSWORD } }, bearer(client))),
  },
  {
    door: '`reauthenticate`, `changePassword`, `deleteMe`, `requestEmailChange`: wrong',
    rows: { audit_events: 6, throttles: 2 },
    bound: '5 in a row of a session, then waits',
    call: (app, client, i) => {
      const [document, input] = [
        [REAUTHENTICATE, { password: WRONG }],
        [CHANGE_PASSWORD, { currentPassword: WRONG, newPassword: NEW_PASSWORD }],
        [DELETE_ME, { password: WRONG }],
        [REQUEST_EMAIL_CHANGE, { newEmail: 'new@example.com', password: WRONG }],
      ][i % 4] as [string, object];
      return app.send(document, { input }, bearer(client));
    },
  },
  {
    door: '`updateMe`',
    rows: { audit_events: 61 },
    bound: '60 of an account in 5 minutes, in each process',
    call: (app, client, i) => app.send(UPDATE_ME, { input: { name: `Ada ${i}` } }, bearer(client)),
  },
  {
    door: '`admin…`, of an operator',
    rows: { audit_events: 61 },
    bound: '60 changes of an operator in 5 minutes, in each process',
    isOperator: true,
    call: (app, client, i) => {
      const input = { userId: client.targetId, name: `Ada ${i}` };
      return app.send(ADMIN_UPDATE, { input }, bearer(client));
    },
  },
  {
    door: '`adminImpersonate`, of an operator',
    rows: { sessions: 60, audit_events: 121, mails: 10, throttles: 1 },
    bound: '60 changes of an operator in 5 minutes, in each process; 10 notices to an address in an hour',
    isOperator: true,
    call: (app, client) => {
      const input = { userId: client.targetId, reason: 'a ticket' };
      return app.send(ADMIN_IMPERSONATE, { input }, bearer(client));
    },
  },
  {
    door: '`requestPasswordReset`, `requestMagicLink`, `requestEmailVerification`',
    rows: { audit_events: 11, one_time_tokens: 10, mails: 10, throttles: 1 },
    bound: '10 mails of a network in an hour',
    config: { magicLinks: true },
    call: (app, _, i) => {
      const document = [REQUEST_RESET, REQUEST_MAGIC_LINK, REQUEST_VERIFICATION][i % 3] ?? REQUEST_RESET;
      return app.send(document, { input: { email: `u${i}@example.com` } });
    },
  },
  {
    door: '`requestEmailChange`',
    rows: { audit_events: 11, one_time_tokens: 1, mails: 20, throttles: 5 },
    bound: '10 mails of a network in an hour; the newest token takes the place of the one before',
    call: (app, client, i) =>
      app.send(
        REQUEST_EMAIL_CHANGE,
        { input: { newEmail: `u${i}@example.com`, password: PASSWORD } },
        bearer(client),
      ),
  },
  {
    door: '`verifyEmail`, `resetPassword`, `confirmEmailChange`, `undoEmailChange`, `loginWithMagicLink`: what is no token',
    rows: { audit_events: 1 },
    bound: '30 of a network in 5 minutes, then one event',
    call: async (app) => {
      const token = `lko_${'A'.repeat(43)}`;
      await app.send(VERIFY_EMAIL, { input: { token, password: PASSWORD } });
      await app.send(RESET_PASSWORD, { input: { token, newPassword: NEW_PASSWORD } });
    },
  },
  {
    door: '`loginWithEmailCode`: wrong',
    rows: { audit_events: 6, throttles: 1 },
    bound: '5 in a row, then waits',
    config: { magicLinks: true },
    call: send(LOGIN_WITH_CODE, { email: EMAIL, code: '00000000' }),
  },
  {
    door: '`startExternalLogin`',
    rows: { audit_events: 1, throttles: 1, external_starts: 30 },
    bound: '30 starts of a network in a minute',
    config: withProvider,
    call: send(START_EXTERNAL, { provider: 'work', redirectTo: APP_PAGE }),
  },
  {
    door: '`/external/callback`: refused',
    rows: { audit_events: 31, throttles: 1 },
    bound: '30 starts of a network in a minute',
    config: withProvider,
    call: async (app) => {
      const { data } = await app.send(START_EXTERNAL, { input: { provider: 'work', redirectTo: APP_PAGE } });
      const url = new URL(data?.startExternalLogin.authorizationUrl ?? 'http://x');
      const state = url.searchParams.get('state') ?? '';
      if (state !== '') await comeBack(app, 'work', { state, error: 'access_denied' });
    },
  },
  {
    door: '`completeExternalLogin`: each a new person',
    rows: {
      ...{ users: 10, sessions: 10, audit_events: 12, throttles: 2, external_logins: 10 },
      external_starts: 20,
    },
    bound: '10 new accounts of a network in 5 minutes, 30 starts in a minute',
    config: withProvider,
    call: async (app, _, i) => {
      const person = { sub: `u${i}`, email: `u${i}@example.com`, email_verified: true };
      const input = await arrive(app, person).catch(() => undefined);
      if (input !== undefined) await app.send(COMPLETE_EXTERNAL, { input });
    },
  },
  {
    door: '`requestExternalRegistration`, each of a new registration',
    rows: { audit_events: 12, one_time_tokens: 10, mails: 10, throttles: 12, external_starts: 30 },
    bound: '30 starts of a network in a minute, 10 mails in an hour',
    config: withProvider,
    call: async (app, _, i) => {
      const input = await arrive(app, { sub: `u${i}` }).catch(() => undefined);
      if (input === undefined) return;
      const { data } = await app.send(COMPLETE_EXTERNAL, { input });
      const { registrationToken } = data.completeExternalLogin;
      const request = { registrationToken, email: `u${i}@example.com` };
      await app.send(REQUEST_EXTERNAL_REGISTRATION, { input: request });
    },
  },
  {
    door: '`completeExternalRegistration`: wrong',
    rows: { audit_events: 12, throttles: 1, external_starts: 30 },
    bound: '10 failures of a network in 5 minutes',
    config: withProvider,
    call: async (app, _, i) => {
      const input = await arrive(app, { sub: `u${i}` }).catch(() => undefined);
      if (input === undefined) return;
      const { data } = await app.send(COMPLETE_EXTERNAL, { input });
      const { registrationToken } = data.completeExternalLogin;
      await app.send(COMPLETE_EXTERNAL_REGISTRATION, { input: { registrationToken, code: '00000000' } });
    },
  },
  {
    door: '`/external/callback`, `completeExternalLogin`, `requestExternalRegistration`: what is no state, code or token',
    rows: { audit_events: 1 },
    bound: '30 of a network in 5 minutes, then one event',
    config: withProvider,
    call: async (app) => {
      await comeBack(app, 'work', { state: 'A'.repeat(48) });
      await app.send(COMPLETE_EXTERNAL, { input: { code: `lke_${'A'.repeat(43)}` } });
      const input = { registrationToken: `lkn_${'A'.repeat(43)}`, email: EMAIL };
      await app.send(REQUEST_EXTERNAL_REGISTRATION, { input });
    },
  },
  {
    door: '`completeExternalLink`, `unlinkExternalLogin`',
    rows: { audit_events: 61, mails: 10, throttles: 2 },
    bound: '30 starts of a network in a minute; 10 notices to an address in an hour',
    config: withProvider,
    call: async (app, client) => {
      const begin = { provider: 'work', redirectTo: APP_PAGE };
      const started = await app.send(LINK_EXTERNAL, { input: begin }, bearer(client));
      const input = await arrive(app, { sub: 'ada' }, started).catch(() => undefined);
      if (input === undefined) return;
      const { data } = await app.send(COMPLETE_LINK, { input }, bearer(client));
      const [{ id }] = data.completeExternalLink.externalLogins;
      await app.send(UNLINK_EXTERNAL, { input: { id } }, bearer(client));
    },
  },
];

const PAGE = readFileSync(new URL('../../../docs/writes.md', import.meta.url), 'utf8');

describeApp('what one client writes in a minute', (start) => {
  it.each(DOORS)(
    'the rows that one client makes in a minute are bounded: $door',
    async ({ config = {}, rows, isEnrolled = false, hasPasskey = false, isOperator = false, call }) => {
      const settings = typeof config === 'function' ? config() : config;
      const app = await start({ config: settings, fetchOfProviders: evil.fetch });
      await app.admin.createUser({ email: EMAIL, password: PASSWORD });
      const registered = await login(app);
      const client: Client = isEnrolled
        ? (await enrol(app, registered.accessToken)).auth
        : hasPasskey
          ? await withPasskey(app, registered.accessToken)
          : isOperator
            ? await asOperator(app)
            : registered;
      // Mail that is sent leaves no row.
      await app.mail.close();
      app.clock.travel(60_000);
      const before = await countRows(app);
      for (let i = 0; i < CALLS; i += 1) await call(app, client, i);
      const after = await countRows(app);
      const made = Object.fromEntries(
        TABLES.map((table) => [table, (after[table] ?? 0) - (before[table] ?? 0)]).filter(([, n]) => n !== 0),
      );
      expect(made).toEqual(rows);
    },
  );

  it('retries of one refresh token write at most ten audit events, though each has another user agent', async () => {
    const app = await start();
    const { refreshToken } = await register(app);
    await refreshed(app, refreshToken);
    const before = await countRows(app);
    for (let i = 0; i < CALLS; i += 1)
      await app.send(REFRESH, { input: { refreshToken } }, { userAgent: `curl/${i}` });
    const after = await countRows(app);
    expect((after.audit_events ?? 0) - (before.audit_events ?? 0)).toBe(10);
  });
});

it('docs/writes.md has the bounds that are tested', () => {
  const lines = DOORS.map(
    ({ door, rows, bound }) =>
      `| ${[door, ...TABLES.map((table) => String(rows[table] ?? '')), bound].join(' | ')} |`,
  );
  const missing = lines.filter((line) => !PAGE.includes(line));
  expect(missing).toEqual([]);
});

async function withPasskey(app: TestApp, token: string): Promise<Client> {
  const { auth, authenticator } = await registerPasskey(app, token);
  return { accessToken: auth.accessToken, refreshToken: auth.refreshToken, authenticator };
}

async function asOperator(app: TestApp): Promise<Client> {
  const { id: targetId } = await app.admin.createUser({ email: 'target@example.com', password: PASSWORD });
  await app.roles.grant(EMAIL, ['admin']);
  return { ...(await login(app)), targetId };
}

async function countRows(app: TestApp): Promise<Rows> {
  const counts = await Promise.all(TABLES.map((table) => app.database.all(`SELECT 1 AS one FROM ${table}`)));
  return Object.fromEntries(TABLES.map((table, i) => [table, counts[i]?.length ?? 0]));
}
