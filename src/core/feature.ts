import type { Resolvers } from '../graphql/generated.ts';
import type { Chore } from '../platform/chore.ts';
import type { MailTemplate } from './mail/templates.ts';
import type { Purpose } from './one-time-tokens/purpose.ts';

/** What a feature adds to the server. The modules of core add theirs in the same form. app.ts joins them all. */
export interface Feature {
  readonly resolvers?: Resolvers;
  /** Of the one-time tokens that it takes back. Their mails are its own, too. */
  readonly purposes?: readonly Purpose[];
  /** Its other mails. */
  readonly mails?: readonly MailTemplate[];
  readonly chores?: readonly Chore[];
}

/** All that features add, in their order. Not by name: no feature is known here. */
export function joinFeatures(features: readonly Feature[]) {
  const purposes = features.flatMap((feature) => feature.purposes ?? []);
  const names = purposes.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  // A token of the one would be good for the other.
  if (twice !== undefined) throw new Error(`Two purposes have the name ${twice}.`);
  return {
    resolvers: features.flatMap(({ resolvers }) => resolvers ?? []),
    mails: [...purposes.map(({ template }) => template), ...features.flatMap(({ mails }) => mails ?? [])],
    chores: features.flatMap(({ chores }) => chores ?? []),
  };
}
