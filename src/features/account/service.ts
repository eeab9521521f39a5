import { createPasswordRemoval, type PasswordRemovalOptions } from './password-removal.ts';
import { createProfile, type ProfileOptions } from './profile.ts';
import { createReauthentication, type ReauthenticationOptions } from './reauthentication.ts';
import { createRegistration, type RegistrationOptions } from './registration.ts';

export type AccountOptions = RegistrationOptions &
  ReauthenticationOptions &
  PasswordRemovalOptions &
  ProfileOptions;

export type Account = ReturnType<typeof createAccountService>;

/** What people do to their own accounts. */
export function createAccountService(options: AccountOptions) {
  return {
    ...createRegistration(options),
    ...createReauthentication(options),
    ...createPasswordRemoval(options),
    ...createProfile(options),
  };
}
