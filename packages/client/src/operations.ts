import type { Mutations, Queries } from './api.ts';

/*
 * Every operation of the server that a client calls. `refreshToken` and `logout` are in session.ts, because they need
 * the tokens. A test compares the names and the documents with the server's schema.
 */

const USER = 'id email emailVerified name roles createdAt updatedAt';
const SESSION =
  'id createdAt authenticatedAt lastUsedAt expiresAt idleExpiresAt userAgent ip deviceName amr scope current';
const AUTH = `accessToken refreshToken deviceToken expiresIn expiresAt scope session{${SESSION}} user{${USER}}`;
const REVOKED = 'revokedSessions';
const MAILED = 'expiresIn';
const FACTOR = 'id kind name createdAt lastUsedAt passkey{backedUp transports authenticator}';
const CODES = 'recoveryCodes';
const CONFIRMED = `factor{${FACTOR}}${CODES} auth{${AUTH}}`;
const CHALLENGE = 'challengeId expiresAt challenge timeout';
const CREDENTIALS = 'Credentials{id type transports}';
const STARTED = 'authorizationUrl verifier expiresAt';
const ASKED = `${CHALLENGE} rpId allow${CREDENTIALS}userVerification`;

/** Opens a session, so its tokens are taken over. */
const OPENS = 1;
/** Says how the tokens come. */
const DELIVERS = 2;
/** Needs the access token, or looks at it where there is one. */
const BEARER = 4;
/** The input may be left out. */
const OPTIONAL = 8;
/** There is no input. */
const BARE = 16;
const ENTERS = OPENS | DELIVERS;

const MUTATIONS: Readonly<Record<keyof Mutations, readonly [fields: string, flags?: number]>> = {
  register: [`auth{${AUTH}}verificationRequired`, ENTERS],
  login: [AUTH, ENTERS],
  loginWithMagicLink: [AUTH, ENTERS],
  loginWithEmailCode: [AUTH, ENTERS],
  requestMagicLink: [MAILED],
  verifyEmail: [AUTH, ENTERS | BEARER],
  requestEmailVerification: [MAILED],
  requestPasswordReset: [MAILED],
  resetPassword: [REVOKED],
  requestEmailChange: [MAILED, BEARER],
  confirmEmailChange: [REVOKED, BEARER],
  undoEmailChange: [REVOKED],
  changePassword: [AUTH, ENTERS | BEARER],
  reauthenticate: [AUTH, ENTERS | BEARER],
  updateMe: [USER, BEARER],
  deleteMe: ['id', BEARER],
  revokeSession: [REVOKED, BEARER],
  removePassword: [USER, BEARER | OPTIONAL],
  completeMfaLogin: [AUTH, ENTERS],
  startTotpEnrolment: ['secret otpauthUri qrCode expiresAt', BEARER | OPTIONAL],
  confirmTotpEnrolment: [CONFIRMED, ENTERS | BEARER],
  startPasskeyRegistration: [
    `${CHALLENGE} rp{id name}user{id name displayName}pubKeyCredParams{type alg}exclude${CREDENTIALS}authenticatorSelection{residentKey requireResidentKey userVerification}attestation hints`,
    BEARER | OPTIONAL,
  ],
  finishPasskeyRegistration: [CONFIRMED, ENTERS | BEARER],
  startPasskeyLogin: [ASKED, BARE],
  loginWithPasskey: [AUTH, ENTERS],
  startPasskeyChallenge: [ASKED, BEARER | OPTIONAL],
  regenerateRecoveryCodes: [CODES, BEARER | BARE],
  removeFactor: [USER, BEARER],
  renameFactor: [FACTOR, BEARER],
  requestFactorReset: [MAILED],
  cancelFactorReset: [USER, BEARER | BARE],
  startExternalLogin: [STARTED, DELIVERS],
  completeExternalLogin: [`auth{${AUTH}}registrationToken email`, OPENS],
  requestExternalRegistration: [MAILED],
  completeExternalRegistration: [AUTH, OPENS],
  linkExternalLogin: [STARTED, DELIVERS | BEARER],
  completeExternalLink: [USER, BEARER],
  unlinkExternalLogin: [USER, BEARER],
};

export interface Operation {
  readonly name: string;
  readonly document: string;
  /** Whether the answer has the tokens of a new session. */
  readonly opens: boolean;
  /** Whether the input says how the tokens come. */
  readonly delivers: boolean;
  readonly bearer: boolean;
  /** The root field that has what is asked for, where it is another one than `name`. */
  readonly root?: string;
}

export const mutations: readonly Operation[] = Object.entries(MUTATIONS).map(
  ([name, [fields, flags = 0]]) => ({
    name,
    document:
      (flags & BARE) === 0
        ? mutation(
            name,
            `${name[0]?.toUpperCase()}${name.slice(1)}Input${flags & OPTIONAL ? '' : '!'}`,
            fields,
          )
        : `mutation ${name}{${name}{${fields}}}`,
    opens: (flags & OPENS) !== 0,
    delivers: (flags & DELIVERS) !== 0,
    bearer: (flags & BEARER) !== 0,
  }),
);

const QUERIES: Readonly<Record<keyof Queries, readonly [fields: string, root?: string]>> = {
  me: [USER],
  session: [SESSION],
  sessions: [SESSION],
  mfa: [`mfa{enabled factors{${FACTOR}}recoveryCodesLeft resetAt}`, 'me'],
  externalLogins: ['externalLogins{id provider displayName email linkedAt lastUsedAt}', 'me'],
  externalProviders: ['name displayName'],
};

export const queries: readonly Operation[] = Object.entries(QUERIES).map(([name, [fields, root = name]]) => ({
  name,
  root,
  document: `query ${name}{${root}{${fields}}}`,
  opens: false,
  delivers: false,
  bearer: name !== 'externalProviders',
}));

/** A refresh answers with no device token. */
export const REFRESH = mutation('refreshToken', 'RefreshTokenInput', AUTH.replace('deviceToken ', ''));
export const LOGOUT = mutation('logout', 'LogoutInput', REVOKED);

function mutation(name: string, inputType: string, fields: string): string {
  return `mutation ${name}($input:${inputType}){${name}(input:$input){${fields}}}`;
}
