import { templatesBeside } from '../mail/templates.ts';

const template = templatesBeside(import.meta.url);

export const FACTOR_REMOVED = template('factor-removed');
