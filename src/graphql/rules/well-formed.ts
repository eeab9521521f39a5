import {
  defaultFieldResolver,
  type GraphQLInputType,
  type GraphQLSchema,
  GraphQLString,
  isInputObjectType,
  isIntrospectionType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { AuthError } from '../../errors.ts';
import type { Context } from '../context.ts';

/**
 * Refuses a `String` that holds half of a surrogate pair. JSON can escape such a half (RFC 8259 §8.2) and UTF-8 cannot
 * encode it: where it is stored or hashed, each half becomes the same character, and two passwords become one.
 */
export function refuseMalformedText(schema: GraphQLSchema): void {
  for (const type of Object.values(schema.getTypeMap())) {
    // graphql-js shares the types of introspection among all schemas.
    if (!isObjectType(type) || isIntrospectionType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      if (field.args.length === 0) continue;
      const resolve = field.resolve ?? defaultFieldResolver;
      field.resolve = (source, args: Readonly<Record<string, unknown>>, context: Context, info) => {
        for (const { name, type } of field.args) {
          const [path] = malformedTexts(args[name], type, name);
          if (path !== undefined) throw new AuthError('BAD_USER_INPUT', { field: path });
        }
        return resolve(source, args, context, info);
      };
    }
  }
}

/** The paths of the malformed texts in an argument, which fits its type. An `ID` is no text: it is known or it is not. */
function* malformedTexts(value: unknown, type: GraphQLInputType, path: string): Generator<string> {
  if (value == null) return;
  if (isNonNullType(type)) yield* malformedTexts(value, type.ofType, path);
  else if (isListType(type)) {
    for (const [index, item] of (value as unknown[]).entries())
      yield* malformedTexts(item, type.ofType, `${path}.${index}`);
  } else if (isInputObjectType(type)) {
    for (const field of Object.values(type.getFields()))
      yield* malformedTexts(
        (value as Record<string, unknown>)[field.name],
        field.type,
        `${path}.${field.name}`,
      );
  } else if (type === GraphQLString && !(value as string).isWellFormed()) yield path;
}
