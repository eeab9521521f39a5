/**
 * How many access tokens `@latchkey/verify` verifies a second: of a token that it has verified before, of one that it
 * has not, and beside them bare `jwtVerify` of jose with the same key. In a process of its own that is pinned to one
 * core, because jose verifies in threads.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { importJWK, jwtVerify } from 'jose';
import { createTestIssuer } from '../packages/verify/src/testing.ts';
import { createVerifier } from '../packages/verify/src/verifier.ts';
import { ratiosWithinRounds, spread } from './figures.ts';
import { print } from './requests.ts';

const FILE = fileURLToPath(import.meta.url);
const ROUNDS = 7;
const SECONDS = 1;
const AT_ONCE = 32;
const TOKENS = 1_000;

/** Verifications per second, round by round. */
export interface Verifications {
  readonly cached: readonly number[];
  readonly uncached: readonly number[];
  readonly bare: readonly number[];
}

export async function verifier(): Promise<void> {
  const { cached, uncached, bare } = await measureVerifications();
  print('verifier, cached, one core', `${spread(cached)} /s`, '≥ 100000 /s');
  print('verifier, uncached, one core', `${spread(uncached)} /s`, '');
  print('jwtVerify of jose, one core', `${spread(bare)} /s`, '');
  print('  uncached of jwtVerify', spread(ratiosWithinRounds(uncached, bare)), '');
}

export async function measureVerifications(): Promise<Verifications> {
  const args = ['-c', '0', process.execPath, '--import', 'tsx', FILE];
  return JSON.parse((await promisify(execFile)('taskset', args)).stdout);
}

async function measure(): Promise<Verifications> {
  const issuer = await createTestIssuer();
  const tokens = await Promise.all(
    Array.from({ length: TOKENS }, (_, index) =>
      issuer.sign({ userId: `user-${index}`, roles: ['editor'], scope: ['posts:read', 'posts:write'] }),
    ),
  );
  const requests = tokens.map((token) => ({ headers: { authorization: `Bearer ${token}` } }));
  const request = (index: number) => requests[index % TOKENS];

  const caching = createVerifier(issuer.verifierOptions);
  const forgetful = createVerifier({ ...issuer.verifierOptions, cacheSize: 0 });
  const verifyWith = (instance: typeof caching) => async (index: number) => {
    const { viewer, reason } = await instance.verify(request(index));
    if (viewer === undefined) throw new Error(reason);
  };
  const [jwk = {}] = issuer.jwks.keys;
  const key = await importJWK(jwk, 'ES256');
  const expected = { issuer: issuer.issuer, audience: issuer.audience, typ: 'at+jwt', algorithms: ['ES256'] };
  const bare = async (index: number) => {
    await jwtVerify(tokens[index % TOKENS] ?? '', key, expected);
  };

  const ways = { cached: verifyWith(caching), uncached: verifyWith(forgetful), bare };
  const rates: Record<keyof typeof ways, number[]> = { cached: [], uncached: [], bare: [] };
  // The first round is there to compile the code and to fill the cache.
  for (let round = 0; round <= ROUNDS; round += 1)
    for (const [name, verify] of Object.entries(ways) as [keyof typeof ways, typeof bare][]) {
      const rate = await perSecond(verify);
      if (round > 0) rates[name].push(rate);
    }
  return rates;
}

/** As many at once as a busy API has; the next one of each begins when it ends. */
async function perSecond(verify: (index: number) => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  const until = startedAt + SECONDS * 1_000;
  let count = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (performance.now() < until) await verify(count++);
    }),
  );
  return (count / (performance.now() - startedAt)) * 1_000;
}

if (process.argv[1] === FILE) console.log(JSON.stringify(await measure()));
