import { ApolloServer } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { Context } from '../graphql/context.ts';
import { eachOperationPlugin } from '../graphql/each-operation.ts';
import { createErrorFormat, type Funnel } from '../graphql/format-error.ts';
import { KnownOperationTypesRule } from '../graphql/known-operation-types.ts';
import { documentLimits, MAX_ERRORS, MAX_TOKENS } from '../graphql/limits/document-limits.ts';
import { PREFLIGHT_HEADERS } from './doors/graphql.ts';
import { sandboxPlugin } from './doors/sandbox.ts';

export interface ApolloOptions {
  readonly config: Pick<Config, 'mode' | 'introspection' | 'cookies'>;
  readonly logger: Logger;
  /** Executable and guarded. */
  readonly schema: GraphQLSchema;
  readonly funnel: Funnel;
}

/** Apollo Server, with the limits on documents and without the plugins that nothing here uses. Not yet started. */
export function createApollo({ config, logger, schema, funnel }: ApolloOptions): ApolloServer<Context> {
  const { listener, formatError, stringifyResult } = createErrorFormat({
    funnel,
    introspection: config.introspection,
    hints: config.mode === 'development',
  });
  return new ApolloServer<Context>({
    schema,
    logger,
    formatError,
    stringifyResult,
    nodeEnv: config.mode,
    introspection: config.introspection,
    hideSchemaDetailsFromClientErrors: !config.introspection,
    includeStacktraceInErrorResponses: false,
    csrfPrevention: { requestHeaders: PREFLIGHT_HEADERS },
    allowBatchedHttpRequests: false,
    persistedQueries: false,
    parseOptions: { maxTokens: MAX_TOKENS },
    validationRules: [...documentLimits, KnownOperationTypesRule],
    validationOptions: { maxErrors: MAX_ERRORS },
    // Each error holds the whole variable in print.
    executionOptions: { maxCoercionErrors: MAX_ERRORS },
    stopOnTerminationSignals: false,
    plugins: [
      eachOperationPlugin(listener),
      config.mode === 'development' ? sandboxPlugin(config) : ApolloServerPluginLandingPageDisabled(),
      // What is not used costs a tenth of the throughput, and reports would leave the house.
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginSchemaReportingDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
    ],
  });
}
