import { hkdfSync, randomBytes } from 'node:crypto';
import { sha256 } from '../../crypto/digest.ts';
import { KEY_ID_BYTES, type Keyring } from '../../crypto/keyring.ts';

/*
 *   state         base64url( id of the key ‖ 32 random bytes )
 *   nonce         HKDF( key, state, "nonce" )
 *   code_verifier HKDF( key, state, "pkce" )
 *
 * The state goes through the browser, and whoever sees it has neither of the others. Nothing but its hash is stored: a dump
 * of the database is of no use to who has caught a code on its way. The id says which master secret made it, so a change of
 * secrets ends no login that was begun.
 */
const RANDOM_BYTES = 32;
const SHAPE = new RegExp(`^[A-Za-z0-9_-]{${((KEY_ID_BYTES + RANDOM_BYTES) * 8) / 6}}$`);

export interface StartSecrets {
  readonly state: string;
  readonly stateHash: string;
  /** Ties the ID token to the request (OpenID Connect Core §3.1.2.1). */
  readonly nonce: string;
  /** RFC 7636 §4.1. */
  readonly codeVerifier: string;
}

export function createStartSecrets(keyring: Keyring) {
  function derive(state: string, key: Buffer): StartSecrets {
    const secret = (purpose: string) =>
      Buffer.from(hkdfSync('sha256', key, state, `latchkey external ${purpose}`, 32)).toString('base64url');
    return { state, stateHash: sha256(state), nonce: secret('nonce'), codeVerifier: secret('pkce') };
  }

  return {
    make(): StartSecrets {
      const { id, key } = keyring.current;
      return derive(Buffer.concat([id, randomBytes(RANDOM_BYTES)]).toString('base64url'), key);
    },

    /** Those of a state that came back; none for what this server cannot have made. */
    of(state: string): StartSecrets | undefined {
      if (!SHAPE.test(state)) return undefined;
      const id = Buffer.from(state, 'base64url').subarray(0, KEY_ID_BYTES);
      const key = keyring.find(id)?.key;
      return key === undefined ? undefined : derive(state, key);
    },
  };
}

/** A secret that the client keeps, or brings back once. */
export function makeToken(prefix: '' | 'lke_' | 'lkn_'): string {
  return prefix + randomBytes(32).toString('base64url');
}
