/** What the server says of itself in the page. */
export interface PageSettings {
  readonly name: string;
  /** Whether there is a picture at `logo`. */
  readonly logo: boolean;
  readonly registration: 'open' | 'verify' | 'closed';
  readonly magicLinks: boolean;
  /** Whether mail is sent. Without it no address can be verified and no password reset. */
  readonly mail: boolean;
  /** Whether each account must have a second factor. */
  readonly mfa: 'optional' | 'required';
  /** How long after the request all factors of an account are removed; 0 where people cannot ask for that. */
  readonly factorResetSeconds: number;
  /** Whether passkeys work on these pages. */
  readonly passkeys: boolean;
  /** By whose accounts people sign in. */
  readonly providers: readonly { readonly name: string; readonly displayName: string }[];
  readonly passwordMinLength: number;
  readonly redirectOrigins: readonly string[];
}

const element = document.querySelector('meta[name=latchkey-settings]');
export const settings = JSON.parse(element?.getAttribute('content') ?? '') as PageSettings;
