import { type KeyObject, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import jwt from 'jsonwebtoken';
import { createVerifier } from '../../examples/jsonwebtoken/verify.ts';
import { gate } from '../support/gate.ts';
import { createKeyPair } from '../support/key-pair.ts';

const ISSUER = 'https://auth.example.com';
const URL = `${ISSUER}/.well-known/jwks.json`;
const MINUTE_MS = 60_000;

let now = Date.UTC(2027, 0, 1);
/** What the key set answers next; every request for it is counted. */
let answer: () => Response | Promise<Response>;
let requests = 0;
beforeEach(() => {
  requests = 0;
  jest.spyOn(Date, 'now').mockImplementation(() => now);
  jest.spyOn(globalThis, 'fetch').mockImplementation(async () => {
    requests += 1;
    return answer();
  });
});
afterEach(() => {
  jest.restoreAllMocks();
});

function makeKey(kid: string) {
  const { publicKey, privateKey } = createKeyPair();
  return { kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'ES256' } };
}
const [first, second] = [makeKey('first'), makeKey('second')];

function sign({ kid, privateKey }: { kid: string; privateKey: KeyObject }, claims: object = {}): string {
  const seconds = Math.floor(now / 1_000);
  const payload = { sub: 'ada', iss: ISSUER, aud: ISSUER, iat: seconds, exp: seconds + 600, ...claims };
  return jwt.sign(payload, privateKey, {
    algorithm: 'ES256',
    header: { alg: 'ES256', typ: 'at+jwt', kid },
  });
}

const publish =
  (...keys: unknown[]) =>
  () =>
    Response.json({ keys });
const fail = () => Response.json({}, { status: 502 });

function start() {
  const verify = createVerifier({ issuer: ISSUER, audience: ISSUER, url: URL });
  return async (token: string): Promise<string> => {
    try {
      return (await verify(token)).sub ?? 'nobody';
    } catch (error) {
      return (error as Error).message;
    }
  };
}

describe('the verifier of examples/jsonwebtoken', () => {
  it('the verifier loads the key set once for all tokens that come while it is loaded', async () => {
    const { open, opened } = gate();
    answer = async () => {
      await opened;
      return publish(first.jwk, second.jwk)();
    };
    const verify = start();
    const verified = Array.from({ length: 20 }, (_, index) => verify(sign(index % 2 ? first : second)));
    open();
    expect(await Promise.all(verified)).toEqual(Array(20).fill('ada'));
    expect(requests).toBe(1);
  });

  it('the verifier shares a load that fails, and tries again a second later', async () => {
    answer = fail;
    const verify = start();
    const token = sign(first);
    const away = 'The key set cannot be loaded';
    expect(await Promise.all([verify(token), verify(token), verify(token)])).toEqual([away, away, away]);
    expect(await verify(token)).toBe(away);
    expect(requests).toBe(1);

    answer = publish(first.jwk);
    now += 1_001;
    expect(await verify(token)).toBe('ada');
    expect(requests).toBe(2);
  });

  it.each<[string, () => Response | Promise<Response>]>([
    ['refuses', fail],
    ['cannot be reached', () => Promise.reject(new TypeError('fetch failed'))],
    ['answers with a page', () => new Response('<html></html>')],
    ['answers with null', () => Response.json(null)],
    ['answers with another object', () => Response.json({ errors: [] })],
    ['has no keys', publish()],
    ['has no key that can be used', publish({ kty: 'oct', kid: 'first', k: 'AA' })],
  ])(
    'the verifier goes on with its keys for an hour while the key set %s, and takes new ones when they come',
    async (_, away) => {
      answer = publish(first.jwk);
      const verify = start();
      expect(await verify(sign(first))).toBe('ada');

      answer = away;
      for (const minutes of [6, 20, 33]) {
        now += minutes * MINUTE_MS;
        expect(await verify(sign(first))).toBe('ada');
        expect(await verify(sign(second))).toBe('The key set cannot be loaded');
      }
      answer = publish(second.jwk);
      now += MINUTE_MS / 2;
      expect(await verify(sign(second))).toBe('ada');
      expect(await verify(sign(first))).toBe('Unknown key');

      answer = away;
      now += 61 * MINUTE_MS;
      expect(await verify(sign(second))).toBe('The key set cannot be loaded');
    },
  );

  it('a token with a known key does not wait for the key set once a load of it has failed', async () => {
    answer = publish(first.jwk);
    const verify = start();
    await verify(sign(first));
    answer = fail;
    now += 6 * MINUTE_MS;
    expect(await verify(sign(first))).toBe('ada');
    answer = () => new Promise(() => {});
    now += 2_000;
    expect(await verify(sign(first))).toBe('ada');
    expect(requests).toBe(3);
  });

  it('the verifier ignores keys that it does not understand (RFC 7517 §5)', async () => {
    const rsa = createKeyPair('rsa').publicKey.export({ format: 'jwk' });
    const strange = [
      null,
      'key',
      {},
      { kty: 'OKP', crv: 'Ed448', kid: 'one', x: 'AA' },
      { kty: 'AKP', alg: 'ML-DSA-65', kid: 'two', pub: 'AA' },
      { kty: 'EC', crv: 'P-256', kid: 'three', x: 'AA', y: 'AA' },
      { kty: 'EC', crv: 'secp256k1', kid: 'four', x: 'AA', y: 'AA' },
      { ...rsa, kid: 'five' },
      { ...second.jwk, use: 'enc' },
      { ...second.jwk, kid: undefined },
    ];
    answer = publish(...strange, first.jwk, ...strange);
    const verify = start();
    expect(await verify(sign(first))).toBe('ada');
    expect(await verify(sign(second))).toBe('Unknown key');
  });

  it('the verifier asks for an unknown key at most once in half a minute', async () => {
    answer = publish(first.jwk);
    const verify = start();
    await verify(sign(first));
    const unknown = sign(second);
    for (let time = 0; time < 10; time += 1) expect(await verify(unknown)).toBe('Unknown key');
    expect(requests).toBe(1);

    answer = publish(first.jwk, second.jwk);
    now += 30_001;
    expect(await verify(unknown)).toBe('ada');
    expect(requests).toBe(2);
  });

  it('the verifier loads the keys anew after five minutes, and drops those that are gone', async () => {
    answer = publish(first.jwk, second.jwk);
    const verify = start();
    expect(await verify(sign(second))).toBe('ada');
    answer = publish(first.jwk);
    now += 5 * MINUTE_MS;
    expect(await verify(sign(second))).toBe('ada');
    now += 1;
    expect(await verify(sign(second))).toBe('Unknown key');
    expect(requests).toBe(2);
  });

  it('the verifier forgives a clock that is ten seconds off, as the server does, and no more (AT-4)', async () => {
    answer = publish(first.jwk);
    const verify = start();
    const seconds = Math.floor(now / 1_000);
    expect(await verify(sign(first, { exp: seconds - 9 }))).toBe('ada');
    expect(await verify(sign(first, { exp: seconds - 10 }))).toBe('jwt expired');
    expect(await verify(sign(first, { iat: seconds + 10 }))).toBe('ada');
    expect(await verify(sign(first, { iat: seconds + 11 }))).toBe('Issued in the future');
    expect(await verify(sign(first, { nbf: seconds + 10 }))).toBe('ada');
    expect(await verify(sign(first, { nbf: seconds + 11 }))).toBe('jwt not active');
  });

  it('the verifier refuses a token of another issuer, audience, key, algorithm or type', async () => {
    answer = publish(first.jwk);
    const verify = start();
    const forged = { kid: 'first', privateKey: second.privateKey };
    expect(await verify(sign(forged))).toBe('invalid signature');
    expect(await verify(sign(first, { iss: 'https://other.example.com' }))).toContain('jwt issuer invalid');
    expect(await verify(sign(first, { aud: 'https://other.example.com' }))).toContain('jwt audience invalid');
    const shared = jwt.sign({ sub: 'ada' }, randomBytes(32), {
      issuer: ISSUER,
      audience: ISSUER,
      header: { alg: 'HS256', typ: 'at+jwt', kid: 'first' },
    });
    expect(await verify(shared)).toBe('invalid algorithm');
    const untyped = jwt.sign({ sub: 'ada' }, first.privateKey, { algorithm: 'ES256', keyid: 'first' });
    for (const other of [untyped, 'a.b.c', '', 'garbage'])
      expect(await verify(other)).toBe('Not an access token');
  });
});
