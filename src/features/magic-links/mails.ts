import { templatesBeside } from '../../core/mail/templates.ts';
import { MINUTE_SECONDS, type Purpose } from '../../core/one-time-tokens/purpose.ts';

const template = templatesBeside(import.meta.url);

export const MAGIC_LINK: Purpose = {
  name: 'magic-link',
  ttlSeconds: 10 * MINUTE_SECONDS,
  template: template('magic-link'),
  path: '/magic-link',
  hasCode: true,
};
