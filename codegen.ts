/**
 * Writes the types of every resolver from the SDL, so that a field without its resolver does not compile. With
 * `--check` it writes nothing, and fails where the file is another one.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { codegen } from '@graphql-codegen/core';
import * as typescript from '@graphql-codegen/typescript';
import * as resolvers from '@graphql-codegen/typescript-resolvers';
import { buildASTSchema, lexicographicSortSchema, parse, printSchema } from 'graphql';
import { readTypeDefs } from './src/graphql/type-defs.ts';

const FILE = 'src/graphql/generated.ts';

// In the order of names, so that a type that moves changes nothing.
const schemaAst = lexicographicSortSchema(buildASTSchema(parse(readTypeDefs())));

const text = await codegen({
  filename: FILE,
  schema: parse(printSchema(schemaAst)),
  schemaAst,
  documents: [],
  plugins: [{ typescript: {} }, { resolvers: {} }],
  pluginMap: { typescript, resolvers },
  config: {
    emitLegacyCommonJSImports: false,
    importExtension: '.ts',
    contextType: './context.ts#Context',
    useTypeImports: true,
    enumsAsTypes: true,
    immutableTypes: true,
    strictScalars: true,
    defaultScalarType: 'unknown',
    useIndexSignature: false,
    scalars: {
      ID: 'string',
      DateTime: { input: 'Date', output: 'Date' },
      EmailAddress: 'string',
      JSONObject: { input: 'Readonly<Record<string, unknown>>', output: 'Readonly<Record<string, unknown>>' },
      JWT: 'string',
      PositiveInt: 'number',
    },
    mappers: {
      User: '../core/users/service.ts#UserView as UserMapper',
      Session: '../core/sessions/service.ts#SessionView as SessionMapper',
      Factor: '../core/factors/service.ts#FactorRecord as FactorMapper',
      ExternalLogin: '../core/external-logins/service.ts#ExternalLoginRecord as ExternalLoginMapper',
      Mfa: '../core/users/service.ts#UserView as MfaMapper',
      AuthPayload: './context.ts#Delivered as AuthPayloadMapper',
      ServiceAccount: '../core/service-accounts/service.ts#ServiceAccountView as ServiceAccountMapper',
      ApiKey: '../core/service-accounts/service.ts#ApiKeyRecord as ApiKeyMapper',
      AdminQuery: '../core/operators/service.ts#Operator as AdminQueryMapper',
      AdminUser: '../core/operators/service.ts#AdminUserView as AdminUserMapper',
      AdminUserConnection: '../core/operators/service.ts#UserConnection as AdminUserConnectionMapper',
      AdminFactor: '../core/factors/service.ts#FactorRecord as AdminFactorMapper',
      AdminStats: '../core/operators/service.ts#Stats as AdminStatsMapper',
      AuditEvent: '../core/operators/service.ts#EventView as AuditEventMapper',
    },
  },
});

if (!process.argv.includes('--check')) writeFileSync(FILE, text);
else if (readFileSync(FILE, 'utf8') !== text) {
  console.error(`${FILE} is not what the schema says: npm run codegen`);
  process.exitCode = 1;
}
