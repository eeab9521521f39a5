import { inspect } from 'node:util';
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { expect, it } from '@jest/globals';
import { apolloLink } from '../../packages/client/src/apollo.ts';
import {
  type AuthClient,
  type AuthClientError,
  type AuthClientOptions,
  createAuthClient,
} from '../../packages/client/src/client.ts';
import { authenticatorOf } from '../support/authenticator.ts';
import { eventsOf } from '../support/events.ts';
import { mailedCode, mailedToken } from '../support/letters.ts';
import { describeApp, PASSWORD, type TestApp } from '../support/start-app.ts';
import { injectFetch } from './support/inject-fetch.ts';
import { codeOf } from './support/scripted-server.ts';

const ADA = { email: 'ada@example.com', password: PASSWORD };
const ORIGIN = 'https://app.example.com';

function clientOf(app: TestApp, options: Partial<AuthClientOptions> = {}) {
  const { fetch, cookies } = injectFetch(app, options.tokens === 'cookie' ? { origin: ORIGIN } : {});
  const auth = createAuthClient({
    url: 'http://localhost:4000/graphql',
    tokens: 'memory',
    fetch,
    ...options,
  });
  return { auth, cookies, fetch };
}

/** The app of a new second factor. */
async function enrolWith(app: TestApp, auth: AuthClient) {
  const { secret } = await auth.startTotpEnrolment();
  app.clock.travel(30_000);
  return auth.confirmTotpEnrolment({ code: authenticatorOf(secret).codeAt(app.clock.now()) });
}

const refusedWith = (promise: Promise<unknown>) =>
  promise.then(
    () => {
      throw new Error('It was not refused');
    },
    (error: AuthClientError) => error,
  );

const generations = (app: TestApp) =>
  app.database.all<{ generation: number }>('SELECT generation FROM sessions', {});

describeApp('the client of a server', (start) => {
  it('a user registers, stays signed in past the end of a token, and leaves', async () => {
    const app = await start();
    const { auth } = clientOf(app);
    const { auth: answer, verificationRequired } = await auth.register({ ...ADA, name: 'Ada' });
    expect(verificationRequired).toBe(false);
    expect(answer?.user).toMatchObject({ email: ADA.email, name: 'Ada', emailVerified: false, roles: [] });
    expect(answer).not.toHaveProperty('refreshToken');
    app.clock.travel(3_600_000);
    const users = await Promise.all(Array.from({ length: 30 }, () => auth.me()));
    expect(new Set(users.map(({ id }) => id))).toEqual(new Set([answer?.user.id]));
    expect((await generations(app)).map(({ generation }) => Number(generation))).toEqual([1]);
    expect(await auth.session()).toMatchObject({ id: answer?.session.id, current: true });
    expect(await auth.sessions()).toHaveLength(1);
    expect(await auth.logout()).toEqual({ revokedSessions: 1 });
    expect(auth.state.status).toBe('signedOut');
    expect(await codeOf(auth.me())).toBe('UNAUTHENTICATED');
  });

  it('what a user changes is in the state, and new tokens are taken over', async () => {
    const app = await start();
    const { auth } = clientOf(app);
    await auth.register(ADA);
    await auth.updateMe({ name: 'Countess' });
    expect(auth.state.user?.name).toBe('Countess');
    const before = await auth.getAccessToken();
    await auth.reauthenticate({ password: PASSWORD });
    const newPassword = 'another long horse battery';
    app.clock.travel(3_600_000);
    await auth.changePassword({ currentPassword: PASSWORD, newPassword });
    expect(await auth.getAccessToken()).not.toBe(before);
    expect(await auth.sessions()).toHaveLength(1);
    const other = clientOf(app).auth;
    expect(await codeOf(other.login(ADA))).toBe('INVALID_CREDENTIALS');
    app.clock.travel(3_600_000);
    await other.login({ ...ADA, password: newPassword });
    app.clock.travel(3_600_000);
    expect(await other.logout({ scope: 'ALL' })).toEqual({ revokedSessions: 2 });
    await auth.login({ ...ADA, password: newPassword });
    const { session } = await other.login({ ...ADA, password: newPassword, deviceName: 'Phone' });
    expect(session.deviceName).toBe('Phone');
    expect(await auth.logout({ scope: 'OTHERS' })).toEqual({ revokedSessions: 1 });
    expect(await codeOf(other.me())).toBe('UNAUTHENTICATED');
    expect(other.state.status).toBe('signedOut');
    await auth.deleteMe({ password: newPassword });
    expect(auth.state.status).toBe('signedOut');
    expect(await codeOf(auth.login({ ...ADA, password: newPassword }))).toBe('INVALID_CREDENTIALS');
  });

  it('a login with a second factor waits for its code, and the first factor brings codes', async () => {
    const app = await start();
    const { auth } = clientOf(app);
    await auth.register(ADA);
    expect(await auth.mfa()).toEqual({ enabled: false, factors: [], recoveryCodesLeft: 0, resetAt: null });
    const { secret } = await auth.startTotpEnrolment();
    const authenticator = authenticatorOf(secret);
    const totpCode = () => {
      app.clock.travel(30_000);
      return authenticator.codeAt(app.clock.now());
    };
    const before = auth.accessToken;
    const { factor, recoveryCodes, auth: signedIn } = await auth.confirmTotpEnrolment({ code: totpCode() });
    expect(factor.kind).toBe('TOTP');
    expect(recoveryCodes).toHaveLength(10);
    expect(Object.keys(signedIn).sort()).toEqual(['scope', 'session', 'user']);
    expect(signedIn.session.amr).toEqual(['pwd', 'otp', 'mfa']);
    expect(auth.accessToken).not.toBe(before);
    expect(await auth.mfa()).toMatchObject({ enabled: true, factors: [factor], recoveryCodesLeft: 10 });
    expect(await auth.renameFactor({ id: factor.id, name: 'Phone' })).toMatchObject({ name: 'Phone' });

    const other = clientOf(app).auth;
    const pending = await refusedWith(other.login({ ...ADA, deviceName: 'Laptop' }));
    expect(pending.code).toBe('MFA_REQUIRED');
    expect(pending.mfa).toMatchObject({
      token: expect.stringMatching(/^lkm_/),
      factors: ['TOTP', 'RECOVERY_CODE'],
    });
    expect(Date.parse(pending.mfa?.expiresAt ?? '')).toBe(app.clock.now() + 300_000);
    expect(other.state.status).toBe('signedOut');
    const mfaToken = pending.mfa?.token ?? '';
    expect(JSON.stringify(pending) + inspect(pending, { depth: 9 })).not.toContain(mfaToken);
    expect(await codeOf(other.completeMfaLogin({ mfaToken, recoveryCode: 'AAAA-BBBB' }))).toBe(
      'INVALID_CODE',
    );
    const { session } = await other.completeMfaLogin({ mfaToken, recoveryCode: recoveryCodes?.[0] ?? '' });
    expect(session).toMatchObject({ deviceName: 'Laptop', amr: ['pwd', 'otp', 'mfa'] });
    expect(other.state.status).toBe('signedIn');
    expect((await other.mfa()).recoveryCodesLeft).toBe(9);

    const owed = await refusedWith(other.reauthenticate({ password: PASSWORD }));
    expect(owed.mfa).toEqual({ token: undefined, factors: ['TOTP', 'RECOVERY_CODE'], expiresAt: undefined });
    await other.reauthenticate({ password: PASSWORD, totpCode: totpCode() });
    const { recoveryCodes: fresh } = await other.regenerateRecoveryCodes();
    expect(fresh).toHaveLength(10);
    expect(await codeOf(other.removePassword())).toBe('LAST_CREDENTIAL');
    await other.removeFactor({ id: factor.id });
    expect((await other.mfa()).enabled).toBe(false);
    expect(await codeOf(auth.me())).toBe('UNAUTHENTICATED');
  });

  it('an owner who lost the factor asks for its removal, and any session cancels it', async () => {
    const app = await start({ config: { factorResetSeconds: 72 * 3_600 } });
    const { auth } = clientOf(app);
    await auth.register(ADA);
    await auth.requestEmailVerification({ email: ADA.email });
    await auth.verifyEmail({ token: await mailedToken(app, '/verify-email') });
    await enrolWith(app, auth);
    const { mfa } = await refusedWith(clientOf(app).auth.login(ADA));
    const { expiresIn } = await clientOf(app).auth.requestFactorReset({ mfaToken: mfa?.token ?? '' });
    expect(expiresIn).toBe(72 * 3_600);
    expect(await auth.mfa()).toMatchObject({
      resetAt: new Date(app.clock.now() + expiresIn * 1_000).toISOString(),
    });
    await auth.cancelFactorReset();
    expect((await auth.mfa()).resetAt).toBeNull();
  });

  it('every link of a mail works', async () => {
    const app = await start({ config: { magicLinks: true } });
    const { auth } = clientOf(app);
    await auth.register(ADA);
    await auth.requestEmailVerification({ email: ADA.email });
    expect(await auth.verifyEmail({ token: await mailedToken(app, '/verify-email') })).toBeNull();
    expect(await auth.me()).toMatchObject({ emailVerified: true });
    expect(auth.state.user?.emailVerified).toBe(true);

    const newEmail = 'countess@example.com';
    await auth.requestEmailChange({ newEmail, password: PASSWORD });
    await auth.confirmEmailChange({ token: await mailedToken(app, '/confirm-email', newEmail) });
    expect((await auth.me()).email).toBe(newEmail);
    const token = await mailedToken(app, '/undo-email-change');
    expect((await auth.undoEmailChange({ token })).revokedSessions).toBe(1);
    expect(await codeOf(auth.me())).toBe('UNAUTHENTICATED');

    await auth.requestPasswordReset({ email: ADA.email });
    const reset = { token: await mailedToken(app, '/reset-password'), newPassword: PASSWORD };
    expect((await auth.resetPassword(reset)).revokedSessions).toBe(0);
    await auth.requestMagicLink({ email: ADA.email });
    const link = { token: await mailedToken(app, '/magic-link') };
    expect((await auth.loginWithMagicLink(link)).user.email).toBe(ADA.email);
    await auth.requestMagicLink({ email: ADA.email });
    const code = await mailedCode(app);
    expect((await auth.loginWithEmailCode({ email: ADA.email, code })).user.email).toBe(ADA.email);
    expect(auth.state.status).toBe('signedIn');
  });

  it('a session that was narrowed is refreshed and left as any other', async () => {
    const app = await start();
    const { auth } = clientOf(app);
    await auth.register(ADA);
    expect((await auth.login({ ...ADA, scope: [] })).session.scope).toEqual([]);
    app.clock.travel(3_600_000);
    expect((await auth.me()).email).toBe(ADA.email);
    await expect(auth.sessions()).rejects.toMatchObject({ code: 'FORBIDDEN', reason: 'NARROWED_SESSION' });
    expect(await auth.logout()).toEqual({ revokedSessions: 1 });
  });

  it('refusals have the details of the server', async () => {
    const app = await start();
    const { auth } = clientOf(app);
    await expect(auth.register({ ...ADA, password: 'short' })).rejects.toMatchObject({
      ...{ code: 'WEAK_PASSWORD', reason: 'TOO_SHORT', minLength: 15 },
    });
    await expect(auth.login({ ...ADA, email: 'nobody' })).rejects.toMatchObject({
      ...{ code: 'BAD_USER_INPUT', field: 'input.email' },
    });
    await expect(auth.me()).rejects.toMatchObject({ code: 'UNAUTHENTICATED', reason: 'TOKEN_MISSING' });
    expect(await codeOf(clientOf(app, { tokens: 'cookie' }).auth.login(ADA))).toBe('BAD_USER_INPUT');
  });

  it('a lost answer to a refresh signs nobody out', async () => {
    const app = await start();
    const { fetch } = injectFetch(app);
    let isLost = false;
    const { auth } = clientOf(app, {
      async fetch(...args) {
        const response = await fetch(...args);
        if (!isLost) return response;
        isLost = false;
        throw new TypeError('fetch failed');
      },
    });
    await auth.register(ADA);
    isLost = true;
    await auth.refresh();
    await auth.refresh();
    expect((await auth.me()).email).toBe(ADA.email);
    expect(await eventsOf(app, 'authn_token_reuse')).toEqual([]);
  });

  it('Apollo Client refreshes once for operations that are refused together, and not again for one that is refused late', async () => {
    const app = await start();
    const { auth, fetch } = clientOf(app);
    const sent: string[] = [];
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const uri = 'http://localhost:4000/graphql';
    const http = new HttpLink({
      uri,
      async fetch(...args) {
        const { operationName } = JSON.parse(String(args[1]?.body));
        sent.push(operationName);
        const answer = await fetch(...args);
        if (operationName === 'Late') await released;
        return answer;
      },
    });
    const client = new ApolloClient({ link: apolloLink(auth).concat(http), cache: new InMemoryCache() });
    const query = (text: string) => client.query({ query: gql(text), fetchPolicy: 'no-cache' });
    try {
      await auth.register(ADA);
      app.clock.travel(3_600_000);
      const late = query('query Late { session { current } }');
      const renamed = client.mutate({
        mutation: gql`mutation Rename { updateMe(input: { name: "Ada" }) { name } }`,
      });
      const [me, sessions] = await Promise.all([
        query('query Me { me { email } }'),
        query('query Sessions { sessions { current } }'),
      ]);
      expect(me.data).toMatchObject({ me: { email: ADA.email } });
      expect(sessions.data).toMatchObject({ sessions: [{ current: true }] });
      expect((await renamed).data).toMatchObject({ updateMe: { name: 'Ada' } });
      release();
      expect((await late).data).toMatchObject({ session: { current: true } });
      expect(sent.sort()).toEqual(['Late', 'Late', 'Me', 'Me', 'Rename', 'Rename', 'Sessions', 'Sessions']);
      expect((await generations(app)).map(({ generation }) => Number(generation))).toEqual([1]);
    } finally {
      client.stop();
    }
  });

  it('in cookie mode no script holds a refresh token, and a page that is loaded again is signed in', async () => {
    const app = await start({ config: { cookies: true, corsOrigins: [ORIGIN] } });
    const { auth, cookies, fetch } = clientOf(app, { tokens: 'cookie' });
    expect(await auth.getAccessToken()).toBeUndefined();
    await auth.register(ADA);
    expect([...cookies.keys()].sort()).toEqual(['__Host-latchkey-device', '__Host-latchkey-refresh']);
    const again = clientOf(app, { tokens: 'cookie', fetch }).auth;
    expect((await again.me()).email).toBe(ADA.email);
    await again.logout();
    expect([...cookies.keys()]).toEqual(['__Host-latchkey-device']);
    expect(await again.logout()).toEqual({ revokedSessions: 0 });
    expect(await codeOf(auth.me())).toBe('UNAUTHENTICATED');
    expect(auth.state.status).toBe('signedOut');
  });
});
