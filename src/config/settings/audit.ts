import type { Settings } from '../setting.ts';
import { seconds } from '../values.ts';

export const AUDIT = {
  auditRetentionSeconds: {
    name: 'LATCHKEY_AUDIT_RETENTION',
    default: '365d',
    description: 'How long audit events are kept, `1d` to `3650d`',
    value: seconds({ least: '1d', most: '3650d' }),
  },
} as const satisfies Settings;
