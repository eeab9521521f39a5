import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';

/**
 * Takes over the settings in a file of the form of `.env`. The environment wins: what it sets is left as it is, and
 * what it sets to nothing counts as not set, as everywhere here. Releases of Node.js that look for `--env-file` behind
 * the name of a script, too, have read the same settings by then, and ended where there was no file.
 *
 * @throws Error when the file cannot be read; it quotes nothing of it.
 */
export function readEnvFile(path: string, environment: NodeJS.ProcessEnv): void {
  let settings: NodeJS.Dict<string>;
  try {
    settings = settingsIn(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(
      `The file of --env-file, ${path}, cannot be read (${code}): correct its path or its mode.`,
    );
  }
  for (const [name, value] of Object.entries(settings)) environment[name] ||= value;
}

/** Whether a file that was not read names the master secret, and the environment does not. */
export function namesSecret(path: string, environment: NodeJS.ProcessEnv): boolean {
  if (environment.LATCHKEY_SECRET || environment.LATCHKEY_SECRET_FILE) return false;
  try {
    const settings = settingsIn(path);
    return Boolean(settings.LATCHKEY_SECRET || settings.LATCHKEY_SECRET_FILE);
  } catch {
    // As where there is no such file.
    return false;
  }
}

function settingsIn(path: string): NodeJS.Dict<string> {
  return parseEnv(readFileSync(path, 'utf8').replace(/^\ufeff/, ''));
}
