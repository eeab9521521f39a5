import type { Settings } from '../setting.ts';
import { flag } from '../values.ts';

export const GRAPHQL = {
  introspection: {
    name: 'LATCHKEY_INTROSPECTION',
    default: 'off',
    developmentDefault: 'on',
    description: 'Whether the schema can be asked for',
    value: flag(),
  },
} as const satisfies Settings;
