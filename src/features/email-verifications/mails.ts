import { templatesBeside } from '../../core/mail/templates.ts';
import type { Purpose } from '../../core/one-time-tokens/purpose.ts';
import { DAY_SECONDS } from '../../platform/durations.ts';

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
