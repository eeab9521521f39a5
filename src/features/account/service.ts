import { createProfile, type ProfileOptions } from './profile.ts';
import { createReauthentication, type ReauthenticationOptions } from './reauthentication.ts';
import { createRegistration, type RegistrationOptions } from './registration.ts';

export type AccountOptions = RegistrationOptions & ReauthenticationOptions & ProfileOptions;

export type Account = ReturnType<typeof createAccount>;

/** What people do to their own accounts. */
export function createAccount(options: AccountOptions) {
  return {
    ...createRegistration(options),
    ...createReauthentication(options),
    ...createProfile(options),
  };
}
