import {
  type ASTNode,
  BREAK,
  coerceInputValue,
  type DocumentNode,
  type GraphQLSchema,
  isInputType,
  isNonNullType,
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

/** Completes the path of an object with what a message of graphql-js says of it. */
export type NameFault = (path: string, message: string) => string;

/**
 * The paths of everything that is wrong with the variables of an operation, in the order in which graphql-js
 * reports it. Its messages quote the whole value, password included, so the path is all that is taken over.
 */
export function pathsOfVariableFaults(
  { schema, document, operation, variables }: VariablesOfOperation,
  nameFault: NameFault,
): string[] {
  return (operation.variableDefinitions ?? []).flatMap((definition) => {
    const name = definition.variable.name.value;
    const type = typeFromAST(schema, definition.type);
    if (!isInputType(type)) return [];

    const base =
      pathOfNode(document, (node) => node.kind === Kind.VARIABLE && node.name.value === name) ?? name;
    const isProvided = Object.hasOwn(variables, name);
    if (!isProvided && definition.defaultValue !== undefined) return [];
    if (variables[name] == null) return isNonNullType(type) ? [base] : [];

    const paths: string[] = [];
    coerceInputValue(variables[name], type, (path, _value, { message }) => {
      paths.push(nameFault([base, ...path].join('.'), message));
    });
    return paths;
  });
}

interface VariablesOfOperation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly variables: Readonly<Record<string, unknown>>;
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
