import type {
  ApolloServerOptions,
  GraphQLRequestContextDidEncounterErrors,
  GraphQLRequestListener,
} from '@apollo/server';
import { type ASTNode, GraphQLError, isValueNode, Kind } from 'graphql';
import type { Logger } from 'pino';
import { AuthError, ERRORS, type ErrorCode } from '../errors.ts';
import type { Context } from './context.ts';
import { hintOfMistake, hintOfRefusal } from './hints.ts';
import { pathOfNode, pathsOfVariableFaults, withMissingField } from './input-path.ts';
import { MAX_ERRORS } from './limits/document-limits.ts';

/** All that a client is told of a refusal or a fault. */
export interface Refusal {
  readonly message: string;
  readonly extensions: AuthError['extensions'] & { readonly requestId?: string; readonly hint?: string };
}

/** Turns whatever was thrown into what may be said of it, and logs what may not. */
export type Funnel = (error: unknown, requestId: string | undefined) => Refusal;

/**
 * The one way out for errors, of GraphQL and of the REST door. An `AuthError` is answered as it is; its cause
 * goes to the log. Anything else is a fault of the server: logged once with the request id, answered with
 * nothing but that id (GQL-5).
 *
 * @param hints whether a refusal says what to do about it, as in development.
 */
export function createFunnel(log: Logger, { hints = false }: { hints?: boolean } = {}): Funnel {
  return (error, requestId) => {
    const isExpected = error instanceof AuthError && error.code !== 'INTERNAL_SERVER_ERROR';
    if (!isExpected) {
      log.error({ requestId, error: factsOf(error) }, 'unexpected error');
      const code = 'INTERNAL_SERVER_ERROR';
      return { message: ERRORS[code], extensions: { code, ...(requestId && { requestId }) } };
    }
    if (error.cause !== undefined) {
      const level = error.code === 'UNAVAILABLE' ? 'warn' : 'debug';
      log[level]({ requestId, code: error.code, cause: reasonOf(error.cause) }, 'refused');
    }
    const hint = hints ? hintOfRefusal(error) : undefined;
    return { message: error.message, extensions: { ...error.extensions, ...(hint && { hint }) } };
  };
}

/** The codes that graphql-js and Apollo answer with by themselves; their messages may quote what came in. */
const LIBRARY_CODES: ReadonlySet<unknown> = new Set<ErrorCode>([
  'BAD_REQUEST',
  'BAD_USER_INPUT',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'PERSISTED_QUERY_NOT_FOUND',
  'PERSISTED_QUERY_NOT_SUPPORTED',
]);

/** The parser on a document of too many tokens. Nothing that a client writes can begin like this. */
const TOO_MANY_TOKENS = /^Syntax Error: Document contains more tha[nt] \d+ tokens\./;

/** How graphql-js begins when a document uses a variable wrongly: the document is at fault, and no value. */
const OF_VARIABLE = /^Variable "/;

/** Longer texts than this have room for a name that somebody else made up. */
const LONGEST_TEXT = 200;
/** Two fields that do not merge have one each. */
const MOST_LOCATIONS = 2;

/** What a validation error may be about for its text to hold names only, and no literal. */
const NAMING_NODES: ReadonlySet<string> = new Set([
  Kind.ARGUMENT,
  Kind.DIRECTIVE,
  Kind.FIELD,
  Kind.FRAGMENT_DEFINITION,
  Kind.FRAGMENT_SPREAD,
  Kind.INLINE_FRAGMENT,
  Kind.NAME,
  Kind.NAMED_TYPE,
  Kind.OPERATION_DEFINITION,
  Kind.VARIABLE,
  Kind.VARIABLE_DEFINITION,
]);

/** What the request knows of an error, which Apollo's `formatError` is not told. */
interface Note {
  readonly requestId: string;
  /** The path of the input at fault. */
  readonly field?: string | undefined;
}

/**
 * Apollo's part of the funnel: `listener` notes what is known of each error, `formatError` answers it, and
 * `stringifyResult` leaves out what is too much.
 */
export function createErrorFormat({
  funnel,
  introspection,
  hints = false,
}: {
  funnel: Funnel;
  introspection: boolean;
  /** Whether a refusal says what to do about it. Where the schema may not be seen, those of graphql-js never do. */
  hints?: boolean;
}): {
  listener: GraphQLRequestListener<Context>;
  formatError: NonNullable<ApolloServerOptions<Context>['formatError']>;
  stringifyResult: NonNullable<ApolloServerOptions<Context>['stringifyResult']>;
} {
  const notes = new WeakMap<object, Note>();
  const listener = {
    async didEncounterErrors(request: GraphQLRequestContextDidEncounterErrors<Context>) {
      const { requestId } = request.contextValue.caller;
      // A field that the client did not send is a part of the schema, which it may not see (GQL-4).
      const fields = fieldsAtFault(request, { namesMissing: introspection });
      request.errors.forEach((error, index) => {
        notes.set(error, { requestId, field: fields[index] });
      });
    },
  };

  function answer(error: unknown): Refusal {
    const root = isTooManyTokens(error) ? new AuthError('OPERATION_LIMIT_EXCEEDED') : rootOf(error);
    if (!(error instanceof GraphQLError)) return funnel(root, undefined);
    const note = notes.get(error);
    const code = root instanceof AuthError ? undefined : libraryCode(error, note);
    if (code === undefined) return funnel(root, note?.requestId);

    const message = isTextSafe(error, code, introspection) ? error.message : ERRORS[code];
    const field = note?.field !== undefined && note.field.length <= LONGEST_TEXT ? note.field : undefined;
    const hint = hints && introspection ? hintOfMistake({ code, field, message: error.message }) : undefined;
    return { message, extensions: { code, ...(field !== undefined && { field }), ...(hint && { hint }) } };
  }

  return {
    listener,
    formatError(formatted, error) {
      const { message, extensions } = answer(error);
      const { locations } = formatted;
      return {
        ...formatted,
        message,
        ...(locations && { locations: locations.slice(0, MOST_LOCATIONS) }),
        extensions: { ...extensions },
      };
    },
    stringifyResult({ errors, data, extensions }) {
      // Where nothing ran: the limit of graphql-js adds an error to say so, and it has another one for variables.
      const told = data === undefined ? errors?.slice(0, MAX_ERRORS) : errors;
      // The line ends for whoever asks from a terminal.
      return `${JSON.stringify({ errors: told, data, extensions })}\n`;
    },
  };
}

/** Apollo's BAD_REQUEST texts are constants; those about names help whoever may see the schema anyway. */
function isTextSafe({ nodes, message }: GraphQLError, code: ErrorCode, introspection: boolean): boolean {
  if (code === 'BAD_REQUEST') return true;
  if (code !== 'GRAPHQL_VALIDATION_FAILED' || !introspection || message.length > LONGEST_TEXT) return false;
  return nodes !== undefined && nodes.length > 0 && nodes.every(({ kind }) => NAMING_NODES.has(kind));
}

function isTooManyTokens(error: unknown): boolean {
  return (
    error instanceof GraphQLError &&
    error.extensions.code === 'GRAPHQL_PARSE_FAILED' &&
    TOO_MANY_TOKENS.test(error.message)
  );
}

/**
 * graphql-js gives no code to an input that turns out wrong while the document runs; the client sent it. A wrong value
 * in the document is the same mistake as a wrong value in a variable, so it has the same code.
 */
function libraryCode({ extensions, message }: GraphQLError, note: Note | undefined): ErrorCode | undefined {
  const isAboutValue = note?.field !== undefined && !OF_VARIABLE.test(message);
  if (extensions.code === 'GRAPHQL_VALIDATION_FAILED' && isAboutValue) return 'BAD_USER_INPUT';
  if (LIBRARY_CODES.has(extensions.code)) return extensions.code as ErrorCode;
  return note?.field === undefined ? undefined : 'BAD_USER_INPUT';
}

/** For each error of the request, the path of the input that it is about, if it is about one. */
function fieldsAtFault(
  { errors, schema, document, operation, request }: GraphQLRequestContextDidEncounterErrors<Context>,
  { namesMissing }: { namesMissing: boolean },
): (string | undefined)[] {
  if (document === undefined) return [];
  if (operation && errors[0]?.nodes?.[0]?.kind === Kind.VARIABLE_DEFINITION) {
    const variables = request.variables ?? {};
    const paths: string[] = [];
    for (const path of pathsOfVariableFaults({ schema, document, operation, variables }, { namesMissing })) {
      // No more of them are told.
      if (paths.push(path) === MAX_ERRORS) break;
    }
    // Past its limit graphql-js ends the list with an error that has no place.
    return errors.map((_error, index) => paths[index] ?? paths.at(-1));
  }
  return errors.map(({ nodes, message }) => {
    const node = nodes?.find(isInput);
    const path = node && pathOfNode(document, (candidate) => candidate === node);
    return path && namesMissing ? withMissingField(path, message) : path;
  });
}

function isInput(node: ASTNode): boolean {
  return isValueNode(node) || node.kind === Kind.OBJECT_FIELD;
}

function rootOf(error: unknown): unknown {
  if (error instanceof GraphQLError && error.originalError) return rootOf(error.originalError);
  // What is no Error of this realm, graphql-js wraps: the log wants what was thrown.
  return error instanceof Error && 'thrownValue' in error ? error.thrownValue : error;
}

/** Enough to find a fault, and nothing that an error may carry along: parameters, rows, request bodies (AUD-2). */
function factsOf(error: unknown): object {
  // By its shape: the errors of a native module need not be of this realm's class.
  if (typeof error !== 'object' || error === null) return { name: typeof error };
  const { name, message, stack, cause } = error as Partial<Error>;
  return { name, message, stack, ...(cause !== undefined && { cause: reasonOf(cause) }) };
}

/** The reason of a refusal is a text of this server's own where no other error led to it. */
function reasonOf(cause: unknown): object {
  return typeof cause === 'string' ? { message: cause } : factsOf(cause);
}
