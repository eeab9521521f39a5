import type { GraphQLResolveInfo, GraphQLScalarType, GraphQLScalarTypeConfig } from 'graphql';
import type { UserView as UserMapper, UserView as MfaMapper } from '../core/users/service.ts';
import type { SessionView as SessionMapper } from '../core/sessions/service.ts';
import type { FactorRecord as FactorMapper, FactorRecord as AdminFactorMapper } from '../core/factors/service.ts';
import type { ExternalLoginRecord as ExternalLoginMapper } from '../core/external-logins/service.ts';
import type { Delivered as AuthPayloadMapper, Context } from './context.ts';
import type { ServiceAccountView as ServiceAccountMapper, ApiKeyRecord as ApiKeyMapper } from '../core/service-accounts/service.ts';
import type { Operator as AdminQueryMapper, AdminUserView as AdminUserMapper, UserConnection as AdminUserConnectionMapper, Stats as AdminStatsMapper, EventView as AuditEventMapper } from '../core/operators/service.ts';
export type Maybe<T> = T | null;
export type InputMaybe<T> = Maybe<T>;
export type Omit<T, K extends keyof T> = Pick<T, Exclude<keyof T, K>>;
export type RequireFields<T, K extends keyof T> = Omit<T, K> & { [P in K]-?: NonNullable<T[P]> };
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  /** A moment in time, RFC 3339, always in UTC: `2026-01-31T12:00:00.000Z`. */
  DateTime: { input: Date; output: Date; }
  /**
   * An email address (HTML's definition of a valid one), at most 254 characters. Its domain may be an internationalised
   * one, as in `info@bücher.example`; what stands before the @ is ASCII. Spaces around it are dropped; it is shown as it was
   * typed, and compared without case and with its domain in Punycode.
   */
  EmailAddress: { input: string; output: string; }
  /** A JSON object. */
  JSONObject: { input: Readonly<Record<string, unknown>>; output: Readonly<Record<string, unknown>>; }
  /** A JSON Web Token in compact form (RFC 7519). Send it as `Authorization: Bearer <token>`; do not read it. */
  JWT: { input: string; output: string; }
  /** An integer above zero. */
  PositiveInt: { input: number; output: number; }
};

/** What `adminCreateApiKey` takes. */
export type AdminCreateApiKeyInput = {
  /** When it ends; null for never. */
  readonly expiresAt?: InputMaybe<Scalars['DateTime']['input']>;
  /** What to call the key: at most 100 characters. */
  readonly name?: InputMaybe<Scalars['String']['input']>;
  /** What it allows: at least one scope, and none that the access token of its maker does not have. */
  readonly scope: ReadonlyArray<Scalars['String']['input']>;
  /** The service account. */
  readonly serviceAccountId: Scalars['ID']['input'];
};

/** What `adminCreateServiceAccount` takes. */
export type AdminCreateServiceAccountInput = {
  /** At most 500 characters. */
  readonly description?: InputMaybe<Scalars['String']['input']>;
  /** 1 to 100 characters, one of them visible. */
  readonly name: Scalars['String']['input'];
  /** The most that keys of it may allow; null leaves that to their makers. */
  readonly scope?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
};

/** What `adminCreateUser` takes. */
export type AdminCreateUserInput = {
  /** The address to log in with. One account each, whatever the case of its letters. */
  readonly email: Scalars['EmailAddress']['input'];
  /** Whether the operator vouches that the address is its owner's. */
  readonly emailVerified?: Scalars['Boolean']['input'];
  /** What to call its owner, at most 100 characters, one of them visible. */
  readonly name?: InputMaybe<Scalars['String']['input']>;
  /** At least 15 characters unless configured otherwise, at most 128; null where its owner is to set one. */
  readonly password?: InputMaybe<Scalars['String']['input']>;
};

/** What `adminDeleteUser` takes. */
export type AdminDeleteUserInput = {
  /** Whose account. */
  readonly userId: Scalars['ID']['input'];
};

/** What `adminDisableServiceAccount` takes. */
export type AdminDisableServiceAccountInput = {
  /** The service account. */
  readonly id: Scalars['ID']['input'];
};

/** What `adminDisableUser` takes. */
export type AdminDisableUserInput = {
  /** Whose account. */
  readonly userId: Scalars['ID']['input'];
};

/** What `adminEnableServiceAccount` takes. */
export type AdminEnableServiceAccountInput = {
  /** The service account. */
  readonly id: Scalars['ID']['input'];
};

/** What `adminEnableUser` takes. */
export type AdminEnableUserInput = {
  /** Whose account. */
  readonly userId: Scalars['ID']['input'];
};

/** What `adminEndSessions` takes. */
export type AdminEndSessionsInput = {
  /** Which one; all of them unless given. */
  readonly sessionId?: InputMaybe<Scalars['ID']['input']>;
  /** Whose sessions. */
  readonly userId: Scalars['ID']['input'];
};

/** A second factor, as operators see it. */
export type AdminFactor = {
  readonly __typename?: 'AdminFactor';
  /** When it was confirmed. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** Opaque; what `adminRemoveFactors` takes. */
  readonly id: Scalars['ID']['output'];
  /** What it is. */
  readonly kind: FactorKind;
  /** When it was used last. */
  readonly lastUsedAt?: Maybe<Scalars['DateTime']['output']>;
  /** What its owner called it. */
  readonly name?: Maybe<Scalars['String']['output']>;
};

/** What is counted of wrong passwords and codes; `adminUnlockAccount` ends it. */
export type AdminFailedLogins = {
  readonly __typename?: 'AdminFailedLogins';
  /** How often in a row the code of a second factor was wrong. */
  readonly codes: Scalars['Int']['output'];
  /** Whether so many were wrong that no code is compared any more. */
  readonly codesDisabled: Scalars['Boolean']['output'];
  /** Whether so many were wrong that strangers cannot try it any more, until it is set anew or an operator unlocks the account. */
  readonly passwordDisabled: Scalars['Boolean']['output'];
  /** How often in a row the password was wrong. */
  readonly passwords: Scalars['Int']['output'];
};

/** What `adminImpersonate` takes. */
export type AdminImpersonateInput = {
  /** Why, for the audit trail: 1 to 100 characters, one of them visible. */
  readonly reason: Scalars['String']['input'];
  /** Whose account. */
  readonly userId: Scalars['ID']['input'];
};

/** What operators may see. */
export type AdminQuery = {
  readonly __typename?: 'AdminQuery';
  /**
   * The audit trail, the newest event first. Needs `latchkey:audit:read`. Without `first` a page has 20 events, and at most 100.
   * Errors: `FORBIDDEN` (`INSUFFICIENT_SCOPE`), `BAD_USER_INPUT`, `UNAVAILABLE`.
   */
  readonly auditEvents: AuditEventConnection;
  /**
   * The service accounts with their API keys, by name. Needs `latchkey:keys:write` or `latchkey:users:read`. A page has 20
   * accounts, or fewer as `first` says.
   * Errors: `FORBIDDEN` (`INSUFFICIENT_SCOPE`), `BAD_USER_INPUT` (a page of less than 0 or more than 20, a cursor of another
   * list), `UNAVAILABLE`.
   */
  readonly serviceAccounts: ServiceAccountConnection;
  /**
   * How many logins, failures and registrations there were, by the audit trail. Needs `latchkey:audit:read`. What is older than
   * `LATCHKEY_AUDIT_RETENTION` is not counted any more.
   * Errors: `FORBIDDEN` (`INSUFFICIENT_SCOPE`), `BAD_USER_INPUT` (`to` is not after `from`, or there would be more than 366
   * intervals), `UNAVAILABLE`.
   */
  readonly stats: AdminStats;
  /**
   * One account, by exactly one of the two; null where there is none. Needs `latchkey:users:read`.
   * Errors: `FORBIDDEN` (`INSUFFICIENT_SCOPE`), `BAD_USER_INPUT` (neither or both), `UNAVAILABLE`.
   */
  readonly user?: Maybe<AdminUser>;
  /**
   * The accounts, a page at a time. Needs `latchkey:users:read`. Without `first` and `last` a page has 20 accounts, and at
   * most 100. A cursor works for the order and the filter that it came from.
   * Errors: `FORBIDDEN` (`INSUFFICIENT_SCOPE`), `BAD_USER_INPUT` (`first` with `last`, a page of less than 0 or more than 100,
   * a cursor of another list, a `text` with `orderBy`), `UNAVAILABLE`.
   */
  readonly users: AdminUserConnection;
};


/** What operators may see. */
export type AdminQueryAuditEventsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  filter?: InputMaybe<AuditEventFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
};


/** What operators may see. */
export type AdminQueryServiceAccountsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};


/** What operators may see. */
export type AdminQueryStatsArgs = {
  from: Scalars['DateTime']['input'];
  interval: StatsInterval;
  to: Scalars['DateTime']['input'];
};


/** What operators may see. */
export type AdminQueryUserArgs = {
  email?: InputMaybe<Scalars['EmailAddress']['input']>;
  id?: InputMaybe<Scalars['ID']['input']>;
};


/** What operators may see. */
export type AdminQueryUsersArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  before?: InputMaybe<Scalars['String']['input']>;
  filter?: InputMaybe<AdminUserFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  last?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<AdminUserOrder>;
};

/** What `adminRemoveFactors` takes. */
export type AdminRemoveFactorsInput = {
  /** Which one; all of them, with the recovery codes, unless given. */
  readonly factorId?: InputMaybe<Scalars['ID']['input']>;
  /** Whose factors. */
  readonly userId: Scalars['ID']['input'];
};

/** What `adminRevokeApiKey` takes. */
export type AdminRevokeApiKeyInput = {
  /** The `id` of the key; or the key itself, where it was found somewhere. */
  readonly id: Scalars['ID']['input'];
};

/** What `adminSendPasswordReset` takes. */
export type AdminSendPasswordResetInput = {
  /** Whose account. */
  readonly userId: Scalars['ID']['input'];
};

/** What `adminSetMetadata` takes. */
export type AdminSetMetadataInput = {
  /** A JSON object of at most 4 KiB, in the place of the one before. */
  readonly metadata: Scalars['JSONObject']['input'];
  /** Whose metadata. */
  readonly userId: Scalars['ID']['input'];
};

/** What `adminSetRoles` takes. */
export type AdminSetRolesInput = {
  /** The names of the roles, at most 100; an empty list takes all that an operator gave. */
  readonly roles: ReadonlyArray<Scalars['String']['input']>;
  /** Whose roles. */
  readonly userId: Scalars['ID']['input'];
};

/** How many logins, failures and registrations there were. */
export type AdminStats = {
  readonly __typename?: 'AdminStats';
  /** One after another from `from` to `to`, those without an event too. */
  readonly intervals: ReadonlyArray<StatsBucket>;
  /** How many sessions live now. */
  readonly liveSessions: Scalars['Int']['output'];
};

/** What `adminUnlockAccount` takes. */
export type AdminUnlockAccountInput = {
  /** Whose account. */
  readonly userId: Scalars['ID']['input'];
};

/** What `adminUpdateUser` takes; a field that is left out stays as it is. */
export type AdminUpdateUserInput = {
  /** The address to log in with from then on. The same one in another spelling ends nothing. */
  readonly email?: InputMaybe<Scalars['EmailAddress']['input']>;
  /** Whether the operator vouches that the address is its owner's; with another address, false unless given. */
  readonly emailVerified?: InputMaybe<Scalars['Boolean']['input']>;
  /** What to call its owner, at most 100 characters, one of them visible; null removes it. */
  readonly name?: InputMaybe<Scalars['String']['input']>;
  /**
   * Whether the address of before may take the change of address back. False where that mailbox may be a thief's: then it is
   * told without a link, and earlier changes cannot be taken back any more either.
   */
  readonly undo?: Scalars['Boolean']['input'];
  /** Whose account. */
  readonly userId: Scalars['ID']['input'];
};

/**
 * An account as operators see it. `sessions`, `factors`, `recoveryCodesLeft`, `externalLogins`, `failedLogins`, `lockedUntil` and
 * `lastLoginAt` need `latchkey:users:read`, also in the answer of a mutation that needs another scope.
 */
export type AdminUser = {
  readonly __typename?: 'AdminUser';
  /** When it was created. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** Since when it is disabled. */
  readonly disabledAt?: Maybe<Scalars['DateTime']['output']>;
  /** The address to log in with, as it was typed. */
  readonly email: Scalars['EmailAddress']['output'];
  /** Whether its owner proved that it is theirs, or an operator vouched for it. */
  readonly emailVerified: Scalars['Boolean']['output'];
  /** The accounts at providers that its owner logs in with, the oldest first. */
  readonly externalLogins: ReadonlyArray<ExternalLogin>;
  /** Its second factors, the oldest first. */
  readonly factors: ReadonlyArray<AdminFactor>;
  /** What is counted of wrong passwords and codes. The events are in `AdminQuery.auditEvents`. */
  readonly failedLogins: AdminFailedLogins;
  /** Whether it can be logged in to with a password. */
  readonly hasPassword: Scalars['Boolean']['output'];
  /** Stable and opaque; the `sub` claim of access tokens. */
  readonly id: Scalars['ID']['output'];
  /** When its owner last logged in. */
  readonly lastLoginAt?: Maybe<Scalars['DateTime']['output']>;
  /**
   * Until when a stranger's try at its password has to wait, after wrong ones; null where none has. Devices and sessions of
   * its owner do not wait. `failedLogins.passwordDisabled` says whether the wait has no end.
   */
  readonly lockedUntil?: Maybe<Scalars['DateTime']['output']>;
  /** What operators keep about it, at most 4 KiB of JSON. */
  readonly metadata: Scalars['JSONObject']['output'];
  /** What to call its owner, if they said. */
  readonly name?: Maybe<Scalars['String']['output']>;
  /** How many recovery codes are not used yet. */
  readonly recoveryCodesLeft: Scalars['Int']['output'];
  /** The roles that it has, the highest first, the default roles among them. */
  readonly roles: ReadonlyArray<Scalars['String']['output']>;
  /** Its live sessions, at most 50 of its owner and one of each operator who looks at it, the most recently used first. */
  readonly sessions: ReadonlyArray<Session>;
  /** Whether it may be used. */
  readonly state: AdminUserState;
  /** When its address, name or password last changed. */
  readonly updatedAt: Scalars['DateTime']['output'];
};

/** A page of accounts. */
export type AdminUserConnection = {
  readonly __typename?: 'AdminUserConnection';
  /** The accounts of the page, each with its cursor. */
  readonly edges: ReadonlyArray<AdminUserEdge>;
  /** Where the page stands. */
  readonly pageInfo: PageInfo;
  /** How many accounts the filter allows, counted to 10,000. */
  readonly totalCount: Scalars['Int']['output'];
  /** Whether there are or may be more than `totalCount`. */
  readonly totalCountCapped: Scalars['Boolean']['output'];
};

/** An account in a list. */
export type AdminUserEdge = {
  readonly __typename?: 'AdminUserEdge';
  /** Where it stands: what `after` and `before` take. */
  readonly cursor: Scalars['String']['output'];
  /** The account. */
  readonly node: AdminUser;
};

/** Which accounts a list has. All that is given must hold. */
export type AdminUserFilter = {
  /** Accounts that were created before then. */
  readonly createdBefore?: InputMaybe<Scalars['DateTime']['input']>;
  /** Accounts that were created then or later. */
  readonly createdFrom?: InputMaybe<Scalars['DateTime']['input']>;
  /** The one account with this id. */
  readonly id?: InputMaybe<Scalars['ID']['input']>;
  /** Accounts that have the role. A default role is every account's. */
  readonly role?: InputMaybe<Scalars['String']['input']>;
  /** Accounts in this state. */
  readonly state?: InputMaybe<AdminUserState>;
  /**
   * What the address or the name begins with, whatever the case of its letters (in a name beyond ASCII, as PostgreSQL knows
   * them; SQLite compares those as they are written); at most 254 characters. A domain beyond ASCII is found once it is
   * whole. The list then has those first whose address begins
   * with it, by address, and after them those whose name does, by name.
   */
  readonly text?: InputMaybe<Scalars['String']['input']>;
};

/** The order of a list of accounts. */
export type AdminUserOrder = {
  /** Which way. */
  readonly direction?: OrderDirection;
  /** By what. */
  readonly field?: AdminUserOrderField;
};

/** What accounts can be ordered by. */
export type AdminUserOrderField =
  /** When the account was created. */
  | 'CREATED'
  /** The address, in the order of its characters. */
  | 'EMAIL'
  /** When its owner last logged in; an account that was never used comes before all others. */
  | 'LAST_LOGIN';

/** What an account can be used for. One that waits after wrong passwords is in none of these states: see `AdminUser.lockedUntil`. */
export type AdminUserState =
  /** It may be used, and its owner proved its address. */
  | 'ACTIVE'
  /** An operator disabled it: it cannot be used. */
  | 'DISABLED'
  /** It may be used, and nobody proved its address. */
  | 'UNVERIFIED';

/** A key of a service account. It is exchanged at `POST /token` for access tokens (RFC 6749 §4.4). */
export type ApiKey = {
  readonly __typename?: 'ApiKey';
  /** When it was made. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** Its maker, by whose present roles it is cut; null once that account is deleted. Then it does not work any more. */
  readonly createdBy?: Maybe<Scalars['ID']['output']>;
  /** When it ends by itself; null for never. */
  readonly expiresAt?: Maybe<Scalars['DateTime']['output']>;
  /** Opaque; the `sid` claim of its access tokens. */
  readonly id: Scalars['ID']['output'];
  /** When it was last exchanged, up to a minute late; null where it never was. */
  readonly lastUsedAt?: Maybe<Scalars['DateTime']['output']>;
  /** What operators call it; null where nobody said. */
  readonly name?: Maybe<Scalars['String']['output']>;
  /** When it was revoked; null where it was not. */
  readonly revokedAt?: Maybe<Scalars['DateTime']['output']>;
  /** What it was made for. What is allowed now is in the answer of an exchange. */
  readonly scope: ReadonlyArray<Scalars['String']['output']>;
};

/** A new key. */
export type ApiKeyPayload = {
  readonly __typename?: 'ApiKeyPayload';
  /** What is known of it. */
  readonly apiKey: ApiKey;
  /** `lka_…`, 75 letters, digits and `_`. Keep it where only the program can read it. The server keeps a hash, and cannot show it again. */
  readonly key: Scalars['String']['output'];
};

/** `AuthenticatorAssertionResponseJSON` (WebAuthn Level 3, §5.1.7). */
export type AssertionResponseInput = {
  /** Some browsers give it; not looked at. */
  readonly attestationObject?: InputMaybe<Scalars['String']['input']>;
  /** What the authenticator says of itself, base64url, at most 4,096 characters. */
  readonly authenticatorData: Scalars['String']['input'];
  /** What the browser says of the ceremony, base64url, at most 4,096 characters. */
  readonly clientDataJSON: Scalars['String']['input'];
  /** Over the two before, base64url, at most 1,024 characters. */
  readonly signature: Scalars['String']['input'];
  /** The user handle of the account, base64url, at most 64 bytes. Needed where the passkey is all that is shown. */
  readonly userHandle?: InputMaybe<Scalars['String']['input']>;
};

/** `AuthenticatorAttestationResponseJSON` (WebAuthn Level 3, §5.1.7). Its members have at most 8,192 characters each. */
export type AttestationResponseInput = {
  /** What the authenticator made, base64url. Its format is `none`, or `packed` without certificates. */
  readonly attestationObject: Scalars['String']['input'];
  /** In `attestationObject`, too; not looked at. */
  readonly authenticatorData?: InputMaybe<Scalars['String']['input']>;
  /** What the browser says of the ceremony, base64url, at most 4,096 characters. */
  readonly clientDataJSON: Scalars['String']['input'];
  /** In `attestationObject`, too; not looked at. */
  readonly publicKey?: InputMaybe<Scalars['String']['input']>;
  /** In `attestationObject`, too; not looked at. */
  readonly publicKeyAlgorithm?: InputMaybe<Scalars['Int']['input']>;
  /** How to reach the authenticator; at most ten of them. Those that are not known are left out. */
  readonly transports?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
};

/** Something that happened, as the audit trail keeps it. */
export type AuditEvent = {
  readonly __typename?: 'AuditEvent';
  /** The account of the operator who did it by this API. */
  readonly actorId?: Maybe<Scalars['ID']['output']>;
  /** Plain facts: counts, reasons, ids. */
  readonly details: Scalars['JSONObject']['output'];
  /** Opaque. */
  readonly id: Scalars['ID']['output'];
  /** The network address that it came from. */
  readonly ip?: Maybe<Scalars['String']['output']>;
  /** What happened, in the words of the OWASP Logging Vocabulary: `authn_login_success`. */
  readonly name: Scalars['String']['output'];
  /** When it happened. */
  readonly occurredAt: Scalars['DateTime']['output'];
  /** Whether it went well. */
  readonly outcome: AuditOutcome;
  /** Finds it in the log. */
  readonly requestId?: Maybe<Scalars['String']['output']>;
  /** The session that it happened in: the operator's, where one did it by this API. */
  readonly sessionId?: Maybe<Scalars['ID']['output']>;
  /** The User-Agent header that it came with, at most 256 characters. */
  readonly userAgent?: Maybe<Scalars['String']['output']>;
  /** The account that it is about. */
  readonly userId?: Maybe<Scalars['ID']['output']>;
};

/** A page of the audit trail. */
export type AuditEventConnection = {
  readonly __typename?: 'AuditEventConnection';
  /** The events of the page, each with its cursor. */
  readonly edges: ReadonlyArray<AuditEventEdge>;
  /** Where the page stands. */
  readonly pageInfo: PageInfo;
};

/** An event in a list. */
export type AuditEventEdge = {
  readonly __typename?: 'AuditEventEdge';
  /** Where it stands: what `after` takes. */
  readonly cursor: Scalars['String']['output'];
  /** The event. */
  readonly node: AuditEvent;
};

/** Which events a list has. All that is given must hold. */
export type AuditEventFilter = {
  /** Events of then or later. */
  readonly from?: InputMaybe<Scalars['DateTime']['input']>;
  /** Events of this name. */
  readonly name?: InputMaybe<Scalars['String']['input']>;
  /** Events that went well, or that did not. */
  readonly outcome?: InputMaybe<AuditOutcome>;
  /** Events before then. */
  readonly to?: InputMaybe<Scalars['DateTime']['input']>;
  /** Events about this account. */
  readonly userId?: InputMaybe<Scalars['ID']['input']>;
};

/** Whether it went well. */
export type AuditOutcome =
  /** It was refused or did not work. */
  | 'FAIL'
  /** It happened. */
  | 'SUCCESS';

/** A pair of tokens and what they stand for. */
export type AuthPayload = {
  readonly __typename?: 'AuthPayload';
  /** Proves who asks, for `expiresIn` seconds: a JWT of type `at+jwt` (RFC 9068). Keep it in memory. */
  readonly accessToken: Scalars['JWT']['output'];
  /**
   * Proves that this device logged in to this account before; keep it, also after logout, and send it with the next
   * `login`. It opens nothing by itself, and ends when the password is set anew. Null in the answer to `refreshToken`, and when delivered as a cookie.
   */
  readonly deviceToken?: Maybe<Scalars['String']['output']>;
  /** When the access token expires. */
  readonly expiresAt: Scalars['DateTime']['output'];
  /** Seconds until the access token expires: `LATCHKEY_ACCESS_TOKEN_TTL`, or less where the session ends before. */
  readonly expiresIn: Scalars['PositiveInt']['output'];
  /** When the refresh token expires if it is not used; never later than the session's end. */
  readonly refreshExpiresAt: Scalars['DateTime']['output'];
  /**
   * Buys the next pair, once. Keep it where only this client can read it; it replaces the one before. Null when
   * delivered as a cookie.
   */
  readonly refreshToken?: Maybe<Scalars['String']['output']>;
  /** What the access token allows (its claim `scope`): what the roles of its owner allow, cut by what the login asked for. */
  readonly scope: ReadonlyArray<Scalars['String']['output']>;
  /** The session that the tokens belong to. */
  readonly session: Session;
  /** How to send the access token. */
  readonly tokenType: TokenType;
  /** Who logged in. */
  readonly user: User;
};

/** `AuthenticationResponseJSON` (WebAuthn Level 3, §5.1.7), as a browser gives it. */
export type AuthenticationResponseInput = {
  /** Where the authenticator is; not looked at. */
  readonly authenticatorAttachment?: InputMaybe<Scalars['String']['input']>;
  /** What came of extensions; not looked at. */
  readonly clientExtensionResults?: InputMaybe<Scalars['JSONObject']['input']>;
  /** The credential's id, base64url, at most 1,023 bytes. */
  readonly id: Scalars['String']['input'];
  /** The same. */
  readonly rawId: Scalars['String']['input'];
  /** What the authenticator says. */
  readonly response: AssertionResponseInput;
  /** `public-key`. */
  readonly type: Scalars['String']['input'];
};

/** What `changePassword` takes. */
export type ChangePasswordInput = {
  /** The password until now; null where the authentication of the last 10 minutes is to count. */
  readonly currentPassword?: InputMaybe<Scalars['String']['input']>;
  /** How the tokens come back. */
  readonly delivery?: TokenDelivery;
  /** At least 15 characters unless configured otherwise, at most 128. */
  readonly newPassword: Scalars['String']['input'];
};

/** What `completeExternalLink` takes. */
export type CompleteExternalLinkInput = {
  /** The code from the fragment, `lke_…`. */
  readonly code: Scalars['String']['input'];
  /** The `verifier` of the start; null where it is in a cookie. */
  readonly verifier?: InputMaybe<Scalars['String']['input']>;
};

/** What `completeExternalLogin` takes. */
export type CompleteExternalLoginInput = {
  /** The code from the fragment, `lke_…`. */
  readonly code: Scalars['String']['input'];
  /** The `verifier` of the start; null where it is in a cookie. */
  readonly verifier?: InputMaybe<Scalars['String']['input']>;
};

/** What `completeExternalRegistration` takes. */
export type CompleteExternalRegistrationInput = {
  /** The eight digits of the mail; spaces between them do not matter. */
  readonly code: Scalars['String']['input'];
  /** The token of `completeExternalLogin`. */
  readonly registrationToken: Scalars['String']['input'];
};

/** What `completeMfaLogin` takes. */
export type CompleteMfaLoginInput = {
  /** How the tokens come back. */
  readonly delivery?: TokenDelivery;
  /** The token of the answer `MFA_REQUIRED`, `lkm_…`. */
  readonly mfaToken: Scalars['String']['input'];
  /** The answer to a challenge of `startPasskeyChallenge` for this `mfaToken`. */
  readonly passkey?: InputMaybe<PasskeyAnswerInput>;
  /** A recovery code; case, spaces and hyphens do not matter. */
  readonly recoveryCode?: InputMaybe<Scalars['String']['input']>;
  /** The six digits of the app; spaces and hyphens between them do not matter. */
  readonly totpCode?: InputMaybe<Scalars['String']['input']>;
};

/** What `confirmEmailChange` takes. */
export type ConfirmEmailChangeInput = {
  /** The account's password; not looked at where a live access token of the account comes along. */
  readonly password?: InputMaybe<Scalars['String']['input']>;
  /** The token from the link, `lko_…`. */
  readonly token: Scalars['String']['input'];
};

/** What came of a change of address. */
export type ConfirmEmailChangePayload = {
  readonly __typename?: 'ConfirmEmailChangePayload';
  /** How many sessions it ended. */
  readonly revokedSessions: Scalars['Int']['output'];
};

/** What `confirmTotpEnrolment` takes. */
export type ConfirmTotpEnrolmentInput = {
  /** The six digits that the app shows; spaces and hyphens between them do not matter. */
  readonly code: Scalars['String']['input'];
  /** How the tokens come back. */
  readonly delivery?: TokenDelivery;
  /** What to call the factor, at most 100 characters, one of them visible. */
  readonly name?: InputMaybe<Scalars['String']['input']>;
};

/** What `deleteMe` takes. */
export type DeleteMeInput = {
  /** The account's password; null where the authentication of the last 10 minutes is to count. */
  readonly password?: InputMaybe<Scalars['String']['input']>;
};

/** What was deleted. */
export type DeleteMePayload = {
  readonly __typename?: 'DeleteMePayload';
  /** The id of the account that is gone. */
  readonly id: Scalars['ID']['output'];
};

/**
 * Every value of `errors[].extensions.code`. Well-formed operations answer HTTP 200 with a code; documents that
 * do not parse or validate, and bodies that are not GraphQL requests, answer a 4xx with one. In development
 * `errors[].extensions.hint` says what to do about most of them; it is prose and may change.
 */
export type ErrorCode =
  /** The HTTP request is not a GraphQL request: its method, content type, encoding, size or JSON is wrong. */
  | 'BAD_REQUEST'
  /** An argument has a wrong value, in the document or in a variable. `extensions.field` is its path, as in `input.email`; where the schema may not be asked for, of what the client sent. */
  | 'BAD_USER_INPUT'
  /** An account with this email address exists. */
  | 'EMAIL_TAKEN'
  /**
   * A login with an account at a provider did not work. `extensions.reason` is `DENIED` (the person declined, or the account
   * may not log in), `PROVIDER` (the provider is away, or its answer is not in order), `LINK_FIRST` (a verified account has
   * the address: log in to it another way, and link the provider), `LINKED_ELSEWHERE` (the account at the provider is linked
   * to another account here) or `EXPIRED` (too late, used before, or begun by another client: begin anew).
   */
  | 'EXTERNAL_LOGIN_FAILED'
  /** The account has as many second factors of this kind as it can have. Remove one first. */
  | 'FACTOR_LIMIT'
  /** This server is configured without it: magic links are off, there are no providers, no mail is sent, or there is no domain that passkeys could work on. */
  | 'FEATURE_DISABLED'
  /**
   * The viewer is known and may not do this. `extensions.reason` is `NARROWED_SESSION` where the login asked for less
   * (`scope`), `ENROLMENT_REQUIRED` where the account has to enrol a second factor first, `FACTOR_REQUIRED` where the
   * session has to show one first (`reauthenticate`), `UNVERIFIED_EMAIL` where the owner could not be told, `MACHINE`
   * where the token is that of a service account, and `FOREIGN_ORIGIN` where a page whose `Origin` is not allowed to use cookies asked for them. Of operators it is
   * `INSUFFICIENT_SCOPE` (the token lacks the scope, or their roles do not allow it any more), `SELF` (nobody acts on their
   * own account), `OUTRANKED` (the account or the role has a scope that the token lacks), `LAST_ADMINISTRATOR` (no other
   * account could appoint one), `DISABLED` (nobody can use the account), `LIMIT_REACHED`
   * (there are as many service accounts or keys as there can be) and `IMPERSONATION` (such a token changes nothing).
   */
  | 'FORBIDDEN'
  /** The document does not parse. */
  | 'GRAPHQL_PARSE_FAILED'
  /** The document asks for what the schema does not have. */
  | 'GRAPHQL_VALIDATION_FAILED'
  /** A fault of the server. `extensions.requestId` finds it in the log. */
  | 'INTERNAL_SERVER_ERROR'
  /** The code of the second factor is wrong, or was used before; or the passkey was refused. A TOTP code works once: wait for the next one. */
  | 'INVALID_CODE'
  /** The email and password do not match an account that may log in. Says no more, whatever the cause. */
  | 'INVALID_CREDENTIALS'
  /** The refresh token is unknown, ended, expired or was spent before. Log in again. */
  | 'INVALID_REFRESH_TOKEN'
  /** The link or code from a mail, or the challenge of a passkey, is unknown, expired, was used, was replaced by a newer one or is good for something else. Ask for a new one. */
  | 'INVALID_TOKEN'
  /** Without it there would be no way into the account. */
  | 'LAST_CREDENTIAL'
  /**
   * A second factor is owed. For a login, `extensions.mfaToken` is what `completeMfaLogin` takes until
   * `extensions.expiresAt`; for `reauthenticate`, send it again with a code beside the password. `extensions.factors` lists
   * the kinds of factor that would do.
   */
  | 'MFA_REQUIRED'
  /** Nothing of that id that the viewer may see. */
  | 'NOT_FOUND'
  /**
   * The document is larger than one request may be: it checks more than one credential, or goes past 1,000 tokens,
   * 16 Ki characters, 10 root fields, 10 aliases, 5 directives, 20 fragments, 20 fields of one name (100 of
   * `__typename`), 8 levels of fields, 100 items in a list, 1,000 values in its variables, or a cost of 2,100. Each value
   * of the answer costs 1, or the `@cost` of its field; a list costs its `@listSize` times what one of its items does; and
   * an introspection is asked for once and without aliases in it (`__schema` costs 1,500, `__type` 500). Every field of a
   * viewer and of all their sessions fits in twice. Nothing of a document past a limit is run.
   */
  | 'OPERATION_LIMIT_EXCEEDED'
  /** `operationName` is missing or names no operation of the document. */
  | 'OPERATION_RESOLUTION_FAILURE'
  /** More work is waiting than this server takes. Try again after `extensions.retryAfter` seconds. */
  | 'OVERLOADED'
  /** Persisted queries are not supported: send the document. */
  | 'PERSISTED_QUERY_NOT_FOUND'
  /** Persisted queries are not supported: send the document. */
  | 'PERSISTED_QUERY_NOT_SUPPORTED'
  /**
   * The field needs a session whose owner proved who they are at most 10 minutes ago: send it again with the tokens that
   * `reauthenticate` answers with.
   */
  | 'REAUTHENTICATION_REQUIRED'
  /** This server accepts no registrations. */
  | 'REGISTRATION_CLOSED'
  /** Too many credentials were checked for this account or from this network. Try again after `extensions.retryAfter` seconds. */
  | 'TOO_MANY_REQUESTS'
  /**
   * The field needs a live access token. `extensions.reason` says what is wrong with the one that came:
   * `TOKEN_MISSING`, `TOKEN_EXPIRED` (authentic, past its time: refresh) or `TOKEN_INVALID` (anything else).
   */
  | 'UNAUTHENTICATED'
  /**
   * Something behind the server does not answer, or did not within the ten seconds in which an operation may begin
   * anything. Nothing was lost: send the same request again after `extensions.retryAfter` seconds.
   */
  | 'UNAVAILABLE'
  /** The new password is refused. `extensions.reason` is `TOO_SHORT`, `TOO_LONG`, `MALFORMED`, `TOO_COMMON` (all of it is common words, runs and repetitions) or `CONTAINS_PERSONAL_INFO` (little but the account's own address and name); `extensions.minLength` is the least number of characters. */
  | 'WEAK_PASSWORD';

/** An account at a provider, linked to an account here. */
export type ExternalLogin = {
  readonly __typename?: 'ExternalLogin';
  /** What people call the provider. */
  readonly displayName: Scalars['String']['output'];
  /** The address that the provider gave at the last login. It proves nothing. */
  readonly email?: Maybe<Scalars['String']['output']>;
  /** Opaque. */
  readonly id: Scalars['ID']['output'];
  /** When it was used to log in last, whether or not a second factor followed. */
  readonly lastUsedAt?: Maybe<Scalars['DateTime']['output']>;
  /** When it was linked. */
  readonly linkedAt: Scalars['DateTime']['output'];
  /** The name of the provider. */
  readonly provider: Scalars['String']['output'];
};

/** What a login at a provider came to: a session, or a registration that needs an address. */
export type ExternalLoginPayload = {
  readonly __typename?: 'ExternalLoginPayload';
  /** The session, where there is one. */
  readonly auth?: Maybe<AuthPayload>;
  /** The address that the provider gave without proof, to fill a form with. */
  readonly email?: Maybe<Scalars['String']['output']>;
  /** What `requestExternalRegistration` takes for 20 minutes, where the provider proves no address: `lkn_…`. */
  readonly registrationToken?: Maybe<Scalars['String']['output']>;
};

/** A login at a provider that was begun. */
export type ExternalLoginStart = {
  readonly __typename?: 'ExternalLoginStart';
  /** Where to lead the browser. */
  readonly authorizationUrl: Scalars['String']['output'];
  /** Until when the browser can come back. */
  readonly expiresAt: Scalars['DateTime']['output'];
  /**
   * Proves at the end that this client began. Keep it where only this client can read it. Null where the browser keeps it in
   * a cookie that no script can read (`__Host-latchkey-external`).
   */
  readonly verifier?: Maybe<Scalars['String']['output']>;
};

/** A provider by whose accounts people can log in. */
export type ExternalProvider = {
  readonly __typename?: 'ExternalProvider';
  /** What to write on the button. */
  readonly displayName: Scalars['String']['output'];
  /** What `startExternalLogin` takes. */
  readonly name: Scalars['String']['output'];
};

/** A second factor. */
export type Factor = {
  readonly __typename?: 'Factor';
  /** When it was confirmed. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** Opaque. */
  readonly id: Scalars['ID']['output'];
  /** What it is. */
  readonly kind: FactorKind;
  /** When it was used last. */
  readonly lastUsedAt?: Maybe<Scalars['DateTime']['output']>;
  /** What its owner called it. */
  readonly name?: Maybe<Scalars['String']['output']>;
  /** What is known of a passkey; null for every other kind. */
  readonly passkey?: Maybe<PasskeyDetails>;
};

/** What came of an enrolment. */
export type FactorConfirmation = {
  readonly __typename?: 'FactorConfirmation';
  /** The session that takes the place of the one that asked. */
  readonly auth: AuthPayload;
  /** The new factor. */
  readonly factor: Factor;
  /** Ten recovery codes, where it is the first factor of the account. They are shown this once. */
  readonly recoveryCodes?: Maybe<ReadonlyArray<Scalars['String']['output']>>;
};

/** A kind of second factor. */
export type FactorKind =
  /** A passkey (WebAuthn), which is a way in by itself, too. */
  | 'PASSKEY'
  /** Codes that were shown at the first enrolment, each for one use. */
  | 'RECOVERY_CODE'
  /** Codes of six digits from an authenticator app (RFC 6238). */
  | 'TOTP';

/** What `finishPasskeyRegistration` takes. */
export type FinishPasskeyRegistrationInput = {
  /** The `challengeId` of the options. */
  readonly challengeId: Scalars['ID']['input'];
  /** How the tokens come back. */
  readonly delivery?: TokenDelivery;
  /** What to call the factor, at most 100 characters, one of them visible. */
  readonly name?: InputMaybe<Scalars['String']['input']>;
  /** What `toJSON()` gives of the credential that `navigator.credentials.create` made. */
  readonly response: RegistrationResponseInput;
};

/** An access token for somebody else's account. */
export type ImpersonationPayload = {
  readonly __typename?: 'ImpersonationPayload';
  /** Send it as `Authorization: Bearer <token>`. */
  readonly accessToken: Scalars['JWT']['output'];
  /** Seconds until it expires: 900, or less: as `LATCHKEY_ACCESS_TOKEN_TTL` says, or until the operator's session ends. */
  readonly expiresIn: Scalars['PositiveInt']['output'];
};

/** What `linkExternalLogin` takes. */
export type LinkExternalLoginInput = {
  /** Where the verifier is kept; the link gives no tokens. */
  readonly delivery?: TokenDelivery;
  /** The `name` of one of `externalProviders`. */
  readonly provider: Scalars['String']['input'];
  /** Where the browser goes at the end, as in `StartExternalLoginInput.redirectTo`. */
  readonly redirectTo: Scalars['String']['input'];
};

/** What `login` takes. */
export type LoginInput = {
  /** How the tokens come back. With `COOKIE`, a `deviceToken` that is not given is taken from its cookie. */
  readonly delivery?: TokenDelivery;
  /** What to call this device in the list of sessions, at most 100 characters, one of them visible. */
  readonly deviceName?: InputMaybe<Scalars['String']['input']>;
  /**
   * The `deviceToken` of an earlier login to this account from this device, if it has one. While strangers guess at
   * the account and everybody else has to wait, a known device does not. It ends when the password is set anew.
   */
  readonly deviceToken?: InputMaybe<Scalars['String']['input']>;
  /** The address of the account; case and surrounding spaces do not matter. */
  readonly email: Scalars['EmailAddress']['input'];
  /** The password, compared whole, in Unicode normalization form C (RFC 8265). One of more than 4,096 bytes is wrong. */
  readonly password: Scalars['String']['input'];
  /**
   * The scopes to narrow the session to, at most 50 of them and 1,000 characters in all. The roles of the account must
   * allow each; null is all that they allow, and `[]` is nothing. The session never gets more. A narrowed one may ask for
   * `me`, `session`, `refreshToken`, `reauthenticate` and `logout` of itself, and for what its scopes open.
   */
  readonly scope?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
};

/** What `loginWithEmailCode` takes. */
export type LoginWithEmailCodeInput = {
  /** The eight digits; spaces between them do not matter. */
  readonly code: Scalars['String']['input'];
  /** How the tokens come back. */
  readonly delivery?: TokenDelivery;
  /** What to call this device in the list of sessions, at most 100 characters, one of them visible. */
  readonly deviceName?: InputMaybe<Scalars['String']['input']>;
  /** The address that the code was sent to. */
  readonly email: Scalars['EmailAddress']['input'];
  /** The scopes to narrow the session to, as in `LoginInput.scope`. */
  readonly scope?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
};

/** What `loginWithMagicLink` takes. */
export type LoginWithMagicLinkInput = {
  /** How the tokens come back. */
  readonly delivery?: TokenDelivery;
  /** What to call this device in the list of sessions, at most 100 characters, one of them visible. */
  readonly deviceName?: InputMaybe<Scalars['String']['input']>;
  /** The scopes to narrow the session to, as in `LoginInput.scope`. */
  readonly scope?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** The token from the link, `lko_…`. */
  readonly token: Scalars['String']['input'];
};

/** What `loginWithPasskey` takes. */
export type LoginWithPasskeyInput = {
  /** How the tokens come back. */
  readonly delivery?: TokenDelivery;
  /** What to call this device in the list of sessions, at most 100 characters, one of them visible. */
  readonly deviceName?: InputMaybe<Scalars['String']['input']>;
  /** What the authenticator answered. */
  readonly passkey: PasskeyAnswerInput;
  /** The scopes to narrow the session to, as in `LoginInput.scope`. */
  readonly scope?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
};

/** What `logout` takes. */
export type LogoutInput = {
  /** A refresh token of the session to end, for a client that has no live access token. */
  readonly refreshToken?: InputMaybe<Scalars['String']['input']>;
  /** Which sessions to end. */
  readonly scope?: LogoutScope;
};

/** What ended. */
export type LogoutPayload = {
  readonly __typename?: 'LogoutPayload';
  /** How many sessions this request ended; 0 when they had ended before. */
  readonly revokedSessions: Scalars['Int']['output'];
};

/** Which sessions `logout` ends. */
export type LogoutScope =
  /** All of the viewer's sessions. Needs an access token. */
  | 'ALL'
  /** The session that asks. */
  | 'CURRENT'
  /** All of the viewer's sessions but the one that asks. Needs an access token. */
  | 'OTHERS';

/**
 * What came of asking for a mail. It is the same, at the same cost, whether or not there is an account, and the mail is
 * sent after the answer. Where three were sent within the hour, or within the life of the link if that is shorter, it is
 * the same again, nothing is sent and the newest link goes on working.
 */
export type MailRequestPayload = {
  readonly __typename?: 'MailRequestPayload';
  /**
   * How many seconds the link in the mail works, if one was sent: once, and only until a newer one is asked for. For
   * `requestFactorReset`, how many seconds are left until it happens.
   */
  readonly expiresIn: Scalars['PositiveInt']['output'];
};

/** The second factors of an account. */
export type Mfa = {
  readonly __typename?: 'Mfa';
  /** Whether a login needs a second factor. */
  readonly enabled: Scalars['Boolean']['output'];
  /** The second factors, the oldest first. */
  readonly factors: ReadonlyArray<Factor>;
  /** How many recovery codes are not used yet. */
  readonly recoveryCodesLeft: Scalars['Int']['output'];
  /** When all of them are going to be removed, because that was asked for with `requestFactorReset`. */
  readonly resetAt?: Maybe<Scalars['DateTime']['output']>;
};

/** What can be done. The fields of one document run one after another, in order. */
export type Mutation = {
  readonly __typename?: 'Mutation';
  /**
   * Creates an API key of a service account, which is shown in this answer and never again. What the key allows is cut by what
   * the roles of its maker allow, at each exchange and within a second here: a maker who is demoted takes scopes from it, and
   * with one who is disabled or deleted it ends. Needs `latchkey:keys:write` and an authentication of the last 10 minutes.
   * Errors: `UNAUTHENTICATED`, `REAUTHENTICATION_REQUIRED`, `NOT_FOUND`, `BAD_USER_INPUT` (also a scope that the access token
   * of the maker, or the service account, does not have, and an end that is past), `TOO_MANY_REQUESTS`, `UNAVAILABLE`,
   * `FORBIDDEN` (`INSUFFICIENT_SCOPE`, `MACHINE`; `LIMIT_REACHED`: the account has 20 keys, those counted that ended in the
   * last 30 days).
   */
  readonly adminCreateApiKey: ApiKeyPayload;
  /**
   * Creates a service account: a program that has tokens of its own. It has no key yet. Needs `latchkey:keys:write` and an
   * authentication of the last 10 minutes.
   * Errors: `UNAUTHENTICATED`, `REAUTHENTICATION_REQUIRED`, `BAD_USER_INPUT` (also a name that another service account has),
   * `TOO_MANY_REQUESTS`, `UNAVAILABLE`, `FORBIDDEN` (`INSUFFICIENT_SCOPE`, `MACHINE`; `LIMIT_REACHED`: there are 1,000).
   */
  readonly adminCreateServiceAccount: ServiceAccount;
  /**
   * Creates an account, whatever LATCHKEY_REGISTRATION says. Without a password its owner is mailed a link to set one, which
   * works for 30 minutes. Needs `latchkey:users:write` and an authentication of the last 10 minutes, as every admin mutation does.
   * Errors: `UNAUTHENTICATED`, `FORBIDDEN` (`INSUFFICIENT_SCOPE`), `REAUTHENTICATION_REQUIRED`, `EMAIL_TAKEN`, `WEAK_PASSWORD`,
   * `FEATURE_DISABLED` (no password, and no mail is sent), `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`, `BAD_USER_INPUT`.
   */
  readonly adminCreateUser: AdminUser;
  /**
   * Deletes an account and all that belongs to it, and answers it as it was. There is no way back. Needs
   * `latchkey:users:write`. Errors: those of `adminDisableUser`.
   */
  readonly adminDeleteUser: AdminUser;
  /**
   * Ends what all keys of a service account allow, until it is enabled: no key is exchanged, and access tokens end as with
   * `adminRevokeApiKey`. Needs `latchkey:keys:write`. Errors: those of `adminRevokeApiKey`.
   */
  readonly adminDisableServiceAccount: ServiceAccount;
  /**
   * Ends every session and link of an account, and lets it log in no more. Needs `latchkey:users:write`.
   * Errors: `UNAUTHENTICATED`, `REAUTHENTICATION_REQUIRED`, `NOT_FOUND`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`, `FORBIDDEN`
   * (`INSUFFICIENT_SCOPE`; `SELF`: it is the operator's own account; `OUTRANKED`: the account holds a `latchkey:` scope that
   * the operator's token lacks; `LAST_ADMINISTRATOR`: it is the operator's own, and no other could take its place;
   * `IMPERSONATION`).
   */
  readonly adminDisableUser: AdminUser;
  /** Lets the keys of a disabled service account work again. Needs `latchkey:keys:write`. Errors: those of `adminRevokeApiKey`. */
  readonly adminEnableServiceAccount: ServiceAccount;
  /** Lets a disabled account log in again. Needs `latchkey:users:write`. Errors: those of `adminDisableUser`. */
  readonly adminEnableUser: AdminUser;
  /**
   * Ends one session of an account, or all. Needs `latchkey:users:write`.
   * Errors: those of `adminDisableUser`; `NOT_FOUND` where the account has no live session of that id.
   */
  readonly adminEndSessions: AdminUser;
  /**
   * Opens a session of somebody's account for the operator who asks, to see what its owner sees. Its access token names the
   * operator in `act` (RFC 8693 §4.1) and has no scope, no role and no claim of a preset or a template. Here it may ask `me`
   * and `session`, and nothing else; every mutation refuses it. It lives for 15 minutes at most and no longer than the operator's
   * session, is never refreshed, and ends within a second of the operator's session, scope or account. The owner is told by
   * mail where their address is verified, and sees it among their sessions; the audit trails of both have it. The operator's earlier impersonation of the account ends.
   * Needs `latchkey:impersonate` and an authentication of the last 10 minutes.
   * Errors: `UNAUTHENTICATED`, `REAUTHENTICATION_REQUIRED`, `NOT_FOUND`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`, `BAD_USER_INPUT`,
   * `FORBIDDEN` (`INSUFFICIENT_SCOPE`, `SELF`, `OUTRANKED`, `IMPERSONATION`, `DISABLED`: nobody can use the account).
   */
  readonly adminImpersonate: ImpersonationPayload;
  /**
   * Removes one second factor of an account, or all with the recovery codes. Ends every session and every pending login of the
   * account, whose owner is told. Needs `latchkey:users:write`.
   * Errors: those of `adminDisableUser`; `NOT_FOUND` where the account has no such factor.
   */
  readonly adminRemoveFactors: AdminUser;
  /**
   * Ends an API key for good. Here its access tokens end within a second, and elsewhere when they expire. A key that had ended
   * before stays as it is. Needs `latchkey:keys:write` and an authentication of the last 10 minutes.
   * Errors: `UNAUTHENTICATED`, `REAUTHENTICATION_REQUIRED`, `NOT_FOUND`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`, `FORBIDDEN`
   * (`INSUFFICIENT_SCOPE`, `MACHINE`).
   */
  readonly adminRevokeApiKey: ApiKey;
  /**
   * Mails the owner of an account a link to set a new password, as `requestPasswordReset` does and within the same limits of
   * their address. Needs `latchkey:users:write`.
   * Errors: those of `adminDisableUser`, `FEATURE_DISABLED` (no mail is sent).
   */
  readonly adminSendPasswordReset: AdminUser;
  /**
   * Sets the metadata of an account, all of it. Needs `latchkey:roles:write`, because claims may rest on it.
   * Errors: those of `adminDisableUser`, `BAD_USER_INPUT` (more than 4 KiB of JSON).
   */
  readonly adminSetMetadata: AdminUser;
  /**
   * Gives an account these roles and no others; default roles may be named or left out. The operator's token holds every scope
   * of each role that is given or taken. Needs `latchkey:roles:write`.
   * Errors: those of `adminDisableUser` (`OUTRANKED`: also where a role allows what the token does not), `BAD_USER_INPUT` (a
   * role that is not defined).
   */
  readonly adminSetRoles: AdminUser;
  /**
   * Forgets the wrong passwords and codes of an account, so that nothing of it has to wait and nothing is disabled any more.
   * Needs `latchkey:users:write`. Errors: those of `adminDisableUser`.
   */
  readonly adminUnlockAccount: AdminUser;
  /**
   * Changes what is known of an account. Another address ends its sessions, its links and logins that wait for a second
   * factor. The address of before is told, and may
   * take the change back for 7 days where it was verified, unless `undo` is false. Needs `latchkey:users:write`.
   * Errors: those of `adminDisableUser`, `EMAIL_TAKEN`, `BAD_USER_INPUT`.
   */
  readonly adminUpdateUser: AdminUser;
  /** Cancels a removal of all factors that was asked for, from any session. Errors: `UNAUTHENTICATED`, `UNAVAILABLE`. */
  readonly cancelFactorReset: User;
  /**
   * Sets a new password. Ends every session of the account, this one too, and opens a new one (ASVS 7.2.4). Takes the
   * password until now, or an authentication of the last 10 minutes. Once the account has a second factor, that
   * authentication is needed in any case, and must have shown one.
   * Errors: `UNAUTHENTICATED`, `INVALID_CREDENTIALS`, `REAUTHENTICATION_REQUIRED`, `WEAK_PASSWORD`, `TOO_MANY_REQUESTS`, `OVERLOADED`,
   * `UNAVAILABLE`, `BAD_USER_INPUT`, `FORBIDDEN` (cookies, and the page is of a foreign origin).
   */
  readonly changePassword: AuthPayload;
  /**
   * Links the account at the provider with the code that came back, in the session that began. The owner is told by mail.
   * Errors: `UNAUTHENTICATED`, `EXTERNAL_LOGIN_FAILED`, `FACTOR_LIMIT` (an account has at most ten), `TOO_MANY_REQUESTS`,
   * `UNAVAILABLE`, `FORBIDDEN` (cookies, and the page is of a foreign origin).
   */
  readonly completeExternalLink: User;
  /**
   * Opens a session with the code that came back, in the client that began, within two minutes. The start decided how the
   * tokens come. An account that has another one at the same provider, or whose verified address the provider does not prove,
   * is not opened: its owner logs in and links the provider. Where the provider proves no address, there is no session yet,
   * and `registrationToken` is what `requestExternalRegistration` takes.
   * Errors: `EXTERNAL_LOGIN_FAILED`, `MFA_REQUIRED` (as for `login`; the code is spent), `REGISTRATION_CLOSED`,
   * `INVALID_TOKEN` (the address changed hands meanwhile), `TOO_MANY_REQUESTS`, `UNAVAILABLE`, `BAD_USER_INPUT` (the roles do
   * not allow the scope), `FORBIDDEN` (cookies, and the page is of a foreign origin).
   */
  readonly completeExternalLogin: ExternalLoginPayload;
  /**
   * Makes an account of the address that the code proves, and opens a session of it. An account that nobody has verified
   * becomes the caller's, without all that was made before. A verified one stays as it is: `EXTERNAL_LOGIN_FAILED` with the
   * reason `LINK_FIRST`. A code can be tried five times.
   * Errors: `INVALID_TOKEN` (the code is wrong), `EXTERNAL_LOGIN_FAILED`, `MFA_REQUIRED`, `REGISTRATION_CLOSED`,
   * `TOO_MANY_REQUESTS`, `UNAVAILABLE`, `BAD_USER_INPUT`, `FORBIDDEN` (cookies, and the page is of a foreign origin).
   */
  readonly completeExternalRegistration: AuthPayload;
  /**
   * Completes a login that answered `MFA_REQUIRED`, with a second factor: exactly one of `totpCode`, `recoveryCode` and
   * `passkey`. An `mfaToken` works once, for five minutes and for five wrong codes; a change of the account's password
   * or factors ends it. A TOTP code works once, and no code of an earlier time step after it. Ten wrong codes of an account
   * in 15 minutes make every code wait (`TOO_MANY_REQUESTS`), and a hundred in a row close TOTP and recovery codes until a
   * passkey is right, a session with a factor answers `reauthenticate` with a right code, or an operator removes the factors.
   * Errors: `INVALID_TOKEN` (log in again; or the challenge of the passkey is dead), `INVALID_CODE` (try again with the same token), `TOO_MANY_REQUESTS`,
   * `UNAVAILABLE`, `BAD_USER_INPUT`, `FORBIDDEN` (cookies, and the page is of a foreign origin).
   */
  readonly completeMfaLogin: AuthPayload;
  /**
   * Changes the address with the token of the link `/confirm-email#token=…`, unless the password changed since it was
   * asked for. Needs a live access token of the account or its password beside the link, so that no stranger's account
   * moves to an address by its mailbox alone. Ends every session but the one that asked, and every other link of the
   * account. The address of before is told, and if it was verified it can take the change back for 7 days. The token is not
   * spent by a refusal.
   * Errors: `INVALID_TOKEN`, `UNAUTHENTICATED` (neither token nor password shows the account), `FORBIDDEN` (the access token
   * is another account's), `INVALID_CREDENTIALS`, `EMAIL_TAKEN` (another account proved the address first),
   * `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`.
   */
  readonly confirmEmailChange: ConfirmEmailChangePayload;
  /**
   * Makes a second factor of the app whose code is given. The session ends and another one takes its place, so use the new
   * tokens from then on; the other sessions stay. Pending logins end. The first factor of an account brings ten recovery
   * codes. Needs an authentication of the last 10 minutes.
   * Errors: `UNAUTHENTICATED`, `REAUTHENTICATION_REQUIRED`, `NOT_FOUND` (there is no enrolment, or it has expired),
   * `INVALID_CODE`, `FACTOR_LIMIT`, `TOO_MANY_REQUESTS`, `BAD_USER_INPUT`, `UNAVAILABLE`, `FORBIDDEN` (cookies, and the page
   * is of a foreign origin).
   */
  readonly confirmTotpEnrolment: FactorConfirmation;
  /**
   * Deletes the account and ends its sessions. There is no way back. Takes the password, or an authentication of the last 10
   * minutes, as `changePassword` does.
   * Errors: `UNAUTHENTICATED`, `INVALID_CREDENTIALS`, `REAUTHENTICATION_REQUIRED`, `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`,
   * `FORBIDDEN` (`LAST_ADMINISTRATOR`: no other account could appoint an administrator).
   */
  readonly deleteMe: DeleteMePayload;
  /**
   * Makes a second factor, and a way in, of the passkey that the authenticator made. The session ends and another one takes
   * its place, so use the new tokens from then on; the other sessions stay. Pending logins end. The first factor of an account
   * brings ten recovery codes. Needs the session that began it, and an authentication as `startPasskeyRegistration` does.
   * Errors: `UNAUTHENTICATED`, `REAUTHENTICATION_REQUIRED`, `INVALID_TOKEN` (the challenge is spent, expired or of another
   * session: start again), `INVALID_CODE` (the answer is refused), `FACTOR_LIMIT`, `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`,
   * `BAD_USER_INPUT`, `UNAVAILABLE`, `FORBIDDEN` (cookies, and the page is of a foreign origin).
   */
  readonly finishPasskeyRegistration: FactorConfirmation;
  /**
   * Begins to link an account at a provider to the viewer's own, as `startExternalLogin` does. Needs an authentication of the
   * last 10 minutes, with a second factor where the account has one.
   * Errors: `UNAUTHENTICATED`, `REAUTHENTICATION_REQUIRED`, `FEATURE_DISABLED`, `BAD_USER_INPUT`, `EXTERNAL_LOGIN_FAILED`,
   * `TOO_MANY_REQUESTS`, `UNAVAILABLE`, `FORBIDDEN` (cookies, and the page is of a foreign origin).
   */
  readonly linkExternalLogin: ExternalLoginStart;
  /**
   * Opens a session with an email address and a password. Works whatever the Authorization header holds.
   * Where the account has a second factor it opens none, and answers `MFA_REQUIRED` with a token for `completeMfaLogin`.
   * Errors: `INVALID_CREDENTIALS` (one answer for every cause), `MFA_REQUIRED`, `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`,
   * `BAD_USER_INPUT`, `FORBIDDEN` (cookies, and the page is of a foreign origin).
   */
  readonly login: AuthPayload;
  /**
   * Opens a session with the code of the mail, and proves the address. A code can be tried five times; the link beside
   * it works all the same.
   * Errors: `INVALID_TOKEN` (one answer for every cause), `MFA_REQUIRED` (as for `login`; the code is spent), `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`,
   * `BAD_USER_INPUT`, `FORBIDDEN` (cookies, and the page is of a foreign origin).
   */
  readonly loginWithEmailCode: AuthPayload;
  /**
   * Opens a session with the token of the link `/magic-link#token=…`, and proves the address.
   * Errors: `INVALID_TOKEN`, `MFA_REQUIRED` (as for `login`; the link is spent), `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`, `BAD_USER_INPUT`, `FORBIDDEN`
   * (cookies, and the page is of a foreign origin).
   */
  readonly loginWithMagicLink: AuthPayload;
  /**
   * Opens a session with a passkey. Its authenticator has verified the user, which makes two factors of it (`acr` is `aal2`),
   * so the login is complete. Works whatever the Authorization header holds.
   * Errors: `INVALID_TOKEN` (the challenge is spent or expired: start again), `INVALID_CODE` (one answer for every passkey that
   * is refused), `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`, `BAD_USER_INPUT`, `FORBIDDEN` (cookies, and the
   * page is of a foreign origin).
   */
  readonly loginWithPasskey: AuthPayload;
  /**
   * Ends sessions: their refresh tokens at once, their access tokens within a second. Needs a live access token,
   * or a `refreshToken` alone, which ends its own session and answers 0 when there is none. With both, they must
   * belong to one session. Where neither is given, the refresh token in the browser's cookie counts, under the
   * conditions of `refreshToken`; the cookie goes with the session, unless the scope is `OTHERS`.
   * Not a `@credential` field: what it checks buys nothing, costs no hash and cannot be guessed, and a client may end
   * one session and open the next in one document.
   * Errors: `UNAUTHENTICATED`, `BAD_USER_INPUT` (they belong to two sessions), `FORBIDDEN` (the cookie counts, and the
   * page is of a foreign origin; or the session was narrowed and the scope is not `CURRENT`).
   */
  readonly logout: LogoutPayload;
  /**
   * Proves again who the viewer is, for what needs an authentication of the last 10 minutes
   * (`REAUTHENTICATION_REQUIRED`). Ends this session and opens a new one in its place (ASVS 7.2.4), so use the new tokens
   * from then on; the other sessions stay. A refresh proves nothing. Takes what a login would: the password,
   * and a second factor where the account has one; or a passkey alone. Without a password and a passkey, log in again instead.
   * Errors: `UNAUTHENTICATED`, `INVALID_CREDENTIALS`, `MFA_REQUIRED` (without an `mfaToken`), `INVALID_CODE`, `INVALID_TOKEN` (the challenge of the passkey is dead), `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`,
   * `BAD_USER_INPUT`, `FORBIDDEN` (cookies, and the page is of a foreign origin).
   */
  readonly reauthenticate: AuthPayload;
  /**
   * Exchanges a refresh token for the next one and a fresh access token (RFC 6749 §6, RFC 9700 §4.14.2). Each
   * token works once; sent again within the retry window (30 seconds by default) it answers with the session's
   * current token, so a lost response or a second tab signs nobody out. A token older than that ends its session.
   * Works whatever the Authorization header holds.
   * Without an input it is the browser's cookie that is exchanged, and the next token goes back into it; that needs
   * `LATCHKEY_COOKIES=on` and an allowed `Origin`.
   * Errors: `INVALID_REFRESH_TOKEN`, `UNAVAILABLE` (send the same token again), `TOO_MANY_REQUESTS` (failures only are
   * counted), `BAD_USER_INPUT`, `FORBIDDEN` (cookies, and the page is of a foreign origin).
   */
  readonly refreshToken: AuthPayload;
  /**
   * Makes ten recovery codes in the place of all before. Needs an authentication of the last 10 minutes with a second factor.
   * Errors: `UNAUTHENTICATED`, `REAUTHENTICATION_REQUIRED`, `NOT_FOUND` (the account has no second factor),
   * `TOO_MANY_REQUESTS`, `UNAVAILABLE`.
   */
  readonly regenerateRecoveryCodes: RecoveryCodes;
  /**
   * Creates an account and opens its first session. Works whatever the Authorization header holds. Where the address must
   * be verified first, it mails a link instead, and `verifyEmail` creates the account.
   * Errors: `EMAIL_TAKEN`, `WEAK_PASSWORD`, `REGISTRATION_CLOSED`, `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`,
   * `BAD_USER_INPUT`, `FORBIDDEN` (cookies, and the page is of a foreign origin).
   */
  readonly register: RegisterPayload;
  /**
   * Removes a second factor, and the recovery codes with the last one. Ends every other session and every pending login.
   * Needs an authentication of the last 10 minutes with a second factor.
   * Errors: `UNAUTHENTICATED`, `REAUTHENTICATION_REQUIRED`, `NOT_FOUND`, `LAST_CREDENTIAL`, `UNAVAILABLE`.
   */
  readonly removeFactor: User;
  /**
   * Takes the password away from an account that has another way in: a passkey, an external login, or its verified address,
   * where mail may log in (`LATCHKEY_MAGIC_LINKS=on`). Counts as a change of the password: ends every other session, every
   * pending login, every link and every known device. Needs what `changePassword` does. An account without a password is
   * answered as it is.
   * Errors: `UNAUTHENTICATED`, `INVALID_CREDENTIALS`, `REAUTHENTICATION_REQUIRED`, `LAST_CREDENTIAL`, `TOO_MANY_REQUESTS`,
   * `OVERLOADED`, `UNAVAILABLE`.
   */
  readonly removePassword: User;
  /** Calls a second factor by another name. Errors: `UNAUTHENTICATED`, `NOT_FOUND`, `BAD_USER_INPUT`, `UNAVAILABLE`. */
  readonly renameFactor: Factor;
  /**
   * Mails a link to a new address, which becomes the viewer's when it is followed; until then nothing changes. The
   * address of now is told. The answer is the same if the new address is another account's: its owner is told, and no
   * link is sent. Takes the password, or an authentication of the last 10 minutes, as `changePassword` does.
   * Errors: `UNAUTHENTICATED`, `INVALID_CREDENTIALS`, `REAUTHENTICATION_REQUIRED`, `TOO_MANY_REQUESTS`, `FEATURE_DISABLED` (no mail is sent),
   * `OVERLOADED`, `UNAVAILABLE`, `BAD_USER_INPUT`.
   */
  readonly requestEmailChange: MailRequestPayload;
  /**
   * Mails a new link to an address that waits to be verified: of an account, or of a registration of the last 24 hours.
   * Errors: `TOO_MANY_REQUESTS`, `FEATURE_DISABLED` (no mail is sent), `UNAVAILABLE`, `BAD_USER_INPUT`.
   */
  readonly requestEmailVerification: MailRequestPayload;
  /**
   * Mails a code to an address, whether or not an account has it. The code works for 10 minutes, in this registration alone.
   * Errors: `EXTERNAL_LOGIN_FAILED` (`EXPIRED`), `FEATURE_DISABLED` (no mail is sent), `TOO_MANY_REQUESTS`, `UNAVAILABLE`,
   * `BAD_USER_INPUT`, `FORBIDDEN` (cookies, and the page is of a foreign origin).
   */
  readonly requestExternalRegistration: MailRequestPayload;
  /**
   * Asks for the removal of every second factor and recovery code of an account whose owner has lost them, with the token of
   * a login that waits. It happens after `LATCHKEY_FACTOR_RESET`, and ends every session then. The owner is told at once, at
   * half of the time and near the end. A login with the factor cancels it, and so do `cancelFactorReset` and a reset of the
   * password. Asking again changes nothing.
   * Errors: `INVALID_TOKEN`, `FEATURE_DISABLED` (it is off, or no mail is sent), `FORBIDDEN` (the address of the account is
   * not verified, so its owner could not be told), `TOO_MANY_REQUESTS`, `UNAVAILABLE`.
   */
  readonly requestFactorReset: MailRequestPayload;
  /**
   * Mails a link and a code to the address of an account. Both work for 10 minutes, and using one ends the other.
   * Errors: `FEATURE_DISABLED` (unless `LATCHKEY_MAGIC_LINKS=on`), `TOO_MANY_REQUESTS`, `UNAVAILABLE`, `BAD_USER_INPUT`.
   */
  readonly requestMagicLink: MailRequestPayload;
  /**
   * Mails a link that sets a new password, to the address of an account. Nothing of the account changes.
   * Errors: `TOO_MANY_REQUESTS`, `FEATURE_DISABLED` (no mail is sent), `UNAVAILABLE`, `BAD_USER_INPUT`.
   */
  readonly requestPasswordReset: MailRequestPayload;
  /**
   * Sets a new password with the token of the link `/reset-password#token=…`. Ends every session and every other link of
   * the account, lets its password be tried again if too many failures had disabled it, and proves the address. It opens
   * no session: log in. A refused password does not spend the token.
   * Errors: `INVALID_TOKEN`, `WEAK_PASSWORD`, `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`.
   */
  readonly resetPassword: ResetPasswordPayload;
  /**
   * Ends one of the viewer's sessions. One that is not the session that asks needs an authentication of the last
   * 10 minutes, with a second factor where the account has one; `logout` never does.
   * Errors: `UNAUTHENTICATED`, `REAUTHENTICATION_REQUIRED`, `NOT_FOUND`.
   */
  readonly revokeSession: LogoutPayload;
  /**
   * Begins a login with an account at a provider. Lead the browser to `authorizationUrl`; it comes back to `redirectTo` with
   * `#code=…` for `completeExternalLogin`, or with `#error=EXTERNAL_LOGIN_FAILED&reason=…&error_description=…`. A start
   * lives for ten minutes.
   * Errors: `FEATURE_DISABLED` (there are no providers), `BAD_USER_INPUT` (`redirectTo` is not in
   * `LATCHKEY_REDIRECT_ORIGINS`), `EXTERNAL_LOGIN_FAILED` (the provider is away), `TOO_MANY_REQUESTS`, `UNAVAILABLE`,
   * `FORBIDDEN` (cookies, and the page is of a foreign origin).
   */
  readonly startExternalLogin: ExternalLoginStart;
  /**
   * Asks for a passkey as second factor: with an `mfaToken` for `completeMfaLogin`, and without one for `reauthenticate`, by
   * the session of the bearer.
   * Errors: `INVALID_TOKEN` (log in again), `UNAUTHENTICATED` (neither), `NOT_FOUND` (the account has no passkey),
   * `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`.
   */
  readonly startPasskeyChallenge: PasskeyLoginOptions;
  /**
   * Begins a login with a passkey, and asks for no address: the authenticator shows the passkeys that it has. Says the same
   * whoever asks.
   * Errors: `FEATURE_DISABLED`, `UNAVAILABLE`.
   */
  readonly startPasskeyLogin: PasskeyLoginOptions;
  /**
   * Begins the registration of a passkey (WebAuthn Level 3, §7.1). The answer has the members of
   * `PublicKeyCredentialCreationOptionsJSON`: a browser takes it whole, with
   * `PublicKeyCredential.parseCreationOptionsFromJSON`. Nothing changes until `finishPasskeyRegistration`. Needs an
   * authentication of the last 10 minutes, with a second factor once the account has one.
   * Errors: `UNAUTHENTICATED`, `REAUTHENTICATION_REQUIRED`, `FACTOR_LIMIT` (an account has ten), `FEATURE_DISABLED`,
   * `TOO_MANY_REQUESTS`, `UNAVAILABLE`.
   */
  readonly startPasskeyRegistration: PasskeyRegistrationOptions;
  /**
   * Begins the enrolment of an authenticator app (TOTP, RFC 6238). Nothing changes until `confirmTotpEnrolment` proves a
   * code; another call takes the place of an enrolment that is not confirmed. Needs an authentication of the last 10 minutes.
   * Errors: `UNAUTHENTICATED`, `REAUTHENTICATION_REQUIRED`, `FACTOR_LIMIT` (an account has one; remove it first),
   * `TOO_MANY_REQUESTS`, `BAD_USER_INPUT`, `UNAVAILABLE`.
   */
  readonly startTotpEnrolment: TotpEnrolment;
  /**
   * Takes a change of address back with the token of the link `/undo-email-change#token=…`, and all that came after it.
   * Whoever changed the address knew the password, so that goes, too, with every session, every other link, and the second
   * factors, recovery codes and external logins that came since the change was asked for; a link to set a new password is mailed to the restored address.
   * Errors: `INVALID_TOKEN`, `EMAIL_TAKEN` (somebody else proved the address since), `TOO_MANY_REQUESTS`, `UNAVAILABLE`.
   */
  readonly undoEmailChange: UndoEmailChangePayload;
  /**
   * Unlinks an account at a provider. Ends every other session and every pending login. Needs an authentication of the last
   * 10 minutes, with a second factor where the account has one.
   * Errors: `UNAUTHENTICATED`, `REAUTHENTICATION_REQUIRED`, `NOT_FOUND`, `LAST_CREDENTIAL`, `UNAVAILABLE`.
   */
  readonly unlinkExternalLogin: User;
  /** Changes what the account says of its owner. Errors: `UNAUTHENTICATED`, `TOO_MANY_REQUESTS`, `BAD_USER_INPUT`, `UNAVAILABLE`. */
  readonly updateMe: User;
  /**
   * Proves an address with the token of the link `/verify-email#token=…`.
   *
   * After a `register` that had to be verified it creates the account with the `password` of the input and opens its first
   * session.
   *
   * For an account that is there already the answer is null. Send a live access token of the account or its password along,
   * and everything of it stays. With the link alone, the first proof of an address takes away what was made before it,
   * because a stranger may have registered the address: the password, every session, every known device and pending
   * changes. A link to set a new password is mailed then.
   *
   * The token is not spent by a refusal. An access token that has expired is refused (`UNAUTHENTICATED`, `TOKEN_EXPIRED`)
   * where there is no password, so that the client refreshes first.
   * Errors: `INVALID_TOKEN`, `EMAIL_TAKEN` (another account has the address by now), `WEAK_PASSWORD`, `INVALID_CREDENTIALS`,
   * `UNAUTHENTICATED`, `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`, `BAD_USER_INPUT`, `FORBIDDEN` (cookies, and the
   * page is of a foreign origin).
   */
  readonly verifyEmail?: Maybe<AuthPayload>;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationAdminCreateApiKeyArgs = {
  input: AdminCreateApiKeyInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationAdminCreateServiceAccountArgs = {
  input: AdminCreateServiceAccountInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationAdminCreateUserArgs = {
  input: AdminCreateUserInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationAdminDeleteUserArgs = {
  input: AdminDeleteUserInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationAdminDisableServiceAccountArgs = {
  input: AdminDisableServiceAccountInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationAdminDisableUserArgs = {
  input: AdminDisableUserInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationAdminEnableServiceAccountArgs = {
  input: AdminEnableServiceAccountInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationAdminEnableUserArgs = {
  input: AdminEnableUserInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationAdminEndSessionsArgs = {
  input: AdminEndSessionsInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationAdminImpersonateArgs = {
  input: AdminImpersonateInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationAdminRemoveFactorsArgs = {
  input: AdminRemoveFactorsInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationAdminRevokeApiKeyArgs = {
  input: AdminRevokeApiKeyInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationAdminSendPasswordResetArgs = {
  input: AdminSendPasswordResetInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationAdminSetMetadataArgs = {
  input: AdminSetMetadataInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationAdminSetRolesArgs = {
  input: AdminSetRolesInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationAdminUnlockAccountArgs = {
  input: AdminUnlockAccountInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationAdminUpdateUserArgs = {
  input: AdminUpdateUserInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationChangePasswordArgs = {
  input: ChangePasswordInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationCompleteExternalLinkArgs = {
  input: CompleteExternalLinkInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationCompleteExternalLoginArgs = {
  input: CompleteExternalLoginInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationCompleteExternalRegistrationArgs = {
  input: CompleteExternalRegistrationInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationCompleteMfaLoginArgs = {
  input: CompleteMfaLoginInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationConfirmEmailChangeArgs = {
  input: ConfirmEmailChangeInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationConfirmTotpEnrolmentArgs = {
  input: ConfirmTotpEnrolmentInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationDeleteMeArgs = {
  input: DeleteMeInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationFinishPasskeyRegistrationArgs = {
  input: FinishPasskeyRegistrationInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationLinkExternalLoginArgs = {
  input: LinkExternalLoginInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationLoginArgs = {
  input: LoginInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationLoginWithEmailCodeArgs = {
  input: LoginWithEmailCodeInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationLoginWithMagicLinkArgs = {
  input: LoginWithMagicLinkInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationLoginWithPasskeyArgs = {
  input: LoginWithPasskeyInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationLogoutArgs = {
  input?: InputMaybe<LogoutInput>;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationReauthenticateArgs = {
  input: ReauthenticateInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationRefreshTokenArgs = {
  input?: InputMaybe<RefreshTokenInput>;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationRegisterArgs = {
  input: RegisterInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationRemoveFactorArgs = {
  input: RemoveFactorInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationRemovePasswordArgs = {
  input?: InputMaybe<RemovePasswordInput>;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationRenameFactorArgs = {
  input: RenameFactorInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationRequestEmailChangeArgs = {
  input: RequestEmailChangeInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationRequestEmailVerificationArgs = {
  input: RequestEmailVerificationInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationRequestExternalRegistrationArgs = {
  input: RequestExternalRegistrationInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationRequestFactorResetArgs = {
  input: RequestFactorResetInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationRequestMagicLinkArgs = {
  input: RequestMagicLinkInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationRequestPasswordResetArgs = {
  input: RequestPasswordResetInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationResetPasswordArgs = {
  input: ResetPasswordInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationRevokeSessionArgs = {
  input: RevokeSessionInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationStartExternalLoginArgs = {
  input: StartExternalLoginInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationStartPasskeyChallengeArgs = {
  input?: InputMaybe<StartPasskeyChallengeInput>;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationStartPasskeyRegistrationArgs = {
  input?: InputMaybe<StartPasskeyRegistrationInput>;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationStartTotpEnrolmentArgs = {
  input?: InputMaybe<StartTotpEnrolmentInput>;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationUndoEmailChangeArgs = {
  input: UndoEmailChangeInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationUnlinkExternalLoginArgs = {
  input: UnlinkExternalLoginInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationUpdateMeArgs = {
  input: UpdateMeInput;
};


/** What can be done. The fields of one document run one after another, in order. */
export type MutationVerifyEmailArgs = {
  input: VerifyEmailInput;
};

/** Which way a list goes. */
export type OrderDirection =
  /** The lowest first. */
  | 'ASC'
  /** The highest first. */
  | 'DESC';

/** Where a page stands in its list (Relay's cursor connections). */
export type PageInfo = {
  readonly __typename?: 'PageInfo';
  /** The cursor of the last edge; null where the page is empty. */
  readonly endCursor?: Maybe<Scalars['String']['output']>;
  /** Whether there is more after this page. */
  readonly hasNextPage: Scalars['Boolean']['output'];
  /** Whether there is more before this page. */
  readonly hasPreviousPage: Scalars['Boolean']['output'];
  /** The cursor of the first edge; null where the page is empty. */
  readonly startCursor?: Maybe<Scalars['String']['output']>;
};

/** The answer of an authenticator. */
export type PasskeyAnswerInput = {
  /** The `challengeId` of the options. */
  readonly challengeId: Scalars['ID']['input'];
  /** What `toJSON()` gives of the credential that `navigator.credentials.get` found. */
  readonly response: AuthenticationResponseInput;
};

/** Where the authenticator of a new passkey is. A wish, which the browser may pass over. */
export type PasskeyAttachment =
  /** Another device: a security key or a phone. */
  | 'CROSS_PLATFORM'
  /** The device that asks, as with a fingerprint. */
  | 'PLATFORM';

/** A passkey that an authenticator may know. */
export type PasskeyDescriptor = {
  readonly __typename?: 'PasskeyDescriptor';
  /** The credential's id, base64url. */
  readonly id: Scalars['String']['output'];
  /** How to reach the authenticator: `internal`, `hybrid`, `usb`, `nfc`, `ble`, `smart-card`. */
  readonly transports: ReadonlyArray<Scalars['String']['output']>;
  /** `public-key`. */
  readonly type: Scalars['String']['output'];
};

/** What is known of a passkey. */
export type PasskeyDetails = {
  readonly __typename?: 'PasskeyDetails';
  /** What its authenticator is called, where that is known. The browser says so, and nobody has checked it. */
  readonly authenticator?: Maybe<Scalars['String']['output']>;
  /** Whether copies of it are kept, as by a password manager. */
  readonly backedUp: Scalars['Boolean']['output'];
  /** How to reach its authenticator: `internal`, `hybrid`, `usb`, `nfc`, `ble`, `smart-card`. */
  readonly transports: ReadonlyArray<Scalars['String']['output']>;
};

/** `PublicKeyCredentialRequestOptionsJSON` (WebAuthn Level 3, §5.1.10), with the challenge that the answer names. A browser takes it whole, with `PublicKeyCredential.parseRequestOptionsFromJSON`. */
export type PasskeyLoginOptions = {
  readonly __typename?: 'PasskeyLoginOptions';
  /** The passkeys of the account; empty for a login, where the authenticator shows those that it has. */
  readonly allowCredentials: ReadonlyArray<PasskeyDescriptor>;
  /** What the authenticator signs, base64url. */
  readonly challenge: Scalars['String']['output'];
  /** What `PasskeyAnswerInput` takes. It works once. */
  readonly challengeId: Scalars['ID']['output'];
  /** Until when it can be answered. */
  readonly expiresAt: Scalars['DateTime']['output'];
  /** The domain that the passkey works on. */
  readonly rpId: Scalars['String']['output'];
  /** How long the user may take, in milliseconds. */
  readonly timeout: Scalars['Int']['output'];
  /** `required` where the passkey is all that is shown, and `preferred` beside another factor. */
  readonly userVerification: Scalars['String']['output'];
};

/** An algorithm of passkeys. */
export type PasskeyParameters = {
  readonly __typename?: 'PasskeyParameters';
  /** As COSE numbers it (RFC 9053): -7 is ES256, -8 EdDSA, -257 RS256. */
  readonly alg: Scalars['Int']['output'];
  /** `public-key`. */
  readonly type: Scalars['String']['output'];
};

/** `PublicKeyCredentialCreationOptionsJSON` (WebAuthn Level 3, §5.1.9), with the challenge that `finishPasskeyRegistration` names. */
export type PasskeyRegistrationOptions = {
  readonly __typename?: 'PasskeyRegistrationOptions';
  /** `none`: the server does not ask who made the authenticator. */
  readonly attestation: Scalars['String']['output'];
  /** What the authenticator has to be able to do. */
  readonly authenticatorSelection: PasskeySelection;
  /** What the authenticator signs, base64url. */
  readonly challenge: Scalars['String']['output'];
  /** What `finishPasskeyRegistration` takes. It works once, in the session that asked for it. */
  readonly challengeId: Scalars['ID']['output'];
  /** The passkeys that the account has. An authenticator makes no second one beside them. */
  readonly excludeCredentials: ReadonlyArray<PasskeyDescriptor>;
  /** Until when it can be finished. */
  readonly expiresAt: Scalars['DateTime']['output'];
  /** Which authenticator to offer first: `client-device`, `security-key`, `hybrid`. */
  readonly hints: ReadonlyArray<Scalars['String']['output']>;
  /** The algorithms that are accepted, the preferred one first. */
  readonly pubKeyCredParams: ReadonlyArray<PasskeyParameters>;
  /** Whom the passkey is for. */
  readonly rp: PasskeyRelyingParty;
  /** How long the user may take, in milliseconds. */
  readonly timeout: Scalars['Int']['output'];
  /** Whose the passkey is. */
  readonly user: PasskeyUser;
};

/** Whom a passkey is for. */
export type PasskeyRelyingParty = {
  readonly __typename?: 'PasskeyRelyingParty';
  /** The domain that the passkey works on (`LATCHKEY_WEBAUTHN_RP_ID`). */
  readonly id: Scalars['String']['output'];
  /** What people sign in to (`LATCHKEY_APP_NAME`). */
  readonly name: Scalars['String']['output'];
};

/** What the authenticator of a new passkey has to be able to do. */
export type PasskeySelection = {
  readonly __typename?: 'PasskeySelection';
  /** The same, for browsers that know no `residentKey`. */
  readonly requireResidentKey: Scalars['Boolean']['output'];
  /** `required`: the authenticator keeps the passkey, so a login needs no address. */
  readonly residentKey: Scalars['String']['output'];
  /** `required`: by a PIN or biometrics, so the passkey alone shows two factors. */
  readonly userVerification: Scalars['String']['output'];
};

/** Whose a passkey is. */
export type PasskeyUser = {
  readonly __typename?: 'PasskeyUser';
  /** The name of the account's owner, or the address again. */
  readonly displayName: Scalars['String']['output'];
  /** The user handle, base64url: random, one for each account, and not the id of the user. */
  readonly id: Scalars['String']['output'];
  /** The address of the account. */
  readonly name: Scalars['String']['output'];
};

/** What can be asked. */
export type Query = {
  readonly __typename?: 'Query';
  /**
   * What operators may see. Each field in it names the scope that it needs. A narrowed session and a service account get in by their scopes, too.
   * Errors: `UNAUTHENTICATED`, `FORBIDDEN` (`INSUFFICIENT_SCOPE`: the access token has no `latchkey:` scope).
   */
  readonly admin: AdminQuery;
  /** The providers by whose accounts people can log in, in the order of the operator. Errors: `UNAVAILABLE`. */
  readonly externalProviders: ReadonlyArray<ExternalProvider>;
  /** Who the access token speaks for. Errors: `UNAUTHENTICATED`. */
  readonly me: User;
  /** The session that the access token belongs to. Errors: `UNAUTHENTICATED`. */
  readonly session: Session;
  /** The viewer's live sessions, the most recently used first. Errors: `UNAUTHENTICATED`. */
  readonly sessions: ReadonlyArray<Session>;
};

/** What `reauthenticate` takes. */
export type ReauthenticateInput = {
  /** How the tokens come back. */
  readonly delivery?: TokenDelivery;
  /**
   * A passkey in the place of `totpCode`: the answer to a challenge that this session got of `startPasskeyChallenge`. With
   * user verification it shows two factors, and the password is not needed.
   */
  readonly passkey?: InputMaybe<PasskeyAnswerInput>;
  /** The account's password; needed unless a passkey is given (`BAD_USER_INPUT` otherwise). */
  readonly password?: InputMaybe<Scalars['String']['input']>;
  /** A recovery code in the place of `totpCode`; case, spaces and hyphens do not matter. */
  readonly recoveryCode?: InputMaybe<Scalars['String']['input']>;
  /** The six digits of the app, where the account has a second factor; spaces and hyphens between them do not matter. */
  readonly totpCode?: InputMaybe<Scalars['String']['input']>;
};

/** New recovery codes. */
export type RecoveryCodes = {
  readonly __typename?: 'RecoveryCodes';
  /** Ten codes, each for one use. They are shown this once. */
  readonly recoveryCodes: ReadonlyArray<Scalars['String']['output']>;
};

/** What `refreshToken` takes. */
export type RefreshTokenInput = {
  /** How the next tokens come back. */
  readonly delivery?: TokenDelivery;
  /** The newest refresh token received, `lkr_…`. */
  readonly refreshToken: Scalars['String']['input'];
};

/** What `register` takes. */
export type RegisterInput = {
  /** How the tokens come back. */
  readonly delivery?: TokenDelivery;
  /** The address to log in with. One account each, whatever the case of its letters. */
  readonly email: Scalars['EmailAddress']['input'];
  /** What to call the account's owner, at most 100 characters, one of them visible. */
  readonly name?: InputMaybe<Scalars['String']['input']>;
  /**
   * At least 15 characters unless configured otherwise, at most 128; any characters, no composition rules. Needed unless the
   * address must be verified first (`BAD_USER_INPUT` otherwise). There it is not looked at and not kept: anybody could
   * register somebody else's address, so `verifyEmail` takes the password.
   */
  readonly password?: InputMaybe<Scalars['String']['input']>;
  /**
   * The scopes to narrow the first session to, as in `LoginInput.scope`. Where the address must be verified first there is
   * no session yet, and `VerifyEmailInput.scope` counts.
   */
  readonly scope?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
};

/** What came of a registration. */
export type RegisterPayload = {
  readonly __typename?: 'RegisterPayload';
  /** The first session; null only when the address must be verified first. */
  readonly auth?: Maybe<AuthPayload>;
  /** Whether a link was sent to the address that has to be opened before the first login. */
  readonly verificationRequired: Scalars['Boolean']['output'];
};

/** `RegistrationResponseJSON` (WebAuthn Level 3, §5.1.7), as a browser gives it. */
export type RegistrationResponseInput = {
  /** Where the authenticator is; not looked at. */
  readonly authenticatorAttachment?: InputMaybe<Scalars['String']['input']>;
  /** What came of extensions; not looked at. */
  readonly clientExtensionResults?: InputMaybe<Scalars['JSONObject']['input']>;
  /** The credential's id, base64url, at most 1,023 bytes. */
  readonly id: Scalars['String']['input'];
  /** The same. */
  readonly rawId: Scalars['String']['input'];
  /** What the authenticator says. */
  readonly response: AttestationResponseInput;
  /** `public-key`. */
  readonly type: Scalars['String']['input'];
};

/** What `removeFactor` takes. */
export type RemoveFactorInput = {
  /** The `id` of one of the viewer's factors. */
  readonly id: Scalars['ID']['input'];
};

/** What `removePassword` takes. */
export type RemovePasswordInput = {
  /** The account's password; null where the authentication of the last 10 minutes is to count. */
  readonly password?: InputMaybe<Scalars['String']['input']>;
};

/** What `renameFactor` takes. */
export type RenameFactorInput = {
  /** The `id` of one of the viewer's factors. */
  readonly id: Scalars['ID']['input'];
  /** What to call it, at most 100 characters, one of them visible; null removes the name. */
  readonly name?: InputMaybe<Scalars['String']['input']>;
};

/** What `requestEmailChange` takes. */
export type RequestEmailChangeInput = {
  /** The address to log in with from then on. */
  readonly newEmail: Scalars['EmailAddress']['input'];
  /** The account's password; null where the authentication of the last 10 minutes is to count. */
  readonly password?: InputMaybe<Scalars['String']['input']>;
};

/** What `requestEmailVerification` takes. */
export type RequestEmailVerificationInput = {
  /** The address to be verified. */
  readonly email: Scalars['EmailAddress']['input'];
};

/** What `requestExternalRegistration` takes. */
export type RequestExternalRegistrationInput = {
  /** The address for the account. */
  readonly email: Scalars['EmailAddress']['input'];
  /** The token of `completeExternalLogin`. */
  readonly registrationToken: Scalars['String']['input'];
};

/** What `requestFactorReset` takes. */
export type RequestFactorResetInput = {
  /** The token of the answer `MFA_REQUIRED`, `lkm_…`. */
  readonly mfaToken: Scalars['String']['input'];
};

/** What `requestMagicLink` takes. */
export type RequestMagicLinkInput = {
  /** The address of the account. */
  readonly email: Scalars['EmailAddress']['input'];
};

/** What `requestPasswordReset` takes. */
export type RequestPasswordResetInput = {
  /** The address of the account. */
  readonly email: Scalars['EmailAddress']['input'];
};

/** What `resetPassword` takes. */
export type ResetPasswordInput = {
  /** At least 15 characters unless configured otherwise, at most 128. */
  readonly newPassword: Scalars['String']['input'];
  /** The token from the link, `lko_…`. */
  readonly token: Scalars['String']['input'];
};

/** What came of a reset. */
export type ResetPasswordPayload = {
  readonly __typename?: 'ResetPasswordPayload';
  /** How many sessions it ended. */
  readonly revokedSessions: Scalars['Int']['output'];
};

/** What `revokeSession` takes. */
export type RevokeSessionInput = {
  /** The `id` of one of the viewer's sessions. */
  readonly id: Scalars['ID']['input'];
};

/** A program that has tokens of its own. It is the subject and the client of each (`sub`, `client_id`). */
export type ServiceAccount = {
  readonly __typename?: 'ServiceAccount';
  /** When it was created. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** Who created it; null once that account is deleted. */
  readonly createdBy?: Maybe<Scalars['ID']['output']>;
  /** What it is for; null where nobody said. */
  readonly description?: Maybe<Scalars['String']['output']>;
  /** Since when none of its keys works; null while they do. */
  readonly disabledAt?: Maybe<Scalars['DateTime']['output']>;
  /** `svc_…` */
  readonly id: Scalars['ID']['output'];
  /** Its keys, the newest first; those that ended, for 30 days. */
  readonly keys: ReadonlyArray<ApiKey>;
  /** What operators call it; no other one has the name. */
  readonly name: Scalars['String']['output'];
  /** The most that its keys allow; null where their makers alone decide. */
  readonly scope?: Maybe<ReadonlyArray<Scalars['String']['output']>>;
};

/** Service accounts, a page at a time (Relay's cursor connections). */
export type ServiceAccountConnection = {
  readonly __typename?: 'ServiceAccountConnection';
  /** The service accounts of the page, each with its cursor. */
  readonly edges: ReadonlyArray<ServiceAccountEdge>;
  /** Where the page stands. */
  readonly pageInfo: PageInfo;
};

/** A service account in a list. */
export type ServiceAccountEdge = {
  readonly __typename?: 'ServiceAccountEdge';
  /** Where it stands: what `after` takes. */
  readonly cursor: Scalars['String']['output'];
  /** The service account. */
  readonly node: ServiceAccount;
};

/** One login on one device, from authentication until it expires or is ended. */
export type Session = {
  readonly __typename?: 'Session';
  /**
   * How its owner proved who they are (RFC 8176): `pwd` is the password, `otp` a code or a link that was mailed, a code of an
   * app or a recovery code, `pop` and `user` a passkey, with `swk` where copies of it are kept, `fed` an account at a
   * provider, and `mfa` stands beside them where it was two factors.
   */
  readonly amr: ReadonlyArray<Scalars['String']['output']>;
  /** When its owner last proved who they are (the `auth_time` claim). */
  readonly authenticatedAt: Scalars['DateTime']['output'];
  /** When it began. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** Whether it is the session that asks, or that this very answer opened. */
  readonly current: Scalars['Boolean']['output'];
  /** What its owner called the device at login. */
  readonly deviceName?: Maybe<Scalars['String']['output']>;
  /** When it ends however much it is used. */
  readonly expiresAt: Scalars['DateTime']['output'];
  /** Opaque; the `sid` claim of access tokens. */
  readonly id: Scalars['ID']['output'];
  /** When it ends if it is not refreshed before. */
  readonly idleExpiresAt: Scalars['DateTime']['output'];
  /** Whether an operator opened it to see what the owner sees. It can change nothing. */
  readonly impersonated: Scalars['Boolean']['output'];
  /** The network address of its last refresh or its login. */
  readonly ip?: Maybe<Scalars['String']['output']>;
  /** When it was last refreshed, or began. */
  readonly lastUsedAt: Scalars['DateTime']['output'];
  /** What its login narrowed it to, and it never gets more; null is all that the roles of its owner allow. */
  readonly scope?: Maybe<ReadonlyArray<Scalars['String']['output']>>;
  /** The User-Agent header of its last refresh or its login, at most 256 characters. */
  readonly userAgent?: Maybe<Scalars['String']['output']>;
};

/** What `startExternalLogin` takes. */
export type StartExternalLoginInput = {
  /** How the tokens come back at the end. With `COOKIE` the browser keeps the verifier in a cookie, too. */
  readonly delivery?: TokenDelivery;
  /** What to call this device in the list of sessions, at most 100 characters, one of them visible. */
  readonly deviceName?: InputMaybe<Scalars['String']['input']>;
  /** The `name` of one of `externalProviders`. */
  readonly provider: Scalars['String']['input'];
  /**
   * Where the browser goes at the end: a URL of this server or of an origin in `LATCHKEY_REDIRECT_ORIGINS`, or an address of
   * an app that stands there whole. It has no fragment, and at most 2,000 characters.
   */
  readonly redirectTo: Scalars['String']['input'];
  /** The scopes to narrow the session to, as in `LoginInput.scope`. */
  readonly scope?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
};

/** What `startPasskeyChallenge` takes. */
export type StartPasskeyChallengeInput = {
  /** The token of the answer `MFA_REQUIRED`, `lkm_…`; null for `reauthenticate`, by the session of the bearer. */
  readonly mfaToken?: InputMaybe<Scalars['String']['input']>;
};

/** What `startPasskeyRegistration` takes. */
export type StartPasskeyRegistrationInput = {
  /** Where the authenticator is to be; null leaves it to the user. */
  readonly attachment?: InputMaybe<PasskeyAttachment>;
};

/** What `startTotpEnrolment` takes. */
export type StartTotpEnrolmentInput = {
  /** What the app is to show beside the name of this server, at most 100 characters; the address of the account unless given. */
  readonly label?: InputMaybe<Scalars['String']['input']>;
};

/** What happened in one interval. */
export type StatsBucket = {
  readonly __typename?: 'StatsBucket';
  /** Logins and re-authentications that were refused. */
  readonly failures: Scalars['Int']['output'];
  /** When the interval begins. */
  readonly from: Scalars['DateTime']['output'];
  /** Logins and re-authentications that worked. */
  readonly logins: Scalars['Int']['output'];
  /** Accounts that were made. */
  readonly registrations: Scalars['Int']['output'];
};

/** How long an interval of statistics is. */
export type StatsInterval =
  /** 24 hours, from the first moment that was asked for. */
  | 'DAY'
  /** 60 minutes. */
  | 'HOUR'
  /** Seven days. */
  | 'WEEK';

/** How a refresh token and a device token come back. The access token is always in the answer: a page keeps it in memory. */
export type TokenDelivery =
  /** In the answer, for clients that can keep a secret. */
  | 'BODY'
  /**
   * In cookies that no script of the page can read, each of the two in its own (`__Host-`, Secure, HttpOnly,
   * SameSite=Strict), and not in the answer. Needs `LATCHKEY_COOKIES=on`, else it is `BAD_USER_INPUT`, and an `Origin`
   * that is the server's own or in `LATCHKEY_CORS_ORIGINS`, else it is `FORBIDDEN`.
   */
  | 'COOKIE';

/** How an access token is sent (RFC 6750). */
export type TokenType =
  /** `Authorization: Bearer <token>`. */
  | 'Bearer';

/** An enrolment that waits for its first code. */
export type TotpEnrolment = {
  readonly __typename?: 'TotpEnrolment';
  /** Until when it can be confirmed. */
  readonly expiresAt: Scalars['DateTime']['output'];
  /** The same with all that an app needs, as in the QR code: `otpauth://totp/…`. */
  readonly otpauthUri: Scalars['String']['output'];
  /** The QR code, an SVG in a `data:` URI for the `src` of an image. */
  readonly qrCode: Scalars['String']['output'];
  /** The secret in base32, to be typed into an app that cannot read the QR code. */
  readonly secret: Scalars['String']['output'];
};

/** What `undoEmailChange` takes. */
export type UndoEmailChangeInput = {
  /** The token from the link, `lko_…`. */
  readonly token: Scalars['String']['input'];
};

/** What came of taking a change of address back. */
export type UndoEmailChangePayload = {
  readonly __typename?: 'UndoEmailChangePayload';
  /** How many sessions it ended. */
  readonly revokedSessions: Scalars['Int']['output'];
};

/** What `unlinkExternalLogin` takes. */
export type UnlinkExternalLoginInput = {
  /** The `id` of one of the viewer's external logins. */
  readonly id: Scalars['ID']['input'];
};

/** What `updateMe` takes; a field that is left out stays as it is. */
export type UpdateMeInput = {
  /** What to call the viewer, at most 100 characters, one of them visible; null removes it. */
  readonly name?: InputMaybe<Scalars['String']['input']>;
};

/** A person with an account. */
export type User = {
  readonly __typename?: 'User';
  /** When they registered. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** The address to log in with, as it was typed. */
  readonly email: Scalars['EmailAddress']['output'];
  /**
   * Whether its owner proved that it is theirs: by following a link that was mailed there. An account that
   * `latchkey users create` made counts as verified, one that `register` made without verification does not.
   */
  readonly emailVerified: Scalars['Boolean']['output'];
  /**
   * The accounts at providers that they log in with, the oldest first. Errors: `FORBIDDEN` (the session that asks was
   * narrowed, or the account has to enrol a second factor first).
   */
  readonly externalLogins: ReadonlyArray<ExternalLogin>;
  /**
   * Whether they can log in with a password. Errors: `FORBIDDEN` (the session that asks was narrowed; `extensions.reason` is
   * `NARROWED_SESSION`).
   */
  readonly hasPassword: Scalars['Boolean']['output'];
  /** Stable and opaque; the `sub` claim of access tokens. */
  readonly id: Scalars['ID']['output'];
  /** What operators keep about them, at most 4 KiB of JSON. Operators alone write it. */
  readonly metadata: Scalars['JSONObject']['output'];
  /**
   * Their second factors. Errors: `FORBIDDEN` (the session that asks was narrowed; `extensions.reason` is
   * `NARROWED_SESSION`).
   */
  readonly mfa: Mfa;
  /** What to call them, if they said. */
  readonly name?: Maybe<Scalars['String']['output']>;
  /**
   * The roles that they have, the highest first: those that an operator gave them, and the default roles. What a token
   * allows is in `AuthPayload.scope`.
   */
  readonly roles: ReadonlyArray<Scalars['String']['output']>;
  /**
   * Their live sessions, the most recently used first. Errors: `FORBIDDEN` (the session that asks was narrowed, or the
   * account has to enrol a second factor first).
   */
  readonly sessions: ReadonlyArray<Session>;
  /** When their email, name or password last changed. */
  readonly updatedAt: Scalars['DateTime']['output'];
};

/** What `verifyEmail` takes. */
export type VerifyEmailInput = {
  /** How the tokens come back. */
  readonly delivery?: TokenDelivery;
  /** What to call this device in the list of sessions, at most 100 characters, one of them visible. */
  readonly deviceName?: InputMaybe<Scalars['String']['input']>;
  /**
   * For a new account, the password to log in with: at least 15 characters unless configured otherwise, at most 128. For an
   * account that is there already, its password, or null.
   */
  readonly password?: InputMaybe<Scalars['String']['input']>;
  /** The scopes to narrow the first session of a new account to, as in `LoginInput.scope`. */
  readonly scope?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** The token from the link, `lko_…`. */
  readonly token: Scalars['String']['input'];
};



export type ResolverTypeWrapper<T> = Promise<T> | T;


export type ResolverWithResolve<TResult, TParent, TContext, TArgs> = {
  resolve: ResolverFn<TResult, TParent, TContext, TArgs>;
};
export type Resolver<TResult, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> = ResolverFn<TResult, TParent, TContext, TArgs> | ResolverWithResolve<TResult, TParent, TContext, TArgs>;

export type ResolverFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => Promise<TResult> | TResult;

export type SubscriptionSubscribeFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => AsyncIterable<TResult> | Promise<AsyncIterable<TResult>>;

export type SubscriptionResolveFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => TResult | Promise<TResult>;

export interface SubscriptionSubscriberObject<TResult, TKey extends string, TParent, TContext, TArgs> {
  subscribe: SubscriptionSubscribeFn<{ [key in TKey]: TResult }, TParent, TContext, TArgs>;
  resolve?: SubscriptionResolveFn<TResult, { [key in TKey]: TResult }, TContext, TArgs>;
}

export interface SubscriptionResolverObject<TResult, TParent, TContext, TArgs> {
  subscribe: SubscriptionSubscribeFn<any, TParent, TContext, TArgs>;
  resolve: SubscriptionResolveFn<TResult, any, TContext, TArgs>;
}

export type SubscriptionObject<TResult, TKey extends string, TParent, TContext, TArgs> =
  | SubscriptionSubscriberObject<TResult, TKey, TParent, TContext, TArgs>
  | SubscriptionResolverObject<TResult, TParent, TContext, TArgs>;

export type SubscriptionResolver<TResult, TKey extends string, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> =
  | ((...args: any[]) => SubscriptionObject<TResult, TKey, TParent, TContext, TArgs>)
  | SubscriptionObject<TResult, TKey, TParent, TContext, TArgs>;

export type TypeResolveFn<TTypes, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>> = (
  parent: TParent,
  context: TContext,
  info: GraphQLResolveInfo
) => Maybe<TTypes> | Promise<Maybe<TTypes>>;

export type IsTypeOfResolverFn<T = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>> = (obj: T, context: TContext, info: GraphQLResolveInfo) => boolean | Promise<boolean>;

export type NextResolverFn<T> = () => Promise<T>;

export type DirectiveResolverFn<TResult = Record<PropertyKey, never>, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> = (
  next: NextResolverFn<TResult>,
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => TResult | Promise<TResult>;





/** Mapping between all available schema types and the resolvers types */
export type ResolversTypes = {
  AdminCreateApiKeyInput: AdminCreateApiKeyInput;
  AdminCreateServiceAccountInput: AdminCreateServiceAccountInput;
  AdminCreateUserInput: AdminCreateUserInput;
  AdminDeleteUserInput: AdminDeleteUserInput;
  AdminDisableServiceAccountInput: AdminDisableServiceAccountInput;
  AdminDisableUserInput: AdminDisableUserInput;
  AdminEnableServiceAccountInput: AdminEnableServiceAccountInput;
  AdminEnableUserInput: AdminEnableUserInput;
  AdminEndSessionsInput: AdminEndSessionsInput;
  AdminFactor: ResolverTypeWrapper<AdminFactorMapper>;
  AdminFailedLogins: ResolverTypeWrapper<AdminFailedLogins>;
  AdminImpersonateInput: AdminImpersonateInput;
  AdminQuery: ResolverTypeWrapper<AdminQueryMapper>;
  AdminRemoveFactorsInput: AdminRemoveFactorsInput;
  AdminRevokeApiKeyInput: AdminRevokeApiKeyInput;
  AdminSendPasswordResetInput: AdminSendPasswordResetInput;
  AdminSetMetadataInput: AdminSetMetadataInput;
  AdminSetRolesInput: AdminSetRolesInput;
  AdminStats: ResolverTypeWrapper<AdminStatsMapper>;
  AdminUnlockAccountInput: AdminUnlockAccountInput;
  AdminUpdateUserInput: AdminUpdateUserInput;
  AdminUser: ResolverTypeWrapper<AdminUserMapper>;
  AdminUserConnection: ResolverTypeWrapper<AdminUserConnectionMapper>;
  AdminUserEdge: ResolverTypeWrapper<Omit<AdminUserEdge, 'node'> & { node: ResolversTypes['AdminUser'] }>;
  AdminUserFilter: AdminUserFilter;
  AdminUserOrder: AdminUserOrder;
  AdminUserOrderField: AdminUserOrderField;
  AdminUserState: AdminUserState;
  ApiKey: ResolverTypeWrapper<ApiKeyMapper>;
  ApiKeyPayload: ResolverTypeWrapper<Omit<ApiKeyPayload, 'apiKey'> & { apiKey: ResolversTypes['ApiKey'] }>;
  AssertionResponseInput: AssertionResponseInput;
  AttestationResponseInput: AttestationResponseInput;
  AuditEvent: ResolverTypeWrapper<AuditEventMapper>;
  AuditEventConnection: ResolverTypeWrapper<Omit<AuditEventConnection, 'edges'> & { edges: ReadonlyArray<ResolversTypes['AuditEventEdge']> }>;
  AuditEventEdge: ResolverTypeWrapper<Omit<AuditEventEdge, 'node'> & { node: ResolversTypes['AuditEvent'] }>;
  AuditEventFilter: AuditEventFilter;
  AuditOutcome: AuditOutcome;
  AuthPayload: ResolverTypeWrapper<AuthPayloadMapper>;
  AuthenticationResponseInput: AuthenticationResponseInput;
  Boolean: ResolverTypeWrapper<Scalars['Boolean']['output']>;
  ChangePasswordInput: ChangePasswordInput;
  CompleteExternalLinkInput: CompleteExternalLinkInput;
  CompleteExternalLoginInput: CompleteExternalLoginInput;
  CompleteExternalRegistrationInput: CompleteExternalRegistrationInput;
  CompleteMfaLoginInput: CompleteMfaLoginInput;
  ConfirmEmailChangeInput: ConfirmEmailChangeInput;
  ConfirmEmailChangePayload: ResolverTypeWrapper<ConfirmEmailChangePayload>;
  ConfirmTotpEnrolmentInput: ConfirmTotpEnrolmentInput;
  DateTime: ResolverTypeWrapper<Scalars['DateTime']['output']>;
  DeleteMeInput: DeleteMeInput;
  DeleteMePayload: ResolverTypeWrapper<DeleteMePayload>;
  EmailAddress: ResolverTypeWrapper<Scalars['EmailAddress']['output']>;
  ErrorCode: ErrorCode;
  ExternalLogin: ResolverTypeWrapper<ExternalLoginMapper>;
  ExternalLoginPayload: ResolverTypeWrapper<Omit<ExternalLoginPayload, 'auth'> & { auth?: Maybe<ResolversTypes['AuthPayload']> }>;
  ExternalLoginStart: ResolverTypeWrapper<ExternalLoginStart>;
  ExternalProvider: ResolverTypeWrapper<ExternalProvider>;
  Factor: ResolverTypeWrapper<FactorMapper>;
  FactorConfirmation: ResolverTypeWrapper<Omit<FactorConfirmation, 'auth' | 'factor'> & { auth: ResolversTypes['AuthPayload'], factor: ResolversTypes['Factor'] }>;
  FactorKind: FactorKind;
  FinishPasskeyRegistrationInput: FinishPasskeyRegistrationInput;
  ID: ResolverTypeWrapper<Scalars['ID']['output']>;
  ImpersonationPayload: ResolverTypeWrapper<ImpersonationPayload>;
  Int: ResolverTypeWrapper<Scalars['Int']['output']>;
  JSONObject: ResolverTypeWrapper<Scalars['JSONObject']['output']>;
  JWT: ResolverTypeWrapper<Scalars['JWT']['output']>;
  LinkExternalLoginInput: LinkExternalLoginInput;
  LoginInput: LoginInput;
  LoginWithEmailCodeInput: LoginWithEmailCodeInput;
  LoginWithMagicLinkInput: LoginWithMagicLinkInput;
  LoginWithPasskeyInput: LoginWithPasskeyInput;
  LogoutInput: LogoutInput;
  LogoutPayload: ResolverTypeWrapper<LogoutPayload>;
  LogoutScope: LogoutScope;
  MailRequestPayload: ResolverTypeWrapper<MailRequestPayload>;
  Mfa: ResolverTypeWrapper<MfaMapper>;
  Mutation: ResolverTypeWrapper<Record<PropertyKey, never>>;
  OrderDirection: OrderDirection;
  PageInfo: ResolverTypeWrapper<PageInfo>;
  PasskeyAnswerInput: PasskeyAnswerInput;
  PasskeyAttachment: PasskeyAttachment;
  PasskeyDescriptor: ResolverTypeWrapper<PasskeyDescriptor>;
  PasskeyDetails: ResolverTypeWrapper<PasskeyDetails>;
  PasskeyLoginOptions: ResolverTypeWrapper<PasskeyLoginOptions>;
  PasskeyParameters: ResolverTypeWrapper<PasskeyParameters>;
  PasskeyRegistrationOptions: ResolverTypeWrapper<PasskeyRegistrationOptions>;
  PasskeyRelyingParty: ResolverTypeWrapper<PasskeyRelyingParty>;
  PasskeySelection: ResolverTypeWrapper<PasskeySelection>;
  PasskeyUser: ResolverTypeWrapper<PasskeyUser>;
  PositiveInt: ResolverTypeWrapper<Scalars['PositiveInt']['output']>;
  Query: ResolverTypeWrapper<Record<PropertyKey, never>>;
  ReauthenticateInput: ReauthenticateInput;
  RecoveryCodes: ResolverTypeWrapper<RecoveryCodes>;
  RefreshTokenInput: RefreshTokenInput;
  RegisterInput: RegisterInput;
  RegisterPayload: ResolverTypeWrapper<Omit<RegisterPayload, 'auth'> & { auth?: Maybe<ResolversTypes['AuthPayload']> }>;
  RegistrationResponseInput: RegistrationResponseInput;
  RemoveFactorInput: RemoveFactorInput;
  RemovePasswordInput: RemovePasswordInput;
  RenameFactorInput: RenameFactorInput;
  RequestEmailChangeInput: RequestEmailChangeInput;
  RequestEmailVerificationInput: RequestEmailVerificationInput;
  RequestExternalRegistrationInput: RequestExternalRegistrationInput;
  RequestFactorResetInput: RequestFactorResetInput;
  RequestMagicLinkInput: RequestMagicLinkInput;
  RequestPasswordResetInput: RequestPasswordResetInput;
  ResetPasswordInput: ResetPasswordInput;
  ResetPasswordPayload: ResolverTypeWrapper<ResetPasswordPayload>;
  RevokeSessionInput: RevokeSessionInput;
  ServiceAccount: ResolverTypeWrapper<ServiceAccountMapper>;
  ServiceAccountConnection: ResolverTypeWrapper<Omit<ServiceAccountConnection, 'edges'> & { edges: ReadonlyArray<ResolversTypes['ServiceAccountEdge']> }>;
  ServiceAccountEdge: ResolverTypeWrapper<Omit<ServiceAccountEdge, 'node'> & { node: ResolversTypes['ServiceAccount'] }>;
  Session: ResolverTypeWrapper<SessionMapper>;
  StartExternalLoginInput: StartExternalLoginInput;
  StartPasskeyChallengeInput: StartPasskeyChallengeInput;
  StartPasskeyRegistrationInput: StartPasskeyRegistrationInput;
  StartTotpEnrolmentInput: StartTotpEnrolmentInput;
  StatsBucket: ResolverTypeWrapper<StatsBucket>;
  StatsInterval: StatsInterval;
  String: ResolverTypeWrapper<Scalars['String']['output']>;
  TokenDelivery: TokenDelivery;
  TokenType: TokenType;
  TotpEnrolment: ResolverTypeWrapper<TotpEnrolment>;
  UndoEmailChangeInput: UndoEmailChangeInput;
  UndoEmailChangePayload: ResolverTypeWrapper<UndoEmailChangePayload>;
  UnlinkExternalLoginInput: UnlinkExternalLoginInput;
  UpdateMeInput: UpdateMeInput;
  User: ResolverTypeWrapper<UserMapper>;
  VerifyEmailInput: VerifyEmailInput;
};

/** Mapping between all available schema types and the resolvers parents */
export type ResolversParentTypes = {
  AdminCreateApiKeyInput: AdminCreateApiKeyInput;
  AdminCreateServiceAccountInput: AdminCreateServiceAccountInput;
  AdminCreateUserInput: AdminCreateUserInput;
  AdminDeleteUserInput: AdminDeleteUserInput;
  AdminDisableServiceAccountInput: AdminDisableServiceAccountInput;
  AdminDisableUserInput: AdminDisableUserInput;
  AdminEnableServiceAccountInput: AdminEnableServiceAccountInput;
  AdminEnableUserInput: AdminEnableUserInput;
  AdminEndSessionsInput: AdminEndSessionsInput;
  AdminFactor: AdminFactorMapper;
  AdminFailedLogins: AdminFailedLogins;
  AdminImpersonateInput: AdminImpersonateInput;
  AdminQuery: AdminQueryMapper;
  AdminRemoveFactorsInput: AdminRemoveFactorsInput;
  AdminRevokeApiKeyInput: AdminRevokeApiKeyInput;
  AdminSendPasswordResetInput: AdminSendPasswordResetInput;
  AdminSetMetadataInput: AdminSetMetadataInput;
  AdminSetRolesInput: AdminSetRolesInput;
  AdminStats: AdminStatsMapper;
  AdminUnlockAccountInput: AdminUnlockAccountInput;
  AdminUpdateUserInput: AdminUpdateUserInput;
  AdminUser: AdminUserMapper;
  AdminUserConnection: AdminUserConnectionMapper;
  AdminUserEdge: Omit<AdminUserEdge, 'node'> & { node: ResolversParentTypes['AdminUser'] };
  AdminUserFilter: AdminUserFilter;
  AdminUserOrder: AdminUserOrder;
  ApiKey: ApiKeyMapper;
  ApiKeyPayload: Omit<ApiKeyPayload, 'apiKey'> & { apiKey: ResolversParentTypes['ApiKey'] };
  AssertionResponseInput: AssertionResponseInput;
  AttestationResponseInput: AttestationResponseInput;
  AuditEvent: AuditEventMapper;
  AuditEventConnection: Omit<AuditEventConnection, 'edges'> & { edges: ReadonlyArray<ResolversParentTypes['AuditEventEdge']> };
  AuditEventEdge: Omit<AuditEventEdge, 'node'> & { node: ResolversParentTypes['AuditEvent'] };
  AuditEventFilter: AuditEventFilter;
  AuthPayload: AuthPayloadMapper;
  AuthenticationResponseInput: AuthenticationResponseInput;
  Boolean: Scalars['Boolean']['output'];
  ChangePasswordInput: ChangePasswordInput;
  CompleteExternalLinkInput: CompleteExternalLinkInput;
  CompleteExternalLoginInput: CompleteExternalLoginInput;
  CompleteExternalRegistrationInput: CompleteExternalRegistrationInput;
  CompleteMfaLoginInput: CompleteMfaLoginInput;
  ConfirmEmailChangeInput: ConfirmEmailChangeInput;
  ConfirmEmailChangePayload: ConfirmEmailChangePayload;
  ConfirmTotpEnrolmentInput: ConfirmTotpEnrolmentInput;
  DateTime: Scalars['DateTime']['output'];
  DeleteMeInput: DeleteMeInput;
  DeleteMePayload: DeleteMePayload;
  EmailAddress: Scalars['EmailAddress']['output'];
  ExternalLogin: ExternalLoginMapper;
  ExternalLoginPayload: Omit<ExternalLoginPayload, 'auth'> & { auth?: Maybe<ResolversParentTypes['AuthPayload']> };
  ExternalLoginStart: ExternalLoginStart;
  ExternalProvider: ExternalProvider;
  Factor: FactorMapper;
  FactorConfirmation: Omit<FactorConfirmation, 'auth' | 'factor'> & { auth: ResolversParentTypes['AuthPayload'], factor: ResolversParentTypes['Factor'] };
  FinishPasskeyRegistrationInput: FinishPasskeyRegistrationInput;
  ID: Scalars['ID']['output'];
  ImpersonationPayload: ImpersonationPayload;
  Int: Scalars['Int']['output'];
  JSONObject: Scalars['JSONObject']['output'];
  JWT: Scalars['JWT']['output'];
  LinkExternalLoginInput: LinkExternalLoginInput;
  LoginInput: LoginInput;
  LoginWithEmailCodeInput: LoginWithEmailCodeInput;
  LoginWithMagicLinkInput: LoginWithMagicLinkInput;
  LoginWithPasskeyInput: LoginWithPasskeyInput;
  LogoutInput: LogoutInput;
  LogoutPayload: LogoutPayload;
  MailRequestPayload: MailRequestPayload;
  Mfa: MfaMapper;
  Mutation: Record<PropertyKey, never>;
  PageInfo: PageInfo;
  PasskeyAnswerInput: PasskeyAnswerInput;
  PasskeyDescriptor: PasskeyDescriptor;
  PasskeyDetails: PasskeyDetails;
  PasskeyLoginOptions: PasskeyLoginOptions;
  PasskeyParameters: PasskeyParameters;
  PasskeyRegistrationOptions: PasskeyRegistrationOptions;
  PasskeyRelyingParty: PasskeyRelyingParty;
  PasskeySelection: PasskeySelection;
  PasskeyUser: PasskeyUser;
  PositiveInt: Scalars['PositiveInt']['output'];
  Query: Record<PropertyKey, never>;
  ReauthenticateInput: ReauthenticateInput;
  RecoveryCodes: RecoveryCodes;
  RefreshTokenInput: RefreshTokenInput;
  RegisterInput: RegisterInput;
  RegisterPayload: Omit<RegisterPayload, 'auth'> & { auth?: Maybe<ResolversParentTypes['AuthPayload']> };
  RegistrationResponseInput: RegistrationResponseInput;
  RemoveFactorInput: RemoveFactorInput;
  RemovePasswordInput: RemovePasswordInput;
  RenameFactorInput: RenameFactorInput;
  RequestEmailChangeInput: RequestEmailChangeInput;
  RequestEmailVerificationInput: RequestEmailVerificationInput;
  RequestExternalRegistrationInput: RequestExternalRegistrationInput;
  RequestFactorResetInput: RequestFactorResetInput;
  RequestMagicLinkInput: RequestMagicLinkInput;
  RequestPasswordResetInput: RequestPasswordResetInput;
  ResetPasswordInput: ResetPasswordInput;
  ResetPasswordPayload: ResetPasswordPayload;
  RevokeSessionInput: RevokeSessionInput;
  ServiceAccount: ServiceAccountMapper;
  ServiceAccountConnection: Omit<ServiceAccountConnection, 'edges'> & { edges: ReadonlyArray<ResolversParentTypes['ServiceAccountEdge']> };
  ServiceAccountEdge: Omit<ServiceAccountEdge, 'node'> & { node: ResolversParentTypes['ServiceAccount'] };
  Session: SessionMapper;
  StartExternalLoginInput: StartExternalLoginInput;
  StartPasskeyChallengeInput: StartPasskeyChallengeInput;
  StartPasskeyRegistrationInput: StartPasskeyRegistrationInput;
  StartTotpEnrolmentInput: StartTotpEnrolmentInput;
  StatsBucket: StatsBucket;
  String: Scalars['String']['output'];
  TotpEnrolment: TotpEnrolment;
  UndoEmailChangeInput: UndoEmailChangeInput;
  UndoEmailChangePayload: UndoEmailChangePayload;
  UnlinkExternalLoginInput: UnlinkExternalLoginInput;
  UpdateMeInput: UpdateMeInput;
  User: UserMapper;
  VerifyEmailInput: VerifyEmailInput;
};

export type CostDirectiveArgs = {
  weight: Scalars['Int']['input'];
};

export type CostDirectiveResolver<Result, Parent, ContextType = Context, Args = CostDirectiveArgs> = DirectiveResolverFn<Result, Parent, ContextType, Args>;

export type CredentialDirectiveArgs = { };

export type CredentialDirectiveResolver<Result, Parent, ContextType = Context, Args = CredentialDirectiveArgs> = DirectiveResolverFn<Result, Parent, ContextType, Args>;

export type EnrollingDirectiveArgs = { };

export type EnrollingDirectiveResolver<Result, Parent, ContextType = Context, Args = EnrollingDirectiveArgs> = DirectiveResolverFn<Result, Parent, ContextType, Args>;

export type ListSizeDirectiveArgs = {
  assumedSize: Scalars['Int']['input'];
};

export type ListSizeDirectiveResolver<Result, Parent, ContextType = Context, Args = ListSizeDirectiveArgs> = DirectiveResolverFn<Result, Parent, ContextType, Args>;

export type MachineDirectiveArgs = { };

export type MachineDirectiveResolver<Result, Parent, ContextType = Context, Args = MachineDirectiveArgs> = DirectiveResolverFn<Result, Parent, ContextType, Args>;

export type NarrowDirectiveArgs = { };

export type NarrowDirectiveResolver<Result, Parent, ContextType = Context, Args = NarrowDirectiveArgs> = DirectiveResolverFn<Result, Parent, ContextType, Args>;

export type PublicDirectiveArgs = { };

export type PublicDirectiveResolver<Result, Parent, ContextType = Context, Args = PublicDirectiveArgs> = DirectiveResolverFn<Result, Parent, ContextType, Args>;

export type AdminFactorResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AdminFactor'] = ResolversParentTypes['AdminFactor']> = {
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  kind?: Resolver<ResolversTypes['FactorKind'], ParentType, ContextType>;
  lastUsedAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  name?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type AdminFailedLoginsResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AdminFailedLogins'] = ResolversParentTypes['AdminFailedLogins']> = {
  codes?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  codesDisabled?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  passwordDisabled?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  passwords?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
};

export type AdminQueryResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AdminQuery'] = ResolversParentTypes['AdminQuery']> = {
  auditEvents?: Resolver<ResolversTypes['AuditEventConnection'], ParentType, ContextType, Partial<AdminQueryAuditEventsArgs>>;
  serviceAccounts?: Resolver<ResolversTypes['ServiceAccountConnection'], ParentType, ContextType, Partial<AdminQueryServiceAccountsArgs>>;
  stats?: Resolver<ResolversTypes['AdminStats'], ParentType, ContextType, RequireFields<AdminQueryStatsArgs, 'from' | 'interval' | 'to'>>;
  user?: Resolver<Maybe<ResolversTypes['AdminUser']>, ParentType, ContextType, Partial<AdminQueryUserArgs>>;
  users?: Resolver<ResolversTypes['AdminUserConnection'], ParentType, ContextType, Partial<AdminQueryUsersArgs>>;
};

export type AdminStatsResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AdminStats'] = ResolversParentTypes['AdminStats']> = {
  intervals?: Resolver<ReadonlyArray<ResolversTypes['StatsBucket']>, ParentType, ContextType>;
  liveSessions?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
};

export type AdminUserResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AdminUser'] = ResolversParentTypes['AdminUser']> = {
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  disabledAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  email?: Resolver<ResolversTypes['EmailAddress'], ParentType, ContextType>;
  emailVerified?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  externalLogins?: Resolver<ReadonlyArray<ResolversTypes['ExternalLogin']>, ParentType, ContextType>;
  factors?: Resolver<ReadonlyArray<ResolversTypes['AdminFactor']>, ParentType, ContextType>;
  failedLogins?: Resolver<ResolversTypes['AdminFailedLogins'], ParentType, ContextType>;
  hasPassword?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  lastLoginAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  lockedUntil?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  metadata?: Resolver<ResolversTypes['JSONObject'], ParentType, ContextType>;
  name?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  recoveryCodesLeft?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  roles?: Resolver<ReadonlyArray<ResolversTypes['String']>, ParentType, ContextType>;
  sessions?: Resolver<ReadonlyArray<ResolversTypes['Session']>, ParentType, ContextType>;
  state?: Resolver<ResolversTypes['AdminUserState'], ParentType, ContextType>;
  updatedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
};

export type AdminUserConnectionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AdminUserConnection'] = ResolversParentTypes['AdminUserConnection']> = {
  edges?: Resolver<ReadonlyArray<ResolversTypes['AdminUserEdge']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
  totalCount?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  totalCountCapped?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
};

export type AdminUserEdgeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AdminUserEdge'] = ResolversParentTypes['AdminUserEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['AdminUser'], ParentType, ContextType>;
};

export type ApiKeyResolvers<ContextType = Context, ParentType extends ResolversParentTypes['ApiKey'] = ResolversParentTypes['ApiKey']> = {
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  createdBy?: Resolver<Maybe<ResolversTypes['ID']>, ParentType, ContextType>;
  expiresAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  lastUsedAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  name?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  revokedAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  scope?: Resolver<ReadonlyArray<ResolversTypes['String']>, ParentType, ContextType>;
};

export type ApiKeyPayloadResolvers<ContextType = Context, ParentType extends ResolversParentTypes['ApiKeyPayload'] = ResolversParentTypes['ApiKeyPayload']> = {
  apiKey?: Resolver<ResolversTypes['ApiKey'], ParentType, ContextType>;
  key?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type AuditEventResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AuditEvent'] = ResolversParentTypes['AuditEvent']> = {
  actorId?: Resolver<Maybe<ResolversTypes['ID']>, ParentType, ContextType>;
  details?: Resolver<ResolversTypes['JSONObject'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  ip?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  name?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  occurredAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  outcome?: Resolver<ResolversTypes['AuditOutcome'], ParentType, ContextType>;
  requestId?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  sessionId?: Resolver<Maybe<ResolversTypes['ID']>, ParentType, ContextType>;
  userAgent?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  userId?: Resolver<Maybe<ResolversTypes['ID']>, ParentType, ContextType>;
};

export type AuditEventConnectionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AuditEventConnection'] = ResolversParentTypes['AuditEventConnection']> = {
  edges?: Resolver<ReadonlyArray<ResolversTypes['AuditEventEdge']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
};

export type AuditEventEdgeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AuditEventEdge'] = ResolversParentTypes['AuditEventEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['AuditEvent'], ParentType, ContextType>;
};

export type AuthPayloadResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AuthPayload'] = ResolversParentTypes['AuthPayload']> = {
  accessToken?: Resolver<ResolversTypes['JWT'], ParentType, ContextType>;
  deviceToken?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  expiresAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  expiresIn?: Resolver<ResolversTypes['PositiveInt'], ParentType, ContextType>;
  refreshExpiresAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  refreshToken?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  scope?: Resolver<ReadonlyArray<ResolversTypes['String']>, ParentType, ContextType>;
  session?: Resolver<ResolversTypes['Session'], ParentType, ContextType>;
  tokenType?: Resolver<ResolversTypes['TokenType'], ParentType, ContextType>;
  user?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
};

export type ConfirmEmailChangePayloadResolvers<ContextType = Context, ParentType extends ResolversParentTypes['ConfirmEmailChangePayload'] = ResolversParentTypes['ConfirmEmailChangePayload']> = {
  revokedSessions?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
};

export interface DateTimeScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['DateTime'], any> {
  name: 'DateTime';
}

export type DeleteMePayloadResolvers<ContextType = Context, ParentType extends ResolversParentTypes['DeleteMePayload'] = ResolversParentTypes['DeleteMePayload']> = {
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
};

export interface EmailAddressScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['EmailAddress'], any> {
  name: 'EmailAddress';
}

export type ExternalLoginResolvers<ContextType = Context, ParentType extends ResolversParentTypes['ExternalLogin'] = ResolversParentTypes['ExternalLogin']> = {
  displayName?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  email?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  lastUsedAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  linkedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  provider?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type ExternalLoginPayloadResolvers<ContextType = Context, ParentType extends ResolversParentTypes['ExternalLoginPayload'] = ResolversParentTypes['ExternalLoginPayload']> = {
  auth?: Resolver<Maybe<ResolversTypes['AuthPayload']>, ParentType, ContextType>;
  email?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  registrationToken?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type ExternalLoginStartResolvers<ContextType = Context, ParentType extends ResolversParentTypes['ExternalLoginStart'] = ResolversParentTypes['ExternalLoginStart']> = {
  authorizationUrl?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  expiresAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  verifier?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type ExternalProviderResolvers<ContextType = Context, ParentType extends ResolversParentTypes['ExternalProvider'] = ResolversParentTypes['ExternalProvider']> = {
  displayName?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  name?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type FactorResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Factor'] = ResolversParentTypes['Factor']> = {
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  kind?: Resolver<ResolversTypes['FactorKind'], ParentType, ContextType>;
  lastUsedAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  name?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  passkey?: Resolver<Maybe<ResolversTypes['PasskeyDetails']>, ParentType, ContextType>;
};

export type FactorConfirmationResolvers<ContextType = Context, ParentType extends ResolversParentTypes['FactorConfirmation'] = ResolversParentTypes['FactorConfirmation']> = {
  auth?: Resolver<ResolversTypes['AuthPayload'], ParentType, ContextType>;
  factor?: Resolver<ResolversTypes['Factor'], ParentType, ContextType>;
  recoveryCodes?: Resolver<Maybe<ReadonlyArray<ResolversTypes['String']>>, ParentType, ContextType>;
};

export type ImpersonationPayloadResolvers<ContextType = Context, ParentType extends ResolversParentTypes['ImpersonationPayload'] = ResolversParentTypes['ImpersonationPayload']> = {
  accessToken?: Resolver<ResolversTypes['JWT'], ParentType, ContextType>;
  expiresIn?: Resolver<ResolversTypes['PositiveInt'], ParentType, ContextType>;
};

export interface JsonObjectScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['JSONObject'], any> {
  name: 'JSONObject';
}

export interface JwtScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['JWT'], any> {
  name: 'JWT';
}

export type LogoutPayloadResolvers<ContextType = Context, ParentType extends ResolversParentTypes['LogoutPayload'] = ResolversParentTypes['LogoutPayload']> = {
  revokedSessions?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
};

export type MailRequestPayloadResolvers<ContextType = Context, ParentType extends ResolversParentTypes['MailRequestPayload'] = ResolversParentTypes['MailRequestPayload']> = {
  expiresIn?: Resolver<ResolversTypes['PositiveInt'], ParentType, ContextType>;
};

export type MfaResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Mfa'] = ResolversParentTypes['Mfa']> = {
  enabled?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  factors?: Resolver<ReadonlyArray<ResolversTypes['Factor']>, ParentType, ContextType>;
  recoveryCodesLeft?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  resetAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
};

export type MutationResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Mutation'] = ResolversParentTypes['Mutation']> = {
  adminCreateApiKey?: Resolver<ResolversTypes['ApiKeyPayload'], ParentType, ContextType, RequireFields<MutationAdminCreateApiKeyArgs, 'input'>>;
  adminCreateServiceAccount?: Resolver<ResolversTypes['ServiceAccount'], ParentType, ContextType, RequireFields<MutationAdminCreateServiceAccountArgs, 'input'>>;
  adminCreateUser?: Resolver<ResolversTypes['AdminUser'], ParentType, ContextType, RequireFields<MutationAdminCreateUserArgs, 'input'>>;
  adminDeleteUser?: Resolver<ResolversTypes['AdminUser'], ParentType, ContextType, RequireFields<MutationAdminDeleteUserArgs, 'input'>>;
  adminDisableServiceAccount?: Resolver<ResolversTypes['ServiceAccount'], ParentType, ContextType, RequireFields<MutationAdminDisableServiceAccountArgs, 'input'>>;
  adminDisableUser?: Resolver<ResolversTypes['AdminUser'], ParentType, ContextType, RequireFields<MutationAdminDisableUserArgs, 'input'>>;
  adminEnableServiceAccount?: Resolver<ResolversTypes['ServiceAccount'], ParentType, ContextType, RequireFields<MutationAdminEnableServiceAccountArgs, 'input'>>;
  adminEnableUser?: Resolver<ResolversTypes['AdminUser'], ParentType, ContextType, RequireFields<MutationAdminEnableUserArgs, 'input'>>;
  adminEndSessions?: Resolver<ResolversTypes['AdminUser'], ParentType, ContextType, RequireFields<MutationAdminEndSessionsArgs, 'input'>>;
  adminImpersonate?: Resolver<ResolversTypes['ImpersonationPayload'], ParentType, ContextType, RequireFields<MutationAdminImpersonateArgs, 'input'>>;
  adminRemoveFactors?: Resolver<ResolversTypes['AdminUser'], ParentType, ContextType, RequireFields<MutationAdminRemoveFactorsArgs, 'input'>>;
  adminRevokeApiKey?: Resolver<ResolversTypes['ApiKey'], ParentType, ContextType, RequireFields<MutationAdminRevokeApiKeyArgs, 'input'>>;
  adminSendPasswordReset?: Resolver<ResolversTypes['AdminUser'], ParentType, ContextType, RequireFields<MutationAdminSendPasswordResetArgs, 'input'>>;
  adminSetMetadata?: Resolver<ResolversTypes['AdminUser'], ParentType, ContextType, RequireFields<MutationAdminSetMetadataArgs, 'input'>>;
  adminSetRoles?: Resolver<ResolversTypes['AdminUser'], ParentType, ContextType, RequireFields<MutationAdminSetRolesArgs, 'input'>>;
  adminUnlockAccount?: Resolver<ResolversTypes['AdminUser'], ParentType, ContextType, RequireFields<MutationAdminUnlockAccountArgs, 'input'>>;
  adminUpdateUser?: Resolver<ResolversTypes['AdminUser'], ParentType, ContextType, RequireFields<MutationAdminUpdateUserArgs, 'input'>>;
  cancelFactorReset?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  changePassword?: Resolver<ResolversTypes['AuthPayload'], ParentType, ContextType, RequireFields<MutationChangePasswordArgs, 'input'>>;
  completeExternalLink?: Resolver<ResolversTypes['User'], ParentType, ContextType, RequireFields<MutationCompleteExternalLinkArgs, 'input'>>;
  completeExternalLogin?: Resolver<ResolversTypes['ExternalLoginPayload'], ParentType, ContextType, RequireFields<MutationCompleteExternalLoginArgs, 'input'>>;
  completeExternalRegistration?: Resolver<ResolversTypes['AuthPayload'], ParentType, ContextType, RequireFields<MutationCompleteExternalRegistrationArgs, 'input'>>;
  completeMfaLogin?: Resolver<ResolversTypes['AuthPayload'], ParentType, ContextType, RequireFields<MutationCompleteMfaLoginArgs, 'input'>>;
  confirmEmailChange?: Resolver<ResolversTypes['ConfirmEmailChangePayload'], ParentType, ContextType, RequireFields<MutationConfirmEmailChangeArgs, 'input'>>;
  confirmTotpEnrolment?: Resolver<ResolversTypes['FactorConfirmation'], ParentType, ContextType, RequireFields<MutationConfirmTotpEnrolmentArgs, 'input'>>;
  deleteMe?: Resolver<ResolversTypes['DeleteMePayload'], ParentType, ContextType, RequireFields<MutationDeleteMeArgs, 'input'>>;
  finishPasskeyRegistration?: Resolver<ResolversTypes['FactorConfirmation'], ParentType, ContextType, RequireFields<MutationFinishPasskeyRegistrationArgs, 'input'>>;
  linkExternalLogin?: Resolver<ResolversTypes['ExternalLoginStart'], ParentType, ContextType, RequireFields<MutationLinkExternalLoginArgs, 'input'>>;
  login?: Resolver<ResolversTypes['AuthPayload'], ParentType, ContextType, RequireFields<MutationLoginArgs, 'input'>>;
  loginWithEmailCode?: Resolver<ResolversTypes['AuthPayload'], ParentType, ContextType, RequireFields<MutationLoginWithEmailCodeArgs, 'input'>>;
  loginWithMagicLink?: Resolver<ResolversTypes['AuthPayload'], ParentType, ContextType, RequireFields<MutationLoginWithMagicLinkArgs, 'input'>>;
  loginWithPasskey?: Resolver<ResolversTypes['AuthPayload'], ParentType, ContextType, RequireFields<MutationLoginWithPasskeyArgs, 'input'>>;
  logout?: Resolver<ResolversTypes['LogoutPayload'], ParentType, ContextType, Partial<MutationLogoutArgs>>;
  reauthenticate?: Resolver<ResolversTypes['AuthPayload'], ParentType, ContextType, RequireFields<MutationReauthenticateArgs, 'input'>>;
  refreshToken?: Resolver<ResolversTypes['AuthPayload'], ParentType, ContextType, Partial<MutationRefreshTokenArgs>>;
  regenerateRecoveryCodes?: Resolver<ResolversTypes['RecoveryCodes'], ParentType, ContextType>;
  register?: Resolver<ResolversTypes['RegisterPayload'], ParentType, ContextType, RequireFields<MutationRegisterArgs, 'input'>>;
  removeFactor?: Resolver<ResolversTypes['User'], ParentType, ContextType, RequireFields<MutationRemoveFactorArgs, 'input'>>;
  removePassword?: Resolver<ResolversTypes['User'], ParentType, ContextType, Partial<MutationRemovePasswordArgs>>;
  renameFactor?: Resolver<ResolversTypes['Factor'], ParentType, ContextType, RequireFields<MutationRenameFactorArgs, 'input'>>;
  requestEmailChange?: Resolver<ResolversTypes['MailRequestPayload'], ParentType, ContextType, RequireFields<MutationRequestEmailChangeArgs, 'input'>>;
  requestEmailVerification?: Resolver<ResolversTypes['MailRequestPayload'], ParentType, ContextType, RequireFields<MutationRequestEmailVerificationArgs, 'input'>>;
  requestExternalRegistration?: Resolver<ResolversTypes['MailRequestPayload'], ParentType, ContextType, RequireFields<MutationRequestExternalRegistrationArgs, 'input'>>;
  requestFactorReset?: Resolver<ResolversTypes['MailRequestPayload'], ParentType, ContextType, RequireFields<MutationRequestFactorResetArgs, 'input'>>;
  requestMagicLink?: Resolver<ResolversTypes['MailRequestPayload'], ParentType, ContextType, RequireFields<MutationRequestMagicLinkArgs, 'input'>>;
  requestPasswordReset?: Resolver<ResolversTypes['MailRequestPayload'], ParentType, ContextType, RequireFields<MutationRequestPasswordResetArgs, 'input'>>;
  resetPassword?: Resolver<ResolversTypes['ResetPasswordPayload'], ParentType, ContextType, RequireFields<MutationResetPasswordArgs, 'input'>>;
  revokeSession?: Resolver<ResolversTypes['LogoutPayload'], ParentType, ContextType, RequireFields<MutationRevokeSessionArgs, 'input'>>;
  startExternalLogin?: Resolver<ResolversTypes['ExternalLoginStart'], ParentType, ContextType, RequireFields<MutationStartExternalLoginArgs, 'input'>>;
  startPasskeyChallenge?: Resolver<ResolversTypes['PasskeyLoginOptions'], ParentType, ContextType, Partial<MutationStartPasskeyChallengeArgs>>;
  startPasskeyLogin?: Resolver<ResolversTypes['PasskeyLoginOptions'], ParentType, ContextType>;
  startPasskeyRegistration?: Resolver<ResolversTypes['PasskeyRegistrationOptions'], ParentType, ContextType, Partial<MutationStartPasskeyRegistrationArgs>>;
  startTotpEnrolment?: Resolver<ResolversTypes['TotpEnrolment'], ParentType, ContextType, Partial<MutationStartTotpEnrolmentArgs>>;
  undoEmailChange?: Resolver<ResolversTypes['UndoEmailChangePayload'], ParentType, ContextType, RequireFields<MutationUndoEmailChangeArgs, 'input'>>;
  unlinkExternalLogin?: Resolver<ResolversTypes['User'], ParentType, ContextType, RequireFields<MutationUnlinkExternalLoginArgs, 'input'>>;
  updateMe?: Resolver<ResolversTypes['User'], ParentType, ContextType, RequireFields<MutationUpdateMeArgs, 'input'>>;
  verifyEmail?: Resolver<Maybe<ResolversTypes['AuthPayload']>, ParentType, ContextType, RequireFields<MutationVerifyEmailArgs, 'input'>>;
};

export type PageInfoResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PageInfo'] = ResolversParentTypes['PageInfo']> = {
  endCursor?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  hasNextPage?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  hasPreviousPage?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  startCursor?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type PasskeyDescriptorResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PasskeyDescriptor'] = ResolversParentTypes['PasskeyDescriptor']> = {
  id?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  transports?: Resolver<ReadonlyArray<ResolversTypes['String']>, ParentType, ContextType>;
  type?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type PasskeyDetailsResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PasskeyDetails'] = ResolversParentTypes['PasskeyDetails']> = {
  authenticator?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  backedUp?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  transports?: Resolver<ReadonlyArray<ResolversTypes['String']>, ParentType, ContextType>;
};

export type PasskeyLoginOptionsResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PasskeyLoginOptions'] = ResolversParentTypes['PasskeyLoginOptions']> = {
  allowCredentials?: Resolver<ReadonlyArray<ResolversTypes['PasskeyDescriptor']>, ParentType, ContextType>;
  challenge?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  challengeId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  expiresAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  rpId?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  timeout?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  userVerification?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type PasskeyParametersResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PasskeyParameters'] = ResolversParentTypes['PasskeyParameters']> = {
  alg?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  type?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type PasskeyRegistrationOptionsResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PasskeyRegistrationOptions'] = ResolversParentTypes['PasskeyRegistrationOptions']> = {
  attestation?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  authenticatorSelection?: Resolver<ResolversTypes['PasskeySelection'], ParentType, ContextType>;
  challenge?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  challengeId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  excludeCredentials?: Resolver<ReadonlyArray<ResolversTypes['PasskeyDescriptor']>, ParentType, ContextType>;
  expiresAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  hints?: Resolver<ReadonlyArray<ResolversTypes['String']>, ParentType, ContextType>;
  pubKeyCredParams?: Resolver<ReadonlyArray<ResolversTypes['PasskeyParameters']>, ParentType, ContextType>;
  rp?: Resolver<ResolversTypes['PasskeyRelyingParty'], ParentType, ContextType>;
  timeout?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  user?: Resolver<ResolversTypes['PasskeyUser'], ParentType, ContextType>;
};

export type PasskeyRelyingPartyResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PasskeyRelyingParty'] = ResolversParentTypes['PasskeyRelyingParty']> = {
  id?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  name?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type PasskeySelectionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PasskeySelection'] = ResolversParentTypes['PasskeySelection']> = {
  requireResidentKey?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  residentKey?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  userVerification?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type PasskeyUserResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PasskeyUser'] = ResolversParentTypes['PasskeyUser']> = {
  displayName?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  name?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export interface PositiveIntScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['PositiveInt'], any> {
  name: 'PositiveInt';
}

export type QueryResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Query'] = ResolversParentTypes['Query']> = {
  admin?: Resolver<ResolversTypes['AdminQuery'], ParentType, ContextType>;
  externalProviders?: Resolver<ReadonlyArray<ResolversTypes['ExternalProvider']>, ParentType, ContextType>;
  me?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  session?: Resolver<ResolversTypes['Session'], ParentType, ContextType>;
  sessions?: Resolver<ReadonlyArray<ResolversTypes['Session']>, ParentType, ContextType>;
};

export type RecoveryCodesResolvers<ContextType = Context, ParentType extends ResolversParentTypes['RecoveryCodes'] = ResolversParentTypes['RecoveryCodes']> = {
  recoveryCodes?: Resolver<ReadonlyArray<ResolversTypes['String']>, ParentType, ContextType>;
};

export type RegisterPayloadResolvers<ContextType = Context, ParentType extends ResolversParentTypes['RegisterPayload'] = ResolversParentTypes['RegisterPayload']> = {
  auth?: Resolver<Maybe<ResolversTypes['AuthPayload']>, ParentType, ContextType>;
  verificationRequired?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
};

export type ResetPasswordPayloadResolvers<ContextType = Context, ParentType extends ResolversParentTypes['ResetPasswordPayload'] = ResolversParentTypes['ResetPasswordPayload']> = {
  revokedSessions?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
};

export type ServiceAccountResolvers<ContextType = Context, ParentType extends ResolversParentTypes['ServiceAccount'] = ResolversParentTypes['ServiceAccount']> = {
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  createdBy?: Resolver<Maybe<ResolversTypes['ID']>, ParentType, ContextType>;
  description?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  disabledAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  keys?: Resolver<ReadonlyArray<ResolversTypes['ApiKey']>, ParentType, ContextType>;
  name?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  scope?: Resolver<Maybe<ReadonlyArray<ResolversTypes['String']>>, ParentType, ContextType>;
};

export type ServiceAccountConnectionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['ServiceAccountConnection'] = ResolversParentTypes['ServiceAccountConnection']> = {
  edges?: Resolver<ReadonlyArray<ResolversTypes['ServiceAccountEdge']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
};

export type ServiceAccountEdgeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['ServiceAccountEdge'] = ResolversParentTypes['ServiceAccountEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['ServiceAccount'], ParentType, ContextType>;
};

export type SessionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Session'] = ResolversParentTypes['Session']> = {
  amr?: Resolver<ReadonlyArray<ResolversTypes['String']>, ParentType, ContextType>;
  authenticatedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  current?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  deviceName?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  expiresAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  idleExpiresAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  impersonated?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  ip?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  lastUsedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  scope?: Resolver<Maybe<ReadonlyArray<ResolversTypes['String']>>, ParentType, ContextType>;
  userAgent?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type StatsBucketResolvers<ContextType = Context, ParentType extends ResolversParentTypes['StatsBucket'] = ResolversParentTypes['StatsBucket']> = {
  failures?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  from?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  logins?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  registrations?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
};

export type TotpEnrolmentResolvers<ContextType = Context, ParentType extends ResolversParentTypes['TotpEnrolment'] = ResolversParentTypes['TotpEnrolment']> = {
  expiresAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  otpauthUri?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  qrCode?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  secret?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type UndoEmailChangePayloadResolvers<ContextType = Context, ParentType extends ResolversParentTypes['UndoEmailChangePayload'] = ResolversParentTypes['UndoEmailChangePayload']> = {
  revokedSessions?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
};

export type UserResolvers<ContextType = Context, ParentType extends ResolversParentTypes['User'] = ResolversParentTypes['User']> = {
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  email?: Resolver<ResolversTypes['EmailAddress'], ParentType, ContextType>;
  emailVerified?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  externalLogins?: Resolver<ReadonlyArray<ResolversTypes['ExternalLogin']>, ParentType, ContextType>;
  hasPassword?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  metadata?: Resolver<ResolversTypes['JSONObject'], ParentType, ContextType>;
  mfa?: Resolver<ResolversTypes['Mfa'], ParentType, ContextType>;
  name?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  roles?: Resolver<ReadonlyArray<ResolversTypes['String']>, ParentType, ContextType>;
  sessions?: Resolver<ReadonlyArray<ResolversTypes['Session']>, ParentType, ContextType>;
  updatedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
};

export type Resolvers<ContextType = Context> = {
  AdminFactor?: AdminFactorResolvers<ContextType>;
  AdminFailedLogins?: AdminFailedLoginsResolvers<ContextType>;
  AdminQuery?: AdminQueryResolvers<ContextType>;
  AdminStats?: AdminStatsResolvers<ContextType>;
  AdminUser?: AdminUserResolvers<ContextType>;
  AdminUserConnection?: AdminUserConnectionResolvers<ContextType>;
  AdminUserEdge?: AdminUserEdgeResolvers<ContextType>;
  ApiKey?: ApiKeyResolvers<ContextType>;
  ApiKeyPayload?: ApiKeyPayloadResolvers<ContextType>;
  AuditEvent?: AuditEventResolvers<ContextType>;
  AuditEventConnection?: AuditEventConnectionResolvers<ContextType>;
  AuditEventEdge?: AuditEventEdgeResolvers<ContextType>;
  AuthPayload?: AuthPayloadResolvers<ContextType>;
  ConfirmEmailChangePayload?: ConfirmEmailChangePayloadResolvers<ContextType>;
  DateTime?: GraphQLScalarType;
  DeleteMePayload?: DeleteMePayloadResolvers<ContextType>;
  EmailAddress?: GraphQLScalarType;
  ExternalLogin?: ExternalLoginResolvers<ContextType>;
  ExternalLoginPayload?: ExternalLoginPayloadResolvers<ContextType>;
  ExternalLoginStart?: ExternalLoginStartResolvers<ContextType>;
  ExternalProvider?: ExternalProviderResolvers<ContextType>;
  Factor?: FactorResolvers<ContextType>;
  FactorConfirmation?: FactorConfirmationResolvers<ContextType>;
  ImpersonationPayload?: ImpersonationPayloadResolvers<ContextType>;
  JSONObject?: GraphQLScalarType;
  JWT?: GraphQLScalarType;
  LogoutPayload?: LogoutPayloadResolvers<ContextType>;
  MailRequestPayload?: MailRequestPayloadResolvers<ContextType>;
  Mfa?: MfaResolvers<ContextType>;
  Mutation?: MutationResolvers<ContextType>;
  PageInfo?: PageInfoResolvers<ContextType>;
  PasskeyDescriptor?: PasskeyDescriptorResolvers<ContextType>;
  PasskeyDetails?: PasskeyDetailsResolvers<ContextType>;
  PasskeyLoginOptions?: PasskeyLoginOptionsResolvers<ContextType>;
  PasskeyParameters?: PasskeyParametersResolvers<ContextType>;
  PasskeyRegistrationOptions?: PasskeyRegistrationOptionsResolvers<ContextType>;
  PasskeyRelyingParty?: PasskeyRelyingPartyResolvers<ContextType>;
  PasskeySelection?: PasskeySelectionResolvers<ContextType>;
  PasskeyUser?: PasskeyUserResolvers<ContextType>;
  PositiveInt?: GraphQLScalarType;
  Query?: QueryResolvers<ContextType>;
  RecoveryCodes?: RecoveryCodesResolvers<ContextType>;
  RegisterPayload?: RegisterPayloadResolvers<ContextType>;
  ResetPasswordPayload?: ResetPasswordPayloadResolvers<ContextType>;
  ServiceAccount?: ServiceAccountResolvers<ContextType>;
  ServiceAccountConnection?: ServiceAccountConnectionResolvers<ContextType>;
  ServiceAccountEdge?: ServiceAccountEdgeResolvers<ContextType>;
  Session?: SessionResolvers<ContextType>;
  StatsBucket?: StatsBucketResolvers<ContextType>;
  TotpEnrolment?: TotpEnrolmentResolvers<ContextType>;
  UndoEmailChangePayload?: UndoEmailChangePayloadResolvers<ContextType>;
  User?: UserResolvers<ContextType>;
};

export type DirectiveResolvers<ContextType = Context> = {
  cost?: CostDirectiveResolver<any, any, ContextType>;
  credential?: CredentialDirectiveResolver<any, any, ContextType>;
  enrolling?: EnrollingDirectiveResolver<any, any, ContextType>;
  listSize?: ListSizeDirectiveResolver<any, any, ContextType>;
  machine?: MachineDirectiveResolver<any, any, ContextType>;
  narrow?: NarrowDirectiveResolver<any, any, ContextType>;
  public?: PublicDirectiveResolver<any, any, ContextType>;
};
