import { findPasskeyOf } from '../../core/passkeys/store.ts';
import { wordsOf } from '../../platform/words.ts';
import { authenticatorName } from './authenticators.ts';
import { createPasskeyLogin, type PasskeyLoginOptions } from './login.ts';
import { createPasskeyRegistration, type PasskeyRegistrationOptions } from './registration.ts';

export type PasskeysFeatureOptions = PasskeyRegistrationOptions & PasskeyLoginOptions;

export type PasskeysService = ReturnType<typeof createPasskeysService>;

/** What the API shows of a passkey. */
export interface PasskeyDetails {
  readonly backedUp: boolean;
  readonly transports: readonly string[];
  readonly authenticator: string | null;
}

/** Passkeys, as their owners use them. */
export function createPasskeysService(options: PasskeysFeatureOptions) {
  const { database } = options;
  return {
    ...createPasskeyRegistration(options),
    ...createPasskeyLogin(options),

    /** None for a factor of another kind. */
    async detailsOf({ id, kind }: { id: string; kind: string }): Promise<PasskeyDetails | null> {
      const passkey = kind === 'PASSKEY' ? await findPasskeyOf(database, id) : undefined;
      if (passkey === undefined) return null;
      return {
        backedUp: passkey.isBackedUp === 1,
        transports: wordsOf(passkey.transports),
        authenticator: authenticatorName(passkey.aaguid),
      };
    },
  };
}
