import { templatesBeside } from '../mail/templates.ts';

const template = templatesBeside(import.meta.url);

/** For the owner of an address that somebody else wants for an account. */
export const ADDRESS_TAKEN = template('address-taken');
