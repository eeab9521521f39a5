import { templatesBeside } from '../../core/mail/templates.ts';

const template = templatesBeside(import.meta.url);

/** For the owner of an account that an operator looks at. */
export const IMPERSONATED = template('impersonated');
