import type { CodegenConfig } from '@graphql-codegen/cli';

/** Writes the types of every resolver from the SDL, so that a field without its resolver does not compile. */
const config: CodegenConfig = {
  schema: 'schema/*.graphql',
  emitLegacyCommonJSImports: false,
  importExtension: '.ts',
  generates: {
    'src/graphql/generated.ts': {
      plugins: ['typescript', 'typescript-resolvers'],
      config: {
        contextType: '../context.ts#Context',
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
          JWT: 'string',
          PositiveInt: 'number',
        },
        mappers: {
          User: '../modules/users/service.ts#UserView as UserMapper',
          Session: '../modules/sessions/service.ts#SessionView as SessionMapper',
          AuthPayload: '../context.ts#Delivered as AuthPayloadMapper',
        },
      },
    },
  },
};

export default config;
