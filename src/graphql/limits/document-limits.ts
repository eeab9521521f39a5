import type { ValidationRule } from 'graphql';
import { MaxAliasesRule } from './max-aliases.ts';
import { MaxCostRule } from './max-cost.ts';
import { MaxDepthRule } from './max-depth.ts';
import { MaxDirectivesRule } from './max-directives.ts';
import { MaxFragmentsRule } from './max-fragments.ts';
import { MaxListItemsRule } from './max-list-items.ts';
import { MaxRepetitionsRule } from './max-repetitions.ts';
import { MaxRootFieldsRule } from './max-root-fields.ts';
import { OneCredentialRule } from './one-credential.ts';

/**
 * In characters; the parser does not begin on more. graphql-js prints what it compares and complains about, so its cost
 * is in the length of names and strings, too. What is long belongs in a variable.
 */
export const MAX_LENGTH = 16 * 1024;

/** The parser gives up at the next token, so what follows is bounded by a small document (GQL-2). */
export const MAX_TOKENS = 1_000;

/** How many errors of one request are told (GQL-2). */
export const MAX_ERRORS = 5;

/** What a document must keep to beyond the rules of the GraphQL specification (GQL-1, GQL-2). */
export const documentLimits: readonly ValidationRule[] = [
  MaxFragmentsRule,
  MaxDirectivesRule,
  MaxListItemsRule,
  MaxRepetitionsRule,
  MaxRootFieldsRule,
  MaxDepthRule,
  MaxAliasesRule,
  MaxCostRule,
  OneCredentialRule,
];
