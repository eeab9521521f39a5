import { templatesBeside } from '../../core/mail/templates.ts';
import type { Purpose } from '../../core/one-time-tokens/purpose.ts';
import { MINUTE_SECONDS } from '../../platform/durations.ts';

const template = templatesBeside(import.meta.url);

export const EXTERNAL_LOGIN_LINKED = template('external-login-linked');
export const EXTERNAL_LOGIN_UNLINKED = template('external-login-unlinked');

/** Brings a code and no link: it is typed in where the registration began. */
export const EXTERNAL_REGISTRATION: Purpose = {
  name: 'external-registration',
  ttlSeconds: 10 * MINUTE_SECONDS,
  template: template('external-registration'),
  hasCode: true,
};
