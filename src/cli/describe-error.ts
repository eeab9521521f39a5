import { SETTINGS } from '../config/settings.ts';
import { describeDatabaseFailure } from '../database/failure.ts';
import { AuthError } from '../errors.ts';

/** One line for the operator, who may see the cause that clients never do. */
export function describeError(error: unknown): string {
  const ofDatabase = describeDatabaseFailure(error, process.env.DATABASE_URL || SETTINGS.databaseUrl.default);
  if (ofDatabase !== undefined) return ofDatabase;
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof AuthError)) return error.message;
  const { reason, minLength } = error.extensions;
  const details = [
    reason,
    minLength && `at least ${minLength} characters`,
    error.cause && causeOf(error.cause),
  ];
  const known = details.filter(Boolean).join(', ');
  return known === '' ? error.message : `${error.message} (${known})`;
}

function causeOf(cause: unknown): string {
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}
