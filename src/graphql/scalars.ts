import { GraphQLError, GraphQLScalarType, type GraphQLScalarTypeConfig, Kind, type ValueNode } from 'graphql';
import {
  GraphQLDateTime,
  GraphQLEmailAddress,
  GraphQLJSONObject,
  GraphQLJWT,
  GraphQLPositiveInt,
} from 'graphql-scalars';
import { parseEmailAddress } from '../platform/email-address.ts';

/** graphql-scalars' own quotes the value it refuses, has no upper bound, and refuses surrounding spaces. */
const EmailAddress = new GraphQLScalarType<string, string>({
  ...GraphQLEmailAddress.toConfig(),
  serialize: String,
  parseValue: (value) => emailAddressAt(value),
  parseLiteral: (node) => emailAddressAt(node.kind === Kind.STRING ? node.value : undefined, node),
});

function emailAddressAt(value: unknown, node?: ValueNode): string {
  const address = parseEmailAddress(value);
  if (address === undefined) throw new GraphQLError('Not a valid email address.', { nodes: node ?? null });
  return address;
}

/** graphql-scalars' own answers with a Date, which JSON.stringify asks for its text in a slow way. */
const DateTime = new GraphQLScalarType<Date, string>({
  ...(GraphQLDateTime.toConfig() as GraphQLScalarTypeConfig<Date, Date>),
  serialize: (moment) => (moment as Date).toISOString(),
});

/** graphql-scalars' own looks whether the tokens that were just made are some. */
const Jwt = new GraphQLScalarType<string, string>({ ...GraphQLJWT.toConfig(), serialize: String });

/** The resolvers of every custom scalar. */
export const scalars = {
  DateTime: describedBySdl(DateTime),
  EmailAddress: describedBySdl(EmailAddress),
  JSONObject: describedBySdl(GraphQLJSONObject),
  JWT: describedBySdl(Jwt),
  PositiveInt: describedBySdl(GraphQLPositiveInt),
};

/** makeExecutableSchema copies what it can enumerate: hidden, the description leaves the SDL's in place. */
function describedBySdl<Internal, External>(
  scalar: GraphQLScalarType<Internal, External>,
): GraphQLScalarType<Internal, External> {
  const copy = new GraphQLScalarType(scalar.toConfig());
  return Object.defineProperty(copy, 'description', { enumerable: false });
}
