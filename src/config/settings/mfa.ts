import type { Settings } from '../setting.ts';
import { secondsOrOff, word } from '../values.ts';

export const MFA = {
  mfa: {
    name: 'LATCHKEY_MFA',
    default: 'optional',
    description:
      '`required` lets an account without a second factor do no more than enrol one: its tokens have no scope and no roles',
    value: word('optional', 'required'),
  },
  factorResetSeconds: {
    name: 'LATCHKEY_FACTOR_RESET',
    default: 'off',
    description:
      'how long after the request all second factors of an account are removed, from 24h to 30d, as in `72h`; `off` leaves that to the operator. The owner is told three times meanwhile, and can cancel it',
    value: secondsOrOff({ least: '24h', most: '30d' }),
  },
} as const satisfies Settings;
