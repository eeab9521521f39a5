import type { Sender, TestApp } from './start-app.ts';
import { PASSWORD } from './start-app.ts';

export const AUTH = `accessToken refreshToken tokenType expiresIn expiresAt refreshExpiresAt deviceToken scope
  session { id createdAt authenticatedAt lastUsedAt expiresAt idleExpiresAt userAgent ip deviceName amr current }
  user { id email emailVerified name createdAt updatedAt }`;

export const REGISTER = `mutation Register($input: RegisterInput!) {
  register(input: $input) { verificationRequired auth { ${AUTH} } } }`;
export const LOGIN = `mutation Login($input: LoginInput!) { login(input: $input) { ${AUTH} } }`;
export const REFRESH = `mutation Refresh($input: RefreshTokenInput) { refreshToken(input: $input) { ${AUTH} } }`;
export const LOGOUT = 'mutation Logout($input: LogoutInput) { logout(input: $input) { revokedSessions } }';
export const REVOKE = `mutation Revoke($input: RevokeSessionInput!) { revokeSession(input: $input) { revokedSessions } }`;
export const CHANGE_PASSWORD = `mutation Change($input: ChangePasswordInput!) { changePassword(input: $input) { ${AUTH} } }`;
export const REAUTHENTICATE = `mutation Reauthenticate($input: ReauthenticateInput!) { reauthenticate(input: $input) { ${AUTH} } }`;
export const REQUEST_VERIFICATION = `mutation ($input: RequestEmailVerificationInput!) {
  requestEmailVerification(input: $input) { expiresIn } }`;
export const VERIFY_EMAIL = `mutation ($input: VerifyEmailInput!) { verifyEmail(input: $input) { ${AUTH} } }`;
export const REQUEST_RESET = `mutation ($input: RequestPasswordResetInput!) {
  requestPasswordReset(input: $input) { expiresIn } }`;
export const RESET_PASSWORD =
  'mutation ($input: ResetPasswordInput!) { resetPassword(input: $input) { revokedSessions } }';
export const REQUEST_EMAIL_CHANGE = `mutation ($input: RequestEmailChangeInput!) {
  requestEmailChange(input: $input) { expiresIn } }`;
export const CONFIRM_EMAIL_CHANGE = `mutation ($input: ConfirmEmailChangeInput!) {
  confirmEmailChange(input: $input) { revokedSessions } }`;
export const UNDO_EMAIL_CHANGE = `mutation ($input: UndoEmailChangeInput!) {
  undoEmailChange(input: $input) { revokedSessions } }`;
export const REQUEST_MAGIC_LINK =
  'mutation ($input: RequestMagicLinkInput!) { requestMagicLink(input: $input) { expiresIn } }';
export const LOGIN_WITH_LINK = `mutation ($input: LoginWithMagicLinkInput!) {
  loginWithMagicLink(input: $input) { ${AUTH} } }`;
export const LOGIN_WITH_CODE = `mutation ($input: LoginWithEmailCodeInput!) {
  loginWithEmailCode(input: $input) { ${AUTH} } }`;
export const UPDATE_ME =
  'mutation Update($input: UpdateMeInput!) { updateMe(input: $input) { id name updatedAt } }';
export const DELETE_ME = 'mutation Delete($input: DeleteMeInput!) { deleteMe(input: $input) { id } }';
export const ME = '{ me { id email emailVerified name createdAt updatedAt } }';
export const SESSIONS = '{ sessions { id deviceName ip userAgent current lastUsedAt } }';

/** What `register`, `login` and `refreshToken` answer. */
export interface Auth {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly tokenType: string;
  readonly expiresIn: number;
  readonly expiresAt: string;
  readonly refreshExpiresAt: string;
  readonly deviceToken: string | null;
  readonly scope: string[];
  readonly session: { id: string; current: boolean; amr: string[] } & Record<string, unknown>;
  readonly user: { id: string; email: string } & Record<string, unknown>;
}

export async function register(app: TestApp, email = 'ada@example.com', sender?: Sender): Promise<Auth> {
  const { data, body } = await app.send(REGISTER, { input: { email, password: PASSWORD } }, sender);
  if (!data?.register?.auth) throw new Error(`register answered ${body}`);
  return data.register.auth;
}

export async function login(
  app: TestApp,
  input: {
    email?: string;
    password?: string;
    deviceName?: string;
    deviceToken?: string | null;
    scope?: readonly string[] | null;
  } = {},
  sender?: Sender,
): Promise<Auth> {
  const { data, body } = await app.send(
    LOGIN,
    { input: { email: 'ada@example.com', password: PASSWORD, ...input } },
    sender,
  );
  if (!data?.login) throw new Error(`login answered ${body}`);
  return data.login;
}

export function refresh(app: TestApp, refreshToken: string, sender?: Sender) {
  return app.send(REFRESH, { input: { refreshToken } }, sender);
}

/** The next pair of tokens; throws when there is none. */
export async function refreshed(app: TestApp, refreshToken: string, sender?: Sender): Promise<Auth> {
  const { data, body } = await refresh(app, refreshToken, sender);
  if (!data?.refreshToken) throw new Error(`refreshToken answered ${body}`);
  return data.refreshToken;
}
