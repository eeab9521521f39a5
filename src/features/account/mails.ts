import { templatesBeside } from '../../core/mail/templates.ts';

const template = templatesBeside(import.meta.url);

export const PASSWORD_REMOVED = template('password-removed');
