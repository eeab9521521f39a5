/*
 * Every operation of the server that a client calls. `refreshToken` and `logout` are in session.ts, because they need
 * the tokens. A test compares the names and the documents with the server's schema.
 */

export interface User {
  /** Stable and opaque: the `sub` claim of access tokens. */
  readonly id: string;
  readonly email: string;
  readonly emailVerified: boolean;
  readonly name: string | null;
  readonly roles: readonly string[];
  /** RFC 3339, as all moments of an answer. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface Session {
  readonly id: string;
  readonly createdAt: string;
  readonly authenticatedAt: string;
  readonly lastUsedAt: string;
  readonly expiresAt: string;
  readonly idleExpiresAt: string;
  readonly userAgent: string | null;
  readonly ip: string | null;
  readonly deviceName: string | null;
  readonly amr: readonly string[];
  readonly scope: readonly string[] | null;
  /** Whether it is the session that asks, or that this answer opened. */
  readonly current: boolean;
}

/** What a login comes to. The client keeps the tokens: `getAccessToken` has the one for an API. */
export interface SignedIn {
  readonly user: User;
  readonly session: Session;
  /** What the access token allows. */
  readonly scope: readonly string[];
}

/** How a new session is to be. */
interface SessionInput {
  readonly deviceName?: string | null;
  /** The scopes to narrow the session to. */
  readonly scope?: readonly string[] | null;
}
interface MailRequested {
  /** Seconds for which the link in the mail works. */
  readonly expiresIn: number;
}
interface Revoked {
  readonly revokedSessions: number;
}

export interface LoginInput extends SessionInput {
  readonly email: string;
  readonly password: string;
  /** Of an earlier login. The client has the last one at hand and adds it. */
  readonly deviceToken?: string | null;
}

/** The schema of the server says what each does and refuses. */
export interface Mutations {
  register(input: {
    email: string;
    password?: string | null;
    name?: string | null;
    scope?: readonly string[] | null;
  }): Promise<{
    /** Null only where the address must be verified first. */
    auth: SignedIn | null;
    verificationRequired: boolean;
  }>;
  login(input: LoginInput): Promise<SignedIn>;
  loginWithMagicLink(input: SessionInput & { token: string }): Promise<SignedIn>;
  loginWithEmailCode(input: SessionInput & { email: string; code: string }): Promise<SignedIn>;
  requestMagicLink(input: { email: string }): Promise<MailRequested>;
  /** Null for an account that was there already. */
  verifyEmail(input: SessionInput & { token: string; password?: string | null }): Promise<SignedIn | null>;
  requestEmailVerification(input: { email: string }): Promise<MailRequested>;
  requestPasswordReset(input: { email: string }): Promise<MailRequested>;
  resetPassword(input: { token: string; newPassword: string }): Promise<Revoked>;
  requestEmailChange(input: { newEmail: string; password: string }): Promise<MailRequested>;
  confirmEmailChange(input: { token: string; password?: string | null }): Promise<Revoked>;
  undoEmailChange(input: { token: string }): Promise<Revoked>;
  changePassword(input: { currentPassword: string; newPassword: string }): Promise<SignedIn>;
  reauthenticate(input: { password: string }): Promise<SignedIn>;
  updateMe(input: { name?: string | null }): Promise<User>;
  /** Deletes the account. There is no way back. */
  deleteMe(input: { password: string }): Promise<{ id: string }>;
  revokeSession(input: { id: string }): Promise<Revoked>;
}

export interface Queries {
  /** Who is signed in. */
  me(): Promise<User>;
  session(): Promise<Session>;
  /** The live sessions of the user, the most recently used first. */
  sessions(): Promise<readonly Session[]>;
}

const USER = 'id email emailVerified name roles createdAt updatedAt';
const SESSION =
  'id createdAt authenticatedAt lastUsedAt expiresAt idleExpiresAt userAgent ip deviceName amr scope current';
const AUTH = `accessToken refreshToken deviceToken expiresIn expiresAt scope session{${SESSION}} user{${USER}}`;
const REVOKED = 'revokedSessions';
const MAILED = 'expiresIn';

/** Opens a session, so its tokens are taken over. */
const OPENS = 1;
/** Needs the access token, or looks at it where there is one. */
const BEARER = 2;

const MUTATIONS: Readonly<Record<keyof Mutations, readonly [fields: string, flags?: number]>> = {
  register: [`auth{${AUTH}}verificationRequired`, OPENS],
  login: [AUTH, OPENS],
  loginWithMagicLink: [AUTH, OPENS],
  loginWithEmailCode: [AUTH, OPENS],
  requestMagicLink: [MAILED],
  verifyEmail: [AUTH, OPENS | BEARER],
  requestEmailVerification: [MAILED],
  requestPasswordReset: [MAILED],
  resetPassword: [REVOKED],
  requestEmailChange: [MAILED, BEARER],
  confirmEmailChange: [REVOKED, BEARER],
  undoEmailChange: [REVOKED],
  changePassword: [AUTH, OPENS | BEARER],
  reauthenticate: [AUTH, OPENS | BEARER],
  updateMe: [USER, BEARER],
  deleteMe: ['id', BEARER],
  revokeSession: [REVOKED, BEARER],
};

export interface Operation {
  readonly name: string;
  readonly document: string;
  /** Whether the answer has the tokens of a new session. */
  readonly opens: boolean;
  readonly bearer: boolean;
}

export const mutations: readonly Operation[] = Object.entries(MUTATIONS).map(
  ([name, [fields, flags = 0]]) => ({
    name,
    document: mutation(name, `${name[0]?.toUpperCase()}${name.slice(1)}Input!`, fields),
    opens: (flags & OPENS) !== 0,
    bearer: (flags & BEARER) !== 0,
  }),
);

export const queries: readonly Operation[] = Object.entries({
  me: USER,
  session: SESSION,
  sessions: SESSION,
}).map(([name, fields]) => ({
  name,
  document: `query ${name}{${name}{${fields}}}`,
  opens: false,
  bearer: true,
}));

/** A refresh answers with no device token. */
export const REFRESH = mutation('refreshToken', 'RefreshTokenInput', AUTH.replace('deviceToken ', ''));
export const LOGOUT = mutation('logout', 'LogoutInput', REVOKED);

function mutation(name: string, inputType: string, fields: string): string {
  return `mutation ${name}($input:${inputType}){${name}(input:$input){${fields}}}`;
}
