import type { Feature } from '../../core/feature.ts';
import { MAGIC_LINK } from './mails.ts';
import { magicLinksResolvers } from './resolvers.ts';
import { createMagicLinksService, type MagicLinksOptions } from './service.ts';

/** Logging in by mail. */
export function createMagicLinks(
  core: Omit<MagicLinksOptions, 'isOn'>,
  { isOn }: Pick<MagicLinksOptions, 'isOn'>,
): Feature {
  return {
    resolvers: magicLinksResolvers(createMagicLinksService({ ...core, isOn })),
    purposes: [MAGIC_LINK],
  };
}
