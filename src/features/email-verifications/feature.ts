import type { Feature } from '../../core/feature.ts';
import { FIRST_ADMINISTRATOR, REGISTRATION, VERIFY_EMAIL } from './mails.ts';
import { emailVerificationsResolvers } from './resolvers.ts';
import {
  createEmailVerificationsService,
  type EmailVerifications,
  type EmailVerificationsOptions,
} from './service.ts';

/** Proof that an address is its owner's. `beginRegistration` is for the feature that registers. */
export function createEmailVerifications(
  core: EmailVerificationsOptions,
): Feature & Pick<EmailVerifications, 'beginRegistration' | 'mintFirstAdministrator'> {
  const verifications = createEmailVerificationsService(core);
  return {
    resolvers: emailVerificationsResolvers(verifications),
    purposes: [REGISTRATION, VERIFY_EMAIL, FIRST_ADMINISTRATOR],
    beginRegistration: verifications.beginRegistration,
    mintFirstAdministrator: verifications.mintFirstAdministrator,
  };
}
