import { templatesBeside } from '../../core/mail/templates.ts';

const template = templatesBeside(import.meta.url);

export const FACTOR_ADDED = template('factor-added');
export const RECOVERY_CODES_CHANGED = template('recovery-codes-changed');
export const FACTOR_RESET_REQUESTED = template('factor-reset-requested');
export const FACTOR_RESET_CANCELLED = template('factor-reset-cancelled');
