import {
  type ASTNode,
  BREAK,
  type DocumentNode,
  type GraphQLEnumType,
  type GraphQLInputType,
  type GraphQLScalarType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInputType,
  isListType,
  isNonNullType,
  isRequiredInputField,
  Kind,
  type OperationDefinitionNode,
  typeFromAST,
  visit,
} from 'graphql';

/** graphql-js on a required input field that is not there. Nothing that a client writes can end like this. */
const MISSING_FIELD = /^Field "(?:\w+\.)?(\w+)" of required type "[\w![\]]+" was not provided\.$/;

/**
 * Where among the arguments a node of the document stands, as in `input.email`: names and list indices, never a
 * value. The name of a field that its type does not declare is left out. `undefined` outside of arguments.
 */
export function pathOfNode(document: DocumentNode, isWanted: (node: ASTNode) => boolean): string | undefined {
  const steps: (string | number)[] = [];
  let found: string | undefined;
  visit(document, {
    enter(node, key, _parent, _path, ancestors) {
      const isFound = isWanted(node);
      const step =
        isFound && node.kind === Kind.OBJECT_FIELD ? undefined : stepInto(node, key, ancestors.at(-1));
      if (step !== undefined) steps.push(step);
      if (!isFound || steps.length === 0) return undefined;
      found = steps.join('.');
      return BREAK;
    },
    leave(node, key, _parent, _path, ancestors) {
      if (stepInto(node, key, ancestors.at(-1)) !== undefined) steps.pop();
    },
  });
  return found;
}

/**
 * The paths of what is wrong with the variables of an operation, in the order in which graphql-js reports it. Its
 * messages quote the whole value, password included, so the path is all that is taken over.
 *
 * @param namesMissing whether a field that was not sent is named, or the object that it is missing from.
 */
export function* pathsOfVariableFaults(
  { schema, document, operation, variables }: VariablesOfOperation,
  { namesMissing }: { namesMissing: boolean },
): Generator<string> {
  for (const { variable, type: typeNode, defaultValue } of operation.variableDefinitions ?? []) {
    const name = variable.name.value;
    const type = typeFromAST(schema, typeNode);
    if (!isInputType(type)) continue;
    const isProvided = Object.hasOwn(variables, name);
    if (!isProvided && defaultValue !== undefined) continue;
    const isUse = (node: ASTNode) => node.kind === Kind.VARIABLE && node.name.value === name;
    for (const steps of faultsOf(variables[name], type, namesMissing))
      yield [pathOfNode(document, isUse) ?? name, ...steps].join('.');
  }
}

interface VariablesOfOperation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly variables: Readonly<Record<string, unknown>>;
}

/**
 * Where a value does not fit its type, as `coerceInputValue` of graphql-js finds it, which also looks for names that
 * are similar to each wrong one, and prints every value.
 */
function* faultsOf(
  value: unknown,
  type: GraphQLInputType,
  namesMissing: boolean,
): Generator<readonly (string | number)[]> {
  if (value == null) {
    if (isNonNullType(type)) yield [];
  } else if (isNonNullType(type)) yield* faultsOf(value, type.ofType, namesMissing);
  else if (isListType(type)) {
    if (!Array.isArray(value)) yield* faultsOf(value, type.ofType, namesMissing);
    else
      for (const [index, item] of value.entries())
        yield* below(index, faultsOf(item, type.ofType, namesMissing));
  } else if (!isInputObjectType(type)) {
    if (!isLeafValue(value, type)) yield [];
  } else if (typeof value !== 'object' || Array.isArray(value)) yield [];
  else {
    const members = value as Readonly<Record<string, unknown>>;
    const fields = type.getFields();
    for (const field of Object.values(fields)) {
      const member = members[field.name];
      if (member !== undefined) yield* below(field.name, faultsOf(member, field.type, namesMissing));
      else if (isRequiredInputField(field)) yield namesMissing ? [field.name] : [];
    }
    // A name that the type does not declare is somebody's own, and in no path.
    for (const name of Object.keys(members)) if (fields[name] === undefined) yield [];
  }
}

function* below(
  step: string | number,
  faults: Generator<readonly (string | number)[]>,
): Generator<readonly (string | number)[]> {
  for (const steps of faults) yield [step, ...steps];
}

function isLeafValue(value: unknown, type: GraphQLScalarType | GraphQLEnumType): boolean {
  if (isEnumType(type)) return typeof value === 'string' && type.getValue(value) !== undefined;
  try {
    return type.parseValue(value) !== undefined;
  } catch {
    return false;
  }
}

/** The path of the field that `message` misses in the object at `path`; else `path` itself. */
export function withMissingField(path: string, message: string): string {
  const [, field] = MISSING_FIELD.exec(message) ?? [];
  return field === undefined ? path : `${path}.${field}`;
}

function stepInto(
  node: ASTNode,
  key: string | number | undefined,
  container: ASTNode | readonly ASTNode[] | undefined,
): string | number | undefined {
  if (node.kind === Kind.ARGUMENT || node.kind === Kind.OBJECT_FIELD) return node.name.value;
  const isListItem = container !== undefined && 'kind' in container && container.kind === Kind.LIST;
  return isListItem ? key : undefined;
}
