import type { Settings } from '../setting.ts';
import { seconds } from '../values.ts';

export const SESSIONS = {
  sessionIdleTtlSeconds: {
    name: 'LATCHKEY_SESSION_IDLE_TTL',
    default: '14d',
    description:
      'A session that is not refreshed for so long ends, `1s` to `365d`; no longer than `LATCHKEY_SESSION_ABSOLUTE_TTL`',
    value: seconds({ least: '1s', most: '365d' }),
  },
  sessionAbsoluteTtlSeconds: {
    name: 'LATCHKEY_SESSION_ABSOLUTE_TTL',
    default: '30d',
    description: 'A session ends so long after its authentication, however much it is used, `1s` to `365d`',
    value: seconds({ least: '1s', most: '365d' }),
  },
  refreshRetryWindowSeconds: {
    name: 'LATCHKEY_REFRESH_RETRY_WINDOW',
    default: '30s',
    description: 'How long a spent refresh token may be sent again, `0s` to `10m`',
    value: seconds({ least: '0s', most: '10m' }),
  },
} as const satisfies Settings;
