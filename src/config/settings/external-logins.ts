import { type ProviderDefinition, readProviders } from '../../core/external-logins/providers-file.ts';
import { jsonFile } from '../json-file.ts';
import type { Settings } from '../setting.ts';

const MOST_BYTES = 64 * 1024;

export const EXTERNAL_LOGINS = {
  providersFile: {
    name: 'LATCHKEY_PROVIDERS_FILE',
    description:
      'A JSON file of the providers by whose accounts people log in: Google, Microsoft, Apple, GitHub, OpenID providers and OAuth 2 servers',
    value: jsonFile<readonly ProviderDefinition[]>(MOST_BYTES, readProviders),
  },
} as const satisfies Settings;
