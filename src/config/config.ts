import type { Provider } from '../core/external-logins/providers-file.ts';
import type { FirebaseParameters } from '../crypto/foreign-hashes.ts';
import type { SecretFile } from './master-secret.ts';
import type { SettingValues } from './settings.ts';

type OfMail = 'smtp' | 'mailFrom' | 'appUrl' | 'templates';
type OfPages = 'appLogo' | 'appStyles';
type OfPasskeys = 'webauthnRpId';

/** Everything the environment decides, read once. Durations end in their unit. */
export interface Config
  extends Omit<
    SettingValues,
    | 'secretFile'
    | 'firebaseScrypt'
    | 'rolesFile'
    | 'claimsFile'
    | 'providersFile'
    | OfMail
    | OfPages
    | OfPasskeys
  > {
  /** Where `secrets` was read from, when that is a file. */
  readonly secretFile?: SecretFile | undefined;
  /** How mail is sent, which is off in production unless all three are given. */
  readonly smtp?: SettingValues['smtp'] | undefined;
  readonly mailFrom?: SettingValues['mailFrom'] | undefined;
  readonly appUrl?: string | undefined;
  readonly templates?: string | undefined;
  /** The domain of passkeys; none where the issuer has none that could be. */
  readonly webauthnRpId?: string | undefined;
  /** What the pages look like. */
  readonly appLogo?: SettingValues['appLogo'] | undefined;
  readonly appStyles?: SettingValues['appStyles'] | undefined;
  /** The roles that are not the built-in one, and the claims that are no preset's. */
  readonly rolesFile?: SettingValues['rolesFile'] | undefined;
  readonly claimsFile?: SettingValues['claimsFile'] | undefined;
  /** The providers of external logins, as the file has them, and with their secrets. */
  readonly providersFile?: SettingValues['providersFile'] | undefined;
  readonly providers: readonly Provider[];
  readonly firebaseScrypt?: FirebaseParameters | undefined;
  /** How many threads libuv has for work off the event loop. Most of that work is hashing. */
  readonly poolThreads: number;
  /** How many passwords a process hashes at once: the workers share the cores. One more may be waiting for a thread. */
  readonly hashConcurrency: number;
  /** What the operator should know at the start, and what is risky. */
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}

/** Everything that is wrong with the environment, in one message that quotes no value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(['The configuration is not usable:', ...problems].join('\n  '));
    this.problems = problems;
  }
}
