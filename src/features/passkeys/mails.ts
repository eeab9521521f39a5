import { templatesBeside } from '../../core/mail/templates.ts';

const template = templatesBeside(import.meta.url);

export const PASSKEY_ADDED = template('passkey-added');
