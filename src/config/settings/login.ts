import type { Settings } from '../setting.ts';
import { flag, word } from '../values.ts';

export const LOGIN = {
  registration: {
    name: 'LATCHKEY_REGISTRATION',
    default: 'open',
    description:
      '`verify` makes an account when the link in a mail is followed, and lets no unverified one log in; `closed` refuses `register`; `latchkey users create` still works',
    value: word('open', 'verify', 'closed'),
  },
  magicLinks: {
    name: 'LATCHKEY_MAGIC_LINKS',
    default: 'off',
    description: '`on` lets people log in by a link or a code that is mailed to them',
    value: flag(),
  },
} as const satisfies Settings;
