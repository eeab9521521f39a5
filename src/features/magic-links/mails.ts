import { templatesBeside } from '../../core/mail/templates.ts';
import type { Purpose } from '../../core/one-time-tokens/purpose.ts';
import { MINUTE_SECONDS } from '../../platform/durations.ts';

const template = templatesBeside(import.meta.url);

export const MAGIC_LINK: Purpose = {
  name: 'magic-link',
  ttlSeconds: 10 * MINUTE_SECONDS,
  template: template('magic-link'),
  path: '/magic-link',
  hasCode: true,
};
