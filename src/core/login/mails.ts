import { templatesBeside } from '../mail/templates.ts';

const template = templatesBeside(import.meta.url);

export const LOGIN_AFTER_FAILURES = template('login-after-failures');
