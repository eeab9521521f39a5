import type { AuthError, ErrorCode } from '../errors.ts';

/*
 * What a refusal says in development, and nowhere else, beside its code: the mistake that a beginner most often makes
 * to get it, and what to do. A hint holds names of the schema and of settings, and never a value that came in.
 */

const BY_REASON: Readonly<Record<string, string>> = {
  TOKEN_MISSING: 'Send `authorization: Bearer <access token>`: `login` and `register` answer with one.',
  TOKEN_EXPIRED: 'The access token has expired: `refreshToken` answers with a new one.',
  TOKEN_INVALID:
    'This server did not sign that access token, or its session has ended: send the newest one, whole, or log in again.',
  PROVIDER:
    'The log says what is wrong with the answer of the provider, and `latchkey doctor` what is wrong with its discovery document.',
  LINK_FIRST: 'Log in to the account that has the address, and call `linkExternalLogin`.',
  INSUFFICIENT_SCOPE:
    'A role with that scope is needed: `latchkey users grant` gives one, and a login after that makes a token with it.',
  FOREIGN_ORIGIN: 'Add the origin of the page to LATCHKEY_CORS_ORIGINS.',
};

const BY_CODE: { readonly [Code in ErrorCode]?: string } = {
  INVALID_CREDENTIALS:
    'The password is wrong, or no account has this email address. `register` makes an account, and so does `latchkey users create`.',
  INVALID_REFRESH_TOKEN:
    'A refresh token begins with `lkr_` and is spent by its first use: send the newest one, or log in again.',
  INVALID_TOKEN:
    'A link or a code works once, and until its time is over: `/dev/mail` shows the newest mail to an address.',
  EMAIL_TAKEN: 'Use `login` for this address, or register another one.',
  REGISTRATION_CLOSED: 'Set LATCHKEY_REGISTRATION=open, or use `latchkey users create`.',
  WEAK_PASSWORD:
    '`extensions.reason` says what is wrong with the password; a few random words are a good one.',
  REAUTHENTICATION_REQUIRED:
    'Call `reauthenticate`, and send this again with the access token that it answers with.',
  TOO_MANY_REQUESTS: 'LATCHKEY_THROTTLES=off stops the counting in development.',
  GRAPHQL_PARSE_FAILED: 'The document is not GraphQL: look at the place that `locations` names.',
  OPERATION_RESOLUTION_FAILURE: 'Send `operationName`, which names one of the operations of the document.',
};

/** What to do about a refusal, if there is something to say. */
export function hintOfRefusal({ code, hint, extensions: { reason, field } }: AuthError): string | undefined {
  if (hint !== undefined) return hint;
  // The schema allows what a service refuses: a password that only some registrations need.
  if (code === 'BAD_USER_INPUT')
    return field && `\`${field}\` is missing, or has a value that is not allowed there.`;
  return (reason !== undefined ? BY_REASON[reason] : undefined) ?? BY_CODE[code];
}

/** graphql-js on what was not sent or is null. What a client wrote may stand in front of it, and not in it. */
const IS_MISSING =
  /of (?:required|non-null) type "[\w![\]]+" (?:was not provided|must not be null)\.$|Expected non-nullable type "[\w![\]]+" not to be null\.$|Expected value of type "[\w[\]]+!", found null\.$/;
const IS_UNKNOWN = /is not defined by type "\w+"\.(?: Did you mean .*)?$/;
const IS_NO_EMAIL = /(?:^|; )Not a valid email address\.$/;
/** A document without an argument. All that it holds is names of the schema. */
const ARGUMENT_MISSING =
  /^Field "\w+" argument "(\w+)" of type "[\w![\]]+" is required, but it was not provided\.$/;

/** What to do about a mistake that graphql-js found. Its `message` may quote what came in, and is only looked at. */
export function hintOfMistake({
  code,
  field,
  message,
}: {
  code: ErrorCode;
  /** The path of the input at fault. */
  field: string | undefined;
  message: string;
}): string | undefined {
  const [, argument] = ARGUMENT_MISSING.exec(message) ?? [];
  if (argument !== undefined) return isMissing(argument);
  if (code !== 'BAD_USER_INPUT' || field === undefined) return BY_CODE[code];
  if (IS_MISSING.test(message)) return isMissing(field);
  if (IS_UNKNOWN.test(message)) return `\`${field}\` has a field that the schema does not know.`;
  return IS_NO_EMAIL.test(message) ? `\`${field}\` is not an email address.` : hintOfInput(field);
}

function isMissing(field: string): string {
  return `\`${field}\` is required and was not given.`;
}

function hintOfInput(field: string | undefined): string | undefined {
  return field === undefined ? undefined : `\`${field}\` has a value that the schema does not allow there.`;
}
