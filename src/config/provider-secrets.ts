import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Provider, ProviderDefinition, SecretSource } from '../core/external-logins/providers-file.ts';

const LONGEST_SECRET = 8 * 1024;

/** Reads the secrets of the providers. `report` hears of each problem, and then the result is of no use. */
export function readProviderSecrets(
  providers: readonly ProviderDefinition[],
  given: ReadonlyMap<string, string>,
  report: (problem: string) => void,
): readonly Provider[] {
  return providers.map((provider) => {
    const refuse = (problem: string) =>
      report(`LATCHKEY_PROVIDERS_FILE: providers.${provider.name}: ${problem}`);
    const text = textOf(provider.secret, given, refuse);
    const needsKey = provider.protocol === 'oidc' && provider.signer !== undefined;
    return Object.freeze({ ...provider, clientSecret: needsKey ? keyOf(text, refuse) : text });
  });
}

function textOf(
  source: SecretSource,
  given: ReadonlyMap<string, string>,
  refuse: (problem: string) => void,
): string {
  if ('env' in source) {
    const text = given.get(source.env);
    if (text === undefined) refuse('the variable that the file names is not set');
    return text ?? '';
  }
  try {
    const text = readFileSync(source.file, 'utf8').trim();
    if (text === '' || text.length > LONGEST_SECRET) refuse('the file of its secret is empty, or too long');
    return text;
  } catch (error) {
    refuse(`the file of its secret cannot be read (${(error as NodeJS.ErrnoException).code})`);
    return '';
  }
}

/** PEM; in a variable, `\n` may stand for the ends of its lines. */
function keyOf(text: string, refuse: (problem: string) => void): KeyObject | string {
  if (text === '') return text;
  try {
    const key = createPrivateKey(text.replaceAll('\\n', '\n'));
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  } catch {
    // The message of OpenSSL would help nobody.
  }
  refuse('its key is no private key of P-256 in PEM');
  return '';
}
