import type { FactorKind } from '@latchkey/client';

/** What a file of texts holds. The compiler checks each language against it. */
export interface Texts {
  readonly language: string;
  readonly loading: string;
  readonly working: string;
  readonly back: string;
  readonly cancel: string;
  readonly show: string;
  readonly hide: string;
  readonly showPassword: string;
  readonly hidePassword: string;
  readonly optional: string;
  readonly retry: string;
  readonly required: string;
  readonly copied: string;
  readonly notCopied: string;
  readonly newTitle: (title: string, name: string) => string;
  readonly fields: {
    readonly email: string;
    readonly newEmail: string;
    readonly password: string;
    readonly currentPassword: string;
    readonly newPassword: string;
    readonly name: string;
    readonly code: string;
    readonly recoveryCode: string;
    readonly factorName: string;
  };
  readonly hints: {
    readonly newPassword: (least: number) => string;
    readonly noPassword: string;
    readonly code: string;
    readonly totpCode: string;
    readonly recoveryCode: string;
    readonly factorName: string;
    readonly passkeyName: string;
  };
  readonly signIn: {
    readonly title: string;
    readonly submit: string;
    readonly forgot: string;
    readonly byMail: string;
    readonly byPasskey: string;
    readonly byProvider: (name: string) => string;
    readonly toSignUp: string;
    readonly signUp: string;
  };
  /** The second step of a sign-in, for each kind of factor and for people who have none at hand. */
  readonly secondStep: Readonly<
    Record<FactorKind, { readonly title: string; readonly explain: string; readonly use: string }>
  > & {
    readonly dead: string;
    readonly LOST: {
      readonly title: string;
      readonly use: string;
      readonly first: string;
      readonly operator: string;
      readonly reset: (hours: number) => string;
      readonly submit: string;
      readonly unverified: string;
      readonly doneTitle: string;
      readonly done: (hours: number) => string;
    };
  };
  readonly signUp: {
    readonly title: string;
    readonly submit: string;
    readonly submitWithMail: string;
    readonly explainMail: string;
    readonly toSignIn: string;
    readonly signIn: string;
    readonly closed: string;
  };
  readonly byMail: {
    readonly title: string;
    readonly explain: string;
    readonly submit: string;
    readonly enterCode: string;
    readonly submitCode: string;
  };
  /** A login at a provider that proves no address. */
  readonly externalRegistration: {
    readonly title: string;
    readonly explain: string;
    readonly noMail: string;
    readonly submit: string;
    readonly sent: (email: string, minutes: number) => string;
    readonly submitCode: string;
  };
  readonly magicLink: {
    readonly title: string;
    readonly explain: string;
    readonly submit: string;
  };
  readonly forgotPassword: {
    readonly title: string;
    readonly explain: string;
    readonly submit: string;
    readonly noMail: string;
  };
  readonly mailSent: {
    readonly title: string;
    readonly text: (email: string, minutes: number) => string;
    readonly signUp: (email: string, minutes: number) => string;
    readonly nothing: string;
    readonly again: string;
  };
  readonly resetPassword: {
    readonly title: string;
    readonly submit: string;
    readonly doneTitle: string;
    readonly done: string;
  };
  readonly verifyEmail: {
    readonly title: string;
    readonly signedIn: (email: string) => string;
    readonly chooseOrType: string;
    readonly type: string;
    readonly submit: string;
    readonly lostTitle: string;
    readonly lost: string;
    readonly lostSubmit: string;
    readonly newAccount: string;
    readonly doneTitle: string;
    readonly done: string;
    readonly doneLost: string;
    readonly toAccount: string;
  };
  readonly firstAdministrator: {
    readonly title: string;
    readonly explain: string;
    readonly submit: string;
  };
  readonly confirmEmail: {
    readonly title: string;
    readonly signedIn: (email: string) => string;
    readonly type: string;
    readonly submit: string;
    readonly doneTitle: string;
    readonly done: string;
  };
  readonly undoEmailChange: {
    readonly title: string;
    readonly explain: string;
    readonly submit: string;
    readonly doneTitle: string;
    readonly done: string;
  };
  readonly account: {
    readonly title: string;
    readonly navigation: string;
    readonly profile: string;
    readonly password: string;
    readonly 'second-factor': string;
    readonly 'external-logins': string;
    readonly sessions: string;
    readonly remove: string;
    readonly signOut: string;
  };
  readonly profile: {
    readonly title: string;
    readonly submit: string;
    readonly saved: string;
    readonly email: string;
    readonly verified: string;
    readonly unverified: string;
    readonly verify: string;
    readonly verifySent: string;
    readonly change: string;
  };
  readonly email: {
    readonly title: string;
    readonly explain: string;
    readonly submit: string;
    readonly sent: (email: string, minutes: number) => string;
  };
  readonly password: {
    readonly title: string;
    readonly explain: string;
    readonly submit: string;
    readonly done: string;
  };
  readonly secondFactor: {
    readonly title: string;
    readonly on: string;
    readonly off: string;
    readonly kinds: Readonly<Record<FactorKind, string>>;
    readonly copied: string;
    readonly notCopied: string;
    readonly created: (moment: string) => string;
    readonly lastUsed: (moment: string) => string;
    readonly neverUsed: string;
    readonly added: string;
    readonly rename: string;
    readonly renameLabel: (name: string) => string;
    readonly renameTitle: (name: string) => string;
    readonly renamed: string;
    readonly remove: string;
    readonly removeLabel: (name: string) => string;
    readonly removeTitle: (name: string) => string;
    readonly removes: { readonly one: string; readonly last: string; readonly passkey: string };
    readonly removed: string;
    readonly resetAt: (moment: string) => string;
    readonly cancelReset: string;
    readonly resetCancelled: string;
  };
  readonly firstFactor: {
    readonly title: string;
    readonly explain: string;
  };
  readonly addFactor: {
    readonly TOTP: string;
    readonly PASSKEY: string;
    readonly explainPasskey: string;
    readonly createPasskey: string;
  };
  readonly enrolment: {
    readonly explain: string;
    readonly submit: string;
    readonly scan: string;
    readonly qrCode: string;
    readonly open: string;
    readonly byHand: string;
    readonly secret: string;
    readonly copy: string;
    readonly confirm: string;
    readonly late: string;
  };
  readonly recoveryCodes: {
    readonly title: string;
    readonly newTitle: string;
    readonly explain: string;
    readonly belongTo: (email: string, name: string) => string;
    readonly copy: string;
    readonly download: string;
    readonly print: string;
    readonly kept: string;
    readonly left: (count: number) => string;
    readonly few: string;
    readonly regenerate: string;
    readonly regenerates: string;
  };
  readonly externalLogins: {
    readonly title: string;
    readonly explain: string;
    readonly none: string;
    readonly linkedAt: (moment: string) => string;
    readonly lastUsed: (moment: string) => string;
    readonly neverUsed: string;
    readonly link: (name: string) => string;
    readonly linked: string;
    readonly unlink: string;
    readonly unlinkLabel: (name: string, email: string | null) => string;
    readonly unlinkTitle: (name: string) => string;
    readonly unlinks: string;
    readonly unlinked: string;
  };
  readonly sessions: {
    readonly title: string;
    readonly explain: string;
    readonly current: string;
    readonly unknownDevice: string;
    readonly device: (browser: string, system: string) => string;
    readonly place: (network: string) => string;
    readonly lastUsed: (moment: string) => string;
    readonly since: (moment: string) => string;
    readonly end: string;
    readonly endLabel: (device: string) => string;
    readonly endOthers: string;
    readonly endAll: string;
    readonly ended: (count: number) => string;
    readonly onlyThis: string;
  };
  readonly remove: {
    readonly title: string;
    readonly explain: string;
    readonly submit: string;
    readonly sure: string;
    readonly doneTitle: string;
    readonly done: string;
  };
  readonly proveAgain: {
    readonly title: string;
    readonly explain: string;
    readonly explainBoth: string;
    readonly explainPasskey: string;
    readonly explainOr: string;
    readonly explainProvider: string;
    readonly byPasskey: string;
    readonly submit: string;
  };
  readonly signedOut: {
    readonly failed: string;
  };
  readonly noLink: {
    readonly title: string;
    readonly text: string;
  };
  readonly notFound: {
    readonly title: string;
    readonly home: string;
  };
  readonly offline: {
    readonly title: string;
    readonly text: string;
  };
  readonly errors: {
    readonly NETWORK_ERROR: string;
    readonly BAD_RESPONSE: string;
    readonly UNAVAILABLE: string;
    readonly OVERLOADED: string;
    readonly INTERNAL_SERVER_ERROR: string;
    readonly TOO_MANY_REQUESTS: (seconds: number) => string;
    readonly INVALID_CREDENTIALS: string;
    readonly wrongPassword: string;
    readonly wrongCode: string;
    readonly INVALID_TOKEN: string;
    readonly INVALID_CODE: string;
    readonly passkeyRefused: string;
    readonly PASSKEY_CANCELLED: string;
    readonly PASSKEY_EXISTS: string;
    readonly PASSKEYS_UNAVAILABLE: string;
    readonly LAST_CREDENTIAL: string;
    /** For each reason of `EXTERNAL_LOGIN_FAILED`. */
    readonly externalLogin: Readonly<
      Record<'DENIED' | 'PROVIDER' | 'EXPIRED' | 'LINK_FIRST' | 'LINKED_ELSEWHERE', string>
    >;
    readonly MFA_REQUIRED: string;
    readonly FACTOR_LIMIT: string;
    readonly NOT_FOUND: string;
    readonly ENROLMENT_REQUIRED: string;
    readonly FACTOR_REQUIRED: string;
    readonly EMAIL_TAKEN: string;
    readonly REGISTRATION_CLOSED: string;
    readonly FEATURE_DISABLED: string;
    readonly REAUTHENTICATION_REQUIRED: string;
    readonly UNAUTHENTICATED: string;
    readonly FORBIDDEN: string;
    readonly FOREIGN_ORIGIN: string;
    readonly BAD_USER_INPUT: string;
    readonly email: string;
    readonly tooShort: (least: number) => string;
    readonly tooLong: string;
    readonly tooCommon: string;
    readonly personal: string;
    readonly malformed: string;
    readonly unknown: string;
  };
}
