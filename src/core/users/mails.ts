import { templatesBeside } from '../mail/templates.ts';

const template = templatesBeside(import.meta.url);

/** For the owner of an address, when a request names it for another account. */
export const ADDRESS_TAKEN = template('address-taken');
