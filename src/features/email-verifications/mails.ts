import { templatesBeside } from '../../core/mail/templates.ts';
import type { Purpose } from '../../core/one-time-tokens/purpose.ts';
import { DAY_SECONDS, HOUR_SECONDS } from '../../platform/durations.ts';

const template = templatesBeside(import.meta.url);

/** Makes the account of a registration. */
export const REGISTRATION: Purpose = {
  name: 'registration',
  ttlSeconds: DAY_SECONDS,
  template: template('verify-email'),
  path: '/verify-email',
};

/** Proves the address of an account. */
export const VERIFY_EMAIL: Purpose = { ...REGISTRATION, name: 'verify-email' };

/**
 * Makes the first administrator. Its token is printed by a server in development and never mailed: the template is that of
 * the page where it is used.
 */
export const FIRST_ADMINISTRATOR: Purpose = {
  ...REGISTRATION,
  name: 'first-administrator',
  ttlSeconds: HOUR_SECONDS,
  path: '/first-administrator',
};
