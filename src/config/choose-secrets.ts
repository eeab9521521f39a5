import { dirname, join } from 'node:path';
import { isInMemory, sqliteFile } from '../platform/database-url.ts';
import { ConfigError } from './config.ts';
import { generateSecret, readDevelopmentSecret, SecretFileError } from './master-secret.ts';
import type { SettingValues } from './settings.ts';

/**
 * The secrets that were given, or the development server's own.
 *
 * @throws ConfigError when that one can be neither made nor read.
 */
export function chooseSecrets(values: Partial<SettingValues>, databaseUrl: string) {
  const { secrets, secretFile } = values;
  if (secrets !== undefined) return { secrets, secretFile: undefined, notes: [], risks: [] };
  if (secretFile !== undefined) {
    const { warning } = secretFile;
    const risks = warning === undefined ? [] : [`LATCHKEY_SECRET_FILE: ${warning}.`];
    return { secrets: secretFile.secrets, secretFile, notes: [], risks };
  }
  if (isInMemory(databaseUrl)) {
    return {
      secrets: Object.freeze([generateSecret()]),
      secretFile: undefined,
      notes: ['No LATCHKEY_SECRET: a random one is used until this process ends.'],
      risks: [],
    };
  }

  const path = join(dirname(sqliteFile(databaseUrl) ?? 'data/latchkey.db'), 'secret');
  try {
    const made = readDevelopmentSecret(path);
    const isUsed = `No LATCHKEY_SECRET: the development secret in ${path} is used`;
    const { warning } = made;
    return {
      secrets: made.secrets,
      secretFile: made,
      notes: warning === undefined ? [`${isUsed}; only this user can read it.`] : [],
      risks: warning === undefined ? [] : [`${isUsed}, which ${warning}.`],
    };
  } catch (error) {
    if (!(error instanceof SecretFileError)) throw error;
    throw new ConfigError([
      `LATCHKEY_SECRET: not given, and the development secret beside the database ${error.message}`,
    ]);
  }
}
