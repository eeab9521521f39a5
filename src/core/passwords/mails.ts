import { MINUTE_SECONDS } from '../../platform/durations.ts';
import { templatesBeside } from '../mail/templates.ts';
import type { Purpose } from '../one-time-tokens/purpose.ts';

const template = templatesBeside(import.meta.url);

export const PASSWORD_CHANGED = template('password-changed');

/** The way to a new password, for the reader of the account's mail. */
export const RESET_PASSWORD: Purpose = {
  name: 'reset-password',
  ttlSeconds: 30 * MINUTE_SECONDS,
  template: template('reset-password'),
  path: '/reset-password',
};
