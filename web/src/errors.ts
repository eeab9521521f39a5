import { AuthClientError } from '@latchkey/client';
import { texts } from './texts/index.ts';

/** A failure as a sentence that says what to do. Beside its field, if it is that of one. */
export interface Problem {
  readonly field?: string | undefined;
  readonly text: string;
}

/** What a form says in place of the sentence for a code. */
export type OwnProblems = Readonly<Record<string, Problem>>;

export function problemOf(error: unknown, own: OwnProblems = {}): Problem {
  if (!(error instanceof AuthClientError)) return { text: texts.errors.unknown };
  const { code, reason, retryAfter = 1, minLength = 1 } = error;
  const field = error.field?.split('.').at(-1);
  const problem = own[code];
  if (problem !== undefined) return problem;
  if (code === 'WEAK_PASSWORD') return { field: field ?? 'newPassword', text: weakness(reason, minLength) };
  if (code === 'BAD_USER_INPUT')
    return {
      field,
      text: field === 'email' || field === 'newEmail' ? texts.errors.email : texts.errors.BAD_USER_INPUT,
    };
  if (code === 'EXTERNAL_LOGIN_FAILED') return { text: externalFailure(reason) };
  if (code === 'TOO_MANY_REQUESTS') return { text: texts.errors.TOO_MANY_REQUESTS(Math.ceil(retryAfter)) };
  if (reason === 'FOREIGN_ORIGIN' || reason === 'ENROLMENT_REQUIRED' || reason === 'FACTOR_REQUIRED')
    return { text: texts.errors[reason] };
  const text = Object.hasOwn(texts.errors, code)
    ? texts.errors[code as keyof typeof texts.errors]
    : undefined;
  return { text: typeof text === 'string' ? text : texts.errors.unknown };
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof AuthClientError && codes.includes(error.code);
}

/** Whether who it is has to be proven anew, because it was long ago or without the factor that is asked for now. */
export function asksForProof(error: unknown): boolean {
  return (
    hasCode(error, 'REAUTHENTICATION_REQUIRED') ||
    (error instanceof AuthClientError && error.reason === 'FACTOR_REQUIRED')
  );
}

function externalFailure(reason = ''): string {
  const { externalLogin } = texts.errors;
  return Object.hasOwn(externalLogin, reason)
    ? externalLogin[reason as keyof typeof externalLogin]
    : externalLogin.PROVIDER;
}

function weakness(reason: string | undefined, least: number): string {
  switch (reason) {
    case 'TOO_SHORT':
      return texts.errors.tooShort(least);
    case 'TOO_LONG':
      return texts.errors.tooLong;
    case 'TOO_COMMON':
      return texts.errors.tooCommon;
    case 'CONTAINS_PERSONAL_INFO':
      return texts.errors.personal;
    default:
      return texts.errors.malformed;
  }
}
