import { masterSecrets, secretFile } from '../master-secret.ts';
import type { Settings } from '../setting.ts';

export const SECRETS = {
  secrets: {
    name: 'LATCHKEY_SECRET',
    description:
      'Master secret, at least 32 bytes as base64url, base64 or hex; a comma-separated list replaces it step by step. Required in production; in development one is made in the folder of the database',
    value: masterSecrets,
  },
  secretFile: {
    name: 'LATCHKEY_SECRET_FILE',
    description: 'A file that holds the master secret instead, and that not every user may read or change',
    value: secretFile,
  },
} as const satisfies Settings;
