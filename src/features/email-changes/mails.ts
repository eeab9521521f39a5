import { templatesBeside } from '../../core/mail/templates.ts';
import type { Purpose } from '../../core/one-time-tokens/purpose.ts';
import { UNDO } from '../../core/one-time-tokens/store.ts';
import { DAY_SECONDS } from '../../platform/durations.ts';

const template = templatesBeside(import.meta.url);

export const EMAIL_CHANGE_REQUESTED = template('email-change-requested');
export const EMAIL_CHANGE_UNDONE = template('email-change-undone');

export const CONFIRM_EMAIL: Purpose = {
  name: 'confirm-email',
  ttlSeconds: DAY_SECONDS,
  template: template('confirm-email'),
  path: '/confirm-email',
};

export const UNDO_EMAIL_CHANGE: Purpose = {
  name: UNDO,
  ttlSeconds: 7 * DAY_SECONDS,
  template: template('email-changed'),
  path: '/undo-email-change',
};
