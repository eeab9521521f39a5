/**
 * Ratios within one run, each against its own baseline, because machines differ and are noisy. Throughputs are of
 * one core (the server is pinned to it, the load comes from another one) and the medians of interleaved rounds.
 */
import { availableParallelism } from 'node:os';
import { hash } from '@node-rs/argon2';
import { median, spread } from './figures.ts';
import { chain, repeat } from './load.ts';
import {
  ask,
  login,
  loginWith,
  ME,
  PASSWORD,
  print,
  refreshWith,
  register,
  type Tokens,
} from './requests.ts';
import { startBare, startLatchkey } from './servers.ts';
import { verifier } from './verifier.ts';

const STARTS = 3;
const ROUNDS = 3;
const LOGIN_ROUNDS = 7;
const WARM_UP_SECONDS = 3;
const SECONDS = 5;
const SESSIONS = 32;
const LOGINS_AT_ONCE = 8;

export async function ratios(): Promise<void> {
  await throughput();
  await logins();
  await start();
  await verifier();
}

/**
 * `me` and `refreshToken` on one core against the bare server on the same core. Of several starts each: two processes
 * of the same code differ by a tenth for as long as they live.
 */
async function throughput(): Promise<void> {
  const results: Throughputs[] = [];
  for (let n = 0; n < STARTS; n += 1) results.push(...(await throughputOfOneStart()));
  print(
    'bare Apollo+Fastify, one core',
    `${median(results.map(({ bare }) => bare)).toFixed(0)} req/s`,
    '1.00',
  );
  print('me', spread(results.map(({ bare, me }) => me / bare)), '≥ 0.80');
  print(
    'refreshToken, SQLite synchronous=FULL',
    spread(results.map(({ bare, refresh }) => refresh / bare)),
    '≥ 0.45',
  );
}

/** Requests per second. */
interface Throughputs {
  readonly bare: number;
  readonly me: number;
  readonly refresh: number;
}

async function throughputOfOneStart(): Promise<Throughputs[]> {
  const bare = await startBare({ core: 0 });
  const latchkey = await startLatchkey({ core: 0 });
  const emails = Array.from({ length: SESSIONS }, (_, i) => `user${i}@example.com`);
  let tokens: Tokens[] = [];
  for (const email of emails) tokens.push(await register(latchkey, email));

  async function round(seconds: number): Promise<Throughputs> {
    const ofBare = await repeat({ url: bare.url, seconds, body: ME });
    const ofMe = await repeat({ url: latchkey.url, seconds, body: ME, token: tokens[0]?.accessToken ?? '' });
    const ofRefresh = await chain({
      url: latchkey.url,
      seconds,
      first: tokens.map(({ refreshToken }) => refreshWith(refreshToken)),
      next: (data) => refreshWith((data.refreshToken as Tokens).refreshToken),
    });
    // Every session goes on with a login of its own: which connection held which one is not worth tracking.
    tokens = [];
    for (const email of emails) tokens.push(await login(latchkey, email));
    return {
      bare: ofBare.requestsPerSecond,
      me: ofMe.requestsPerSecond,
      refresh: ofRefresh.requestsPerSecond,
    };
  }

  // Until the code is compiled that is measured.
  await round(WARM_UP_SECONDS);
  const results: Throughputs[] = [];
  for (let n = 0; n < ROUNDS; n += 1) results.push(await round(SECONDS));
  await bare.stop();
  await latchkey.stop();
  return results;
}

/**
 * Logins against the bare hash, both with all cores; `me` beside them. A hash more than there are cores pushes the others
 * out of the caches, so there are two baselines.
 */
async function logins(): Promise<void> {
  const latchkey = await startLatchkey();
  const emails = Array.from({ length: LOGINS_AT_ONCE }, (_, i) => `user${i}@example.com`);
  for (const email of emails) await register(latchkey, email);
  // Of another account: so many logins end the oldest sessions of theirs.
  const { accessToken: token } = await register(latchkey, 'me@example.com');
  const logInFor = (seconds: number) =>
    chain({
      url: latchkey.url,
      seconds,
      first: emails.map((email) => loginWith(email)),
      next: () => loginWith(emails[Math.floor(Math.random() * emails.length)] ?? ''),
    });

  await logInFor(WARM_UP_SECONDS);
  const ofAsMany: number[] = [];
  const ofOnePerCore: number[] = [];
  const p99s: number[] = [];
  for (let round = 0; round < LOGIN_ROUNDS; round += 1) {
    const asMany = await rawHashesPerSecond(LOGINS_AT_ONCE);
    const onePerCore = await rawHashesPerSecond(availableParallelism());
    const [served, me] = await Promise.all([
      logInFor(SECONDS),
      repeat({ url: latchkey.url, seconds: SECONDS, body: ME, token, connections: 2, rate: 50 }),
    ]);
    ofAsMany.push(served.requestsPerSecond / asMany);
    ofOnePerCore.push(served.requestsPerSecond / onePerCore);
    p99s.push(me.p99Ms);
  }
  await latchkey.stop();
  print(`login, ${LOGINS_AT_ONCE} at once, of as many raw hashes at once`, spread(ofAsMany), '≥ 0.90');
  print('  of one raw hash per core, the best there is', spread(ofOnePerCore), '');
  print('me beside them, p99', `${median(p99s)} ms`, '< 50 ms');
}

async function rawHashesPerSecond(concurrency: number): Promise<number> {
  const until = performance.now() + SECONDS * 1_000;
  let count = 0;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (performance.now() < until) {
        await hash(PASSWORD, { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 });
        count += 1;
      }
    }),
  );
  return count / SECONDS;
}

/** A start on an empty folder, up to the first answer, and what the process weighs when it idles. */
async function start(): Promise<void> {
  const times: number[] = [];
  const sizes: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = performance.now();
    const server = await startLatchkey();
    await ask(server, { query: '{ __typename }' });
    times.push(performance.now() - before);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    sizes.push((await server.rssBytes()) / 1_048_576);
    await server.stop();
  }
  print('start to first answer', `${median(times).toFixed(0)} ms`, '< 1500 ms');
  print('idle resident memory', `${median(sizes).toFixed(0)} MB`, '< 150 MB');
}
