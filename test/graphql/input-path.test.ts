import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  buildSchema,
  coerceInputValue,
  isInputObjectType,
  Kind,
  type OperationDefinitionNode,
  parse,
} from 'graphql';
import { pathsOfVariableFaults, withMissingField } from '../../src/graphql/input-path.ts';

const schema = buildSchema(`
  type Query { find(input: Input): Int }
  enum Color { RED GREEN }
  input Input { id: ID! count: Int = 1 color: Color! names: [String!]! grid: [[Int]] inner: Input colors: [Color] }
`);
const document = parse('query ($input: Input!) { find(input: $input) }');
const [operation] = document.definitions.filter(
  (definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION,
);

const leaf = fc.constantFrom<unknown>(null, 'RED', 'BLUE', 'text', 7, 1.5, true, {}, [], undefined);
const { value: anyInput } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    tie('list'),
    tie('object'),
    tie('object'),
  ),
  list: fc.array(tie('value'), { maxLength: 3 }),
  object: fc.dictionary(
    fc.constantFrom('id', 'count', 'color', 'names', 'grid', 'inner', 'colors', 'other', 'toString'),
    tie('value'),
    { maxKeys: 7 },
  ),
}));

describe('pathsOfVariableFaults', () => {
  it('the paths of mistakes in variables are the ones that graphql-js reports, in its order', () => {
    const type = schema.getType('Input');
    if (!isInputObjectType(type) || operation === undefined) throw new Error('no input');
    fc.assert(
      fc.property(anyInput, (input) => {
        const reported: string[] = [];
        if (input == null) reported.push('input');
        else
          coerceInputValue(input, type, (path, _value, { message }) => {
            reported.push(withMissingField(['input', ...path].join('.'), message));
          });
        const asked = { schema, document, operation, variables: { input } };
        expect([...pathsOfVariableFaults(asked, { namesMissing: true })]).toEqual(reported);
      }),
      { numRuns: 5_000 },
    );
  });

  it('the paths of mistakes in variables are found one by one: the first is known before the others are read', () => {
    if (operation === undefined) throw new Error('no operation');
    let read = 0;
    const grid = new Proxy(Array(1_000).fill('x'), {
      get(target, key) {
        if (typeof key === 'string' && /^\d+$/.test(key)) read += 1;
        return Reflect.get(target, key);
      },
    });
    const variables = { input: { id: '1', color: 'RED', names: [], grid } };
    const asked = { schema, document, operation, variables };
    const faults = pathsOfVariableFaults(asked, { namesMissing: true });
    expect(faults.next().value).toBe('input.grid.0');
    expect(read).toBe(1);
  });
});
