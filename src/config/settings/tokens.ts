import type { Settings } from '../setting.ts';
import { issuerUrl, line, seconds } from '../values.ts';

export const TOKENS = {
  issuer: {
    name: 'LATCHKEY_ISSUER',
    developmentDefault: 'http://localhost:4000',
    description:
      'Public URL of this server, the `iss` of its tokens. Required in production, and https there; in development it follows `PORT`, so several servers of one database need the same',
    value: issuerUrl(),
  },
  audience: {
    name: 'LATCHKEY_AUDIENCE',
    description: 'The `aud` of access tokens; the issuer unless given',
    value: line({ most: 255 }),
  },
  accessTokenTtlSeconds: {
    name: 'LATCHKEY_ACCESS_TOKEN_TTL',
    default: '10m',
    description:
      'Lifetime of an access token, `1s` to `60m`, and never past the known end of its session. This server accepts an expired token for 10 more seconds, because clocks differ',
    value: seconds({ least: '1s', most: '60m' }),
  },
} as const satisfies Settings;
