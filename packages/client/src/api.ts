/*
 * What the methods of the client take and answer, as the schema of the server says. All moments are RFC 3339.
 */

export interface User {
  /** Stable and opaque: the `sub` claim of access tokens. */
  readonly id: string;
  readonly email: string;
  readonly emailVerified: boolean;
  readonly name: string | null;
  readonly roles: readonly string[];
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
export type FactorKind = 'TOTP' | 'PASSKEY' | 'RECOVERY_CODE';

/** What shows a second factor. Exactly one of them. */
interface FactorInput {
  readonly totpCode?: string | null;
  readonly recoveryCode?: string | null;
  /** `passkeyAnswer` of `@latchkey/client/passkeys` gets one. */
  readonly passkey?: PasskeyAnswer | null;
}

export interface Factor {
  readonly id: string;
  readonly kind: FactorKind;
  readonly name: string | null;
  readonly createdAt: string;
  readonly lastUsedAt: string | null;
  readonly passkey: PasskeyDetails | null;
}

export interface PasskeyDetails {
  /** Whether copies of it are kept, as by a password manager. */
  readonly backedUp: boolean;
  readonly transports: readonly string[];
  /** What its authenticator is called, where that is known. */
  readonly authenticator: string | null;
}

interface PasskeyOptions {
  readonly challengeId: string;
  readonly expiresAt: string;
  readonly challenge: string;
  /** In milliseconds. */
  readonly timeout: number;
}
/** What a browser takes with `PublicKeyCredential.parseCreationOptionsFromJSON`. */
export interface PasskeyRegistrationOptions extends PasskeyOptions {
  readonly rp: { readonly id: string; readonly name: string };
  readonly user: { readonly id: string; readonly name: string; readonly displayName: string };
  readonly pubKeyCredParams: readonly { readonly type: string; readonly alg: number }[];
  readonly excludeCredentials: readonly PasskeyDescriptor[];
  readonly authenticatorSelection: {
    readonly residentKey: string;
    readonly requireResidentKey: boolean;
    readonly userVerification: string;
  };
  readonly attestation: string;
  readonly hints: readonly string[];
}
/** What a browser takes with `PublicKeyCredential.parseRequestOptionsFromJSON`. */
export interface PasskeyLoginOptions extends PasskeyOptions {
  readonly rpId: string;
  readonly allowCredentials: readonly PasskeyDescriptor[];
  readonly userVerification: string;
}
interface PasskeyDescriptor {
  readonly id: string;
  readonly type: string;
  readonly transports: readonly string[];
}

interface PasskeyCredential<Response> {
  readonly id: string;
  readonly rawId: string;
  readonly type: string;
  readonly response: Response;
}
/** The answer of an authenticator to `PasskeyRegistrationOptions`. All bytes are base64url. */
export interface PasskeyRegistration {
  readonly challengeId: string;
  readonly response: PasskeyCredential<{
    readonly clientDataJSON: string;
    readonly attestationObject: string;
    readonly transports?: string[] | null;
  }>;
}
/** The answer of an authenticator to `PasskeyLoginOptions`. All bytes are base64url. */
export interface PasskeyAnswer {
  readonly challengeId: string;
  readonly response: PasskeyCredential<{
    readonly clientDataJSON: string;
    readonly authenticatorData: string;
    readonly signature: string;
    readonly userHandle?: string | null;
  }>;
}

/** What came of an enrolment. */
export interface FactorConfirmation {
  readonly factor: Factor;
  /** Where it is the first factor. They are shown this once. */
  readonly recoveryCodes: readonly string[] | null;
  readonly auth: SignedIn;
}

export interface Mfa {
  readonly enabled: boolean;
  readonly factors: readonly Factor[];
  readonly recoveryCodesLeft: number;
  /** When all factors are going to be removed, because that was asked for. */
  readonly resetAt: string | null;
}

export interface TotpEnrolment {
  /** In base32, to be typed into an app that reads no QR code. */
  readonly secret: string;
  readonly otpauthUri: string;
  /** An SVG in a `data:` URI. */
  readonly qrCode: string;
  readonly expiresAt: string;
}

export interface LoginInput extends SessionInput {
  readonly email: string;
  readonly password: string;
  /** Of an earlier login. The client has the last one at hand and adds it. */
  readonly deviceToken?: string | null;
}

/** A provider by whose accounts people can log in. */
export interface ExternalProvider {
  readonly name: string;
  /** What to write on the button. */
  readonly displayName: string;
}

/** An account at a provider, linked to the account here. */
export interface ExternalLogin {
  readonly id: string;
  readonly provider: string;
  readonly displayName: string;
  /** As the provider gave it. It proves nothing. */
  readonly email: string | null;
  readonly linkedAt: string;
  readonly lastUsedAt: string | null;
}

export interface ExternalLoginStart {
  /** Where to lead the browser. */
  readonly authorizationUrl: string;
  /** Proves that this client began. Null where the browser keeps it in a cookie. */
  readonly verifier: string | null;
  readonly expiresAt: string;
}

interface ExternalStartInput {
  readonly provider: string;
  /** Where the browser goes at the end. */
  readonly redirectTo: string;
}
interface ExternalCodeInput {
  /** From the fragment of the address that the browser came back to. */
  readonly code: string;
  readonly verifier?: string | null;
}

/** What a login at a provider came to. */
export interface ExternalLoginResult {
  /** Null where the provider proves no address. */
  readonly auth: SignedIn | null;
  /** For `requestExternalRegistration`, where there is no session yet. */
  readonly registrationToken: string | null;
  /** The address that the provider gave without proof, to fill a form with. */
  readonly email: string | null;
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
  requestEmailChange(input: { newEmail: string; password?: string | null }): Promise<MailRequested>;
  confirmEmailChange(input: { token: string; password?: string | null }): Promise<Revoked>;
  undoEmailChange(input: { token: string }): Promise<Revoked>;
  changePassword(input: { currentPassword?: string | null; newPassword: string }): Promise<SignedIn>;
  removePassword(input?: { password?: string | null }): Promise<User>;
  reauthenticate(input: FactorInput & { password?: string | null }): Promise<SignedIn>;
  updateMe(input: { name?: string | null }): Promise<User>;
  /** Deletes the account. There is no way back. */
  deleteMe(input: { password?: string | null }): Promise<{ id: string }>;
  revokeSession(input: { id: string }): Promise<Revoked>;
  /** With the token of the error `MFA_REQUIRED`: `error.mfa.token`. */
  completeMfaLogin(input: FactorInput & { mfaToken: string }): Promise<SignedIn>;
  startTotpEnrolment(input?: { label?: string | null }): Promise<TotpEnrolment>;
  confirmTotpEnrolment(input: { code: string; name?: string | null }): Promise<FactorConfirmation>;
  regenerateRecoveryCodes(): Promise<{ readonly recoveryCodes: readonly string[] }>;
  removeFactor(input: { id: string }): Promise<User>;
  renameFactor(input: { id: string; name?: string | null }): Promise<Factor>;
  /** `@latchkey/client/passkeys` has whole ceremonies, in a browser. These are their parts. */
  startPasskeyRegistration(input?: {
    attachment?: 'PLATFORM' | 'CROSS_PLATFORM' | null;
  }): Promise<PasskeyRegistrationOptions>;
  finishPasskeyRegistration(
    input: PasskeyRegistration & { name?: string | null },
  ): Promise<FactorConfirmation>;
  startPasskeyLogin(): Promise<PasskeyLoginOptions>;
  loginWithPasskey(input: SessionInput & { passkey: PasskeyAnswer }): Promise<SignedIn>;
  /** Without a token it is for `reauthenticate`. */
  startPasskeyChallenge(input?: { mfaToken?: string | null }): Promise<PasskeyLoginOptions>;
  requestFactorReset(input: { mfaToken: string }): Promise<MailRequested>;
  cancelFactorReset(): Promise<User>;
  /** `loginWith` and `linkWith` lead a browser through these. */
  startExternalLogin(input: SessionInput & ExternalStartInput): Promise<ExternalLoginStart>;
  completeExternalLogin(input: ExternalCodeInput): Promise<ExternalLoginResult>;
  requestExternalRegistration(input: { registrationToken: string; email: string }): Promise<MailRequested>;
  completeExternalRegistration(input: { registrationToken: string; code: string }): Promise<SignedIn>;
  linkExternalLogin(input: ExternalStartInput): Promise<ExternalLoginStart>;
  completeExternalLink(input: ExternalCodeInput): Promise<User>;
  unlinkExternalLogin(input: { id: string }): Promise<User>;
}

export interface Queries {
  /** Who is signed in. */
  me(): Promise<User>;
  session(): Promise<Session>;
  /** The live sessions of the user, the most recently used first. */
  sessions(): Promise<readonly Session[]>;
  /** The second factors of the user. */
  mfa(): Promise<Mfa>;
  /** The accounts at providers that the user logs in with. */
  externalLogins(): Promise<readonly ExternalLogin[]>;
  /** For the buttons of a login page. */
  externalProviders(): Promise<readonly ExternalProvider[]>;
}
