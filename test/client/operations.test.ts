import { describe, expect, it } from '@jest/globals';
import { buildASTSchema, parse, validate } from 'graphql';
import type { Factor, Mfa, Mutations, Queries, Session, User } from '../../packages/client/src/client.ts';
import { LOGOUT, mutations, queries, REFRESH } from '../../packages/client/src/operations.ts';
import type * as Server from '../../src/graphql/generated.ts';
import { readTypeDefs } from '../../src/graphql/type-defs.ts';
import { scriptServer } from './support/scripted-server.ts';

const schema = buildASTSchema(parse(readTypeDefs()));
const fieldsOf = (type: 'mutation' | 'query') =>
  Object.keys(schema.getRootType(type as never)?.getFields() ?? {});

/** What the schema takes, without what the client decides. */
type Input<Name extends keyof Mutations> = `${Capitalize<Name>}Input` extends infer Type
  ? Type extends keyof Server.ResolversTypes
    ? Omit<Server.ResolversTypes[Type], 'delivery'>
    : Record<never, never>
  : never;

describe('the operations of the client', () => {
  it('the client has a method for each mutation and each query of the schema', () => {
    const auth = scriptServer().client();
    const renamed = { refreshToken: 'refresh' } as Record<string, string>;
    // Operators have no client of their own.
    const wanted = [...fieldsOf('mutation'), ...fieldsOf('query')]
      .filter((name) => !name.startsWith('admin'))
      .map((name) => renamed[name] ?? name);
    expect(wanted.length).toBeGreaterThan(20);
    expect(
      wanted.filter((name) => typeof (auth as unknown as Record<string, unknown>)[name] !== 'function'),
    ).toEqual([]);
  });

  it.each([
    ...mutations,
    ...queries,
    { name: 'refreshToken', document: REFRESH },
    { name: 'logout', document: LOGOUT },
  ])('the document of $name fits the schema', ({ document }) => {
    expect(validate(schema, parse(document))).toEqual([]);
  });

  it('what answers with tokens has them taken over, and what needs the viewer sends the access token', () => {
    const types = Object.entries(schema.getMutationType()?.getFields() ?? {}).map(
      ([name, { type, astNode }]) => ({
        name,
        opens: /^(AuthPayload|RegisterPayload|FactorConfirmation|ExternalLoginPayload)!?$/.test(String(type)),
        isPublic: astNode?.directives?.some((directive) => directive.name.value === 'public'),
      }),
    );
    for (const { name, opens, bearer } of mutations) {
      const type = types.find((one) => one.name === name);
      expect({ name, opens }).toEqual({ name, opens: type?.opens });
      // These look at a bearer without needing one.
      const wantsBearer =
        !type?.isPublic || ['verifyEmail', 'confirmEmailChange', 'startPasskeyChallenge'].includes(name);
      expect({ name, bearer }).toEqual({ name, bearer: wantsBearer });
    }
  });

  it('the types of the client are those of the schema', () => {
    const names = <Type>(_: { [Name in keyof Type]: true }) => true;
    expect(
      names<User>({
        id: true,
        email: true,
        emailVerified: true,
        name: true,
        roles: true,
        createdAt: true,
        updatedAt: true,
      }),
    ).toBe(true);
    type Fits<Name extends keyof Mutations, Given = NonNullable<Parameters<Mutations[Name]>[0]>> = [
      Given,
    ] extends [Input<Name>]
      ? [keyof Input<Name>] extends [keyof Given]
        ? true
        : Name
      : Name;
    const inputs = <Checked extends { [Name in keyof Mutations]: true }>(checked: Checked | true) => checked;
    expect(inputs<{ [Name in keyof Mutations]: Fits<Name> }>(true)).toBe(true);
    const fields = <
      _Session extends keyof Server.Session,
      _Query extends keyof Server.Query,
      _Mfa extends keyof Server.Mfa,
      _Factor extends keyof Server.Factor,
    >() => true;
    expect(
      fields<
        keyof Session,
        Exclude<keyof Queries, 'mfa' | 'externalLogins' | 'externalProviders'>,
        keyof Mfa,
        keyof Factor
      >(),
    ).toBe(true);
  });
});
