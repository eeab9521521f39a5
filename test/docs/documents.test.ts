import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Kind, type OperationDefinitionNode, parse, print } from 'graphql';
import { authenticatorOf, type Enrolled, enrol, mfaTokenOf, START_TOTP } from '../support/authenticator.ts';
import { type Auth, LOGIN, login, register } from '../support/documents.ts';
import { type EvilProvider, providerOf, startEvilProvider } from '../support/evil-provider.ts';
import {
  type Begun,
  begin,
  beginLink,
  linkTo,
  loginBy,
  PAGE,
  REQUEST_EXTERNAL_REGISTRATION,
  registrationOf,
  visit,
} from '../support/external-logins.ts';
import { mailedCode, mailedToken } from '../support/letters.ts';
import { operator } from '../support/operators.ts';
import { readPages } from '../support/pages.ts';
import { registerPasskey, startLogin, startRegistration } from '../support/passkeys.ts';
import { CREATE_ACCOUNT, CREATE_KEY } from '../support/service-accounts.ts';
import { createSoftAuthenticator } from '../support/soft-authenticator.ts';
import { describeApp, PASSWORD, START, type TestApp } from '../support/start-app.ts';

const EMAIL = 'ada@example.com';
const NEW_PASSWORD = 'staple battery horse correct';
const NEW_EMAIL = 'countess@example.com';

let evil: EvilProvider;
beforeAll(async () => {
  evil = await startEvilProvider(() => START);
});
afterAll(() => evil.close());

/** What comes back of a login at the provider, or of a link. */
async function arrival(app: TestApp, begun: Begun): Promise<object> {
  const { code } = await visit(app, evil, begun, { sub: 'ada' });
  return { input: { code, verifier: begun.verifier } };
}

/**
 * What an operation of the pages needs before it, and the variables that it is sent with. `token` is the access token
 * where that of the registration works no more.
 */
type Prepare = (app: TestApp, auth: Auth) => Promise<object> | object;

const ofInput = (input: object) => () => ({ input });

/** How each operation of the pages is run, by its name. */
const OPERATIONS: Readonly<Record<string, Prepare>> = {
  Register: ofInput({ email: 'grace@example.com', password: PASSWORD }),
  Login: ofInput({ email: EMAIL, password: PASSWORD }),
  LoginForLess: ofInput({ email: EMAIL, password: PASSWORD, scope: [] }),
  LoginWithCookie: () => ({ email: EMAIL, password: PASSWORD }),
  RefreshToken: (_app, { refreshToken }) => ({ input: { refreshToken } }),
  RefreshByCookie: () => ({}),
  Me: () => ({}),
  MyRoles: () => ({}),
  Sessions: () => ({}),
  UpdateMe: ofInput({ name: 'Ada' }),
  DeleteMe: ofInput({ password: PASSWORD }),
  ChangePassword: ofInput({ currentPassword: PASSWORD, newPassword: NEW_PASSWORD }),
  Reauthenticate: ofInput({ password: PASSWORD }),
  Logout: ofInput({ scope: 'ALL' }),
  RevokeSession: async (app) => ({ input: { id: (await login(app)).session.id } }),
  RequestEmailVerification: ofInput({ email: EMAIL }),
  VerifyEmail: async (app, { accessToken }) => {
    await run(app, 'RequestEmailVerification', { input: { email: EMAIL } }, accessToken);
    return { input: { token: await mailedToken(app, '/verify-email') } };
  },
  RequestPasswordReset: ofInput({ email: EMAIL }),
  ResetPassword: async (app) => {
    await run(app, 'RequestPasswordReset', { input: { email: EMAIL } });
    return { input: { token: await mailedToken(app, '/reset-password'), newPassword: NEW_PASSWORD } };
  },
  RequestEmailChange: ofInput({ newEmail: NEW_EMAIL, password: PASSWORD }),
  ConfirmEmailChange: async (app, { accessToken }) => {
    await run(app, 'RequestEmailChange', { input: { newEmail: NEW_EMAIL, password: PASSWORD } }, accessToken);
    return { input: { token: await mailedToken(app, '/confirm-email', NEW_EMAIL) } };
  },
  UndoEmailChange: async (app, auth) => {
    const { accessToken } = auth;
    // An address that was never verified gets no such link.
    const verify = await OPERATIONS.VerifyEmail?.(app, auth);
    await run(app, 'VerifyEmail', verify ?? {}, accessToken);
    const confirm = await OPERATIONS.ConfirmEmailChange?.(app, auth);
    await run(app, 'ConfirmEmailChange', confirm ?? {}, accessToken);
    return { input: { token: await mailedToken(app, '/undo-email-change') } };
  },
  CompleteMfaLogin: async (app, auth) => {
    const account = await enrolled(app, auth);
    return { input: { mfaToken: await pendingLogin(app), totpCode: account.nextCode() } };
  },
  StartTotpEnrolment: () => ({}),
  ConfirmTotpEnrolment: async (app, { accessToken: token }) => {
    const { data } = await app.send(START_TOTP, {}, { token });
    const { secret } = data.startTotpEnrolment;
    return { input: { code: authenticatorOf(secret).codeAt(app.clock.now()), name: 'phone' } };
  },
  StartPasskeyRegistration: () => ({}),
  FinishPasskeyRegistration: async (app, { accessToken }) => ({
    input: createSoftAuthenticator().create(await startRegistration(app, accessToken)),
  }),
  StartPasskeyLogin: () => ({}),
  LoginWithPasskey: async (app, { accessToken }) => {
    const { authenticator } = await registerPasskey(app, accessToken);
    return { input: { passkey: authenticator.get(await startLogin(app)) } };
  },
  StartPasskeyChallenge: async (app, { accessToken }) => {
    await registerPasskey(app, accessToken);
    return { input: { mfaToken: await pendingLogin(app) } };
  },
  SecondFactors: () => ({}),
  RenameFactor: async (app, auth) => {
    const account = await enrolled(app, auth);
    return { token: account.auth.accessToken, input: { id: account.factorId, name: 'phone' } };
  },
  RegenerateRecoveryCodes: async (app, auth) => ({ token: (await enrolled(app, auth)).auth.accessToken }),
  RemoveFactor: async (app, auth) => {
    const account = await enrolled(app, auth);
    return { token: account.auth.accessToken, input: { id: account.factorId } };
  },
  RemovePassword: async (app) => {
    await app.database.run('UPDATE users SET email_verified_at = 1');
    return { input: { password: PASSWORD } };
  },
  RequestFactorReset: async (app, auth) => {
    await enrolled(app, auth);
    await app.database.run('UPDATE users SET email_verified_at = 1');
    return { input: { mfaToken: await pendingLogin(app) } };
  },
  CancelFactorReset: () => ({}),
  ExternalProviders: () => ({}),
  StartExternalLogin: ofInput({ provider: 'work', redirectTo: PAGE }),
  CompleteExternalLogin: async (app) => arrival(app, await begin(app)),
  RequestExternalRegistration: async (app) => {
    const registrationToken = registrationOf(await loginBy(app, evil, { sub: 'ada' }));
    return { input: { registrationToken, email: NEW_EMAIL } };
  },
  CompleteExternalRegistration: async (app) => {
    const registrationToken = registrationOf(await loginBy(app, evil, { sub: 'ada' }));
    await app.send(REQUEST_EXTERNAL_REGISTRATION, { input: { registrationToken, email: NEW_EMAIL } });
    return { input: { registrationToken, code: await mailedCode(app, NEW_EMAIL) } };
  },
  LinkExternalLogin: ofInput({ provider: 'work', redirectTo: PAGE }),
  CompleteExternalLink: async (app, { accessToken }) => arrival(app, await beginLink(app, accessToken)),
  ExternalLogins: () => ({}),
  UnlinkExternalLogin: async (app, { accessToken }) => {
    const { data } = await linkTo(app, evil, accessToken, { sub: 'ada' });
    return { input: { id: data.completeExternalLink.externalLogins[0].id } };
  },
  ServiceAccounts: async (app) => ({ token: (await serviceAccount(app)).token }),
  CreateServiceAccount: async (app) => ({
    token: (await serviceAccount(app)).token,
    input: { name: 'reports' },
  }),
  CreateApiKey: async (app) => {
    const { token, id } = await serviceAccount(app);
    return { token, input: { serviceAccountId: id, scope: ['latchkey:users:read'] } };
  },
  RevokeApiKey: async (app) => {
    const { token, id } = await serviceAccount(app);
    const input = { serviceAccountId: id, scope: ['latchkey:users:read'] };
    const { data } = await app.send(CREATE_KEY, { input }, { token });
    return { token, input: { id: data.adminCreateApiKey.apiKey.id } };
  },
  DisableServiceAccount: async (app) => {
    const { token, id } = await serviceAccount(app);
    return { token, input: { id } };
  },
  EnableServiceAccount: async (app) => {
    const { token, id } = await serviceAccount(app);
    return { token, input: { id } };
  },
  RequestMagicLink: ofInput({ email: EMAIL }),
  LoginWithMagicLink: async (app) => {
    await run(app, 'RequestMagicLink', { input: { email: EMAIL } });
    return { input: { token: await mailedToken(app, '/magic-link') } };
  },
  LoginWithEmailCode: async (app) => {
    await run(app, 'RequestMagicLink', { input: { email: EMAIL } });
    return { input: { email: EMAIL, code: await mailedCode(app) } };
  },
  AdminUsers: byOperator(() => ({ first: 20, filter: { text: 'ada' } })),
  AdminUser: byOperator((id) => ({ id })),
  AdminCreateUser: byOperator(() => ({ input: { email: NEW_EMAIL } })),
  AdminUpdateUser: byOperator((userId) => ({ input: { userId, name: 'Ada' } })),
  AdminSetRoles: byOperator((userId) => ({ input: { userId, roles: ['admin'] } })),
  AdminSetMetadata: byOperator((userId) => ({ input: { userId, metadata: { tenant: 'acme' } } })),
  AdminSendPasswordReset: byOperator((userId) => ({ input: { userId } })),
  AdminUnlockAccount: byOperator((userId) => ({ input: { userId } })),
  AdminRemoveFactors: async (app, auth) => {
    await enrolled(app, auth);
    return byOperator((userId) => ({ input: { userId } }))(app, auth);
  },
  AdminEndSessions: byOperator((userId) => ({ input: { userId } })),
  AdminDisableUser: byOperator((userId) => ({ input: { userId } })),
  AdminEnableUser: byOperator((userId) => ({ input: { userId } })),
  AdminDeleteUser: byOperator((userId) => ({ input: { userId } })),
  AdminImpersonate: byOperator((userId) => ({ input: { userId, reason: 'ticket 42' } })),
  AdminAuditEvents: byOperator((userId) => ({ filter: { userId } })),
  AdminStats: byOperator(() => ({ from: new Date(START), to: new Date(START + 86_400_000) })),
};

/** An operator's access token, and a service account. */
async function serviceAccount(app: TestApp): Promise<{ token: string; id: string }> {
  const { token } = await operator(app);
  const { data } = await app.send(CREATE_ACCOUNT, { input: { name: 'billing' } }, { token });
  return { token, id: data.adminCreateServiceAccount.id };
}

/** Sent with the token of an operator, for the account of the registration. */
function byOperator(variablesOf: (userId: string) => object): Prepare {
  return async (app, { user }) => ({ token: (await operator(app)).token, ...variablesOf(user.id) });
}

function enrolled(app: TestApp, { accessToken }: Auth): Promise<Enrolled> {
  return enrol(app, accessToken);
}

async function pendingLogin(app: TestApp): Promise<string> {
  return mfaTokenOf(await app.send(LOGIN, { input: { email: EMAIL, password: PASSWORD } }));
}

const operations = readPages()
  .flatMap(({ blocks }) => blocks)
  .filter(({ language }) => language === 'graphql')
  .flatMap(({ page, text }) =>
    parse(text)
      .definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION)
      .map((definition) => ({ page, name: nameOf(definition), text: print(definition) })),
  );

function nameOf({ name }: OperationDefinitionNode): string {
  if (name === undefined) throw new Error('An operation of a page has no name');
  return name.value;
}

async function run(app: TestApp, name: string, variables: object, token?: string): Promise<unknown> {
  const text = operations.find((operation) => operation.name === name)?.text ?? '';
  const { data, body } = await app.send(text, variables, { token, headers: { origin: app.config.issuer } });
  if (!data) throw new Error(`${name} answered ${body}`);
  return data;
}

describeApp('the operations of the pages', (start) => {
  it.each(operations.map(({ page, name }) => [name, page] as const))(
    'the operation %s of %s runs without an error',
    async (name) => {
      const providers = [providerOf('work', { issuer: evil.origin })];
      const redirectOrigins = [new URL(PAGE).origin];
      const app = await start({
        fetchOfProviders: evil.fetch,
        config: { magicLinks: true, cookies: true, factorResetSeconds: 86_400, providers, redirectOrigins },
      });
      const auth = await register(app);
      const cookie = await cookieOf(app);
      const prepared: { token?: string } = (await OPERATIONS[name]?.(app, auth)) ?? {};
      const { token = auth.accessToken, ...variables } = prepared;
      const { text } = operations.find((operation) => operation.name === name) ?? { text: '' };
      const headers = { origin: app.config.issuer, ...(name === 'RefreshByCookie' && { cookie }) };
      const { code, body } = await app.send(text, variables, { token, headers });
      expect({ code, body }).toEqual({ code: 'OK', body: expect.stringContaining('"data":{') });
    },
  );
});

it('the operations of the pages are exactly those that this test prepares', () => {
  expect(operations.map(({ name }) => name).sort()).toEqual(Object.keys(OPERATIONS).sort());
});

/** What a browser keeps after a login with `delivery: COOKIE`. */
async function cookieOf(app: TestApp): Promise<string> {
  const input = { email: EMAIL, password: PASSWORD, delivery: 'COOKIE' };
  const { headers } = await app.send(LOGIN, { input }, { headers: { origin: app.config.issuer } });
  return [headers['set-cookie']]
    .flat()
    .map((line) => String(line).split(';')[0])
    .join('; ');
}
