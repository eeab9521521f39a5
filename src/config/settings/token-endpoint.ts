import type { Settings } from '../setting.ts';
import { flag } from '../values.ts';

export const TOKEN_ENDPOINT = {
  tokenEndpoint: {
    name: 'LATCHKEY_TOKEN_ENDPOINT',
    default: 'on',
    description: '`off` removes `POST /token` and `POST /token/refresh`',
    value: flag(),
  },
} as const satisfies Settings;
