/**
 * Ratios within one run, each against its own baseline, because machines differ and are noisy. Throughputs are of
 * one core (the server is pinned to it, the load comes from another one) and the medians of interleaved rounds.
 */
import { availableParallelism } from 'node:os';
import { hash } from '@node-rs/argon2';
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

const ROUNDS = 3;
const SECONDS = 5;
const SESSIONS = 32;
const LOGINS_AT_ONCE = 8;

export async function ratios(): Promise<void> {
  await throughput();
  await logins();
  await start();
}

/** `me` and `refreshToken` on one core against the bare server on the same core. */
async function throughput(): Promise<void> {
  const bare = await startBare({ core: 0 });
  const latchkey = await startLatchkey({ core: 0 });
  const users: Tokens[] = [];
  for (let i = 0; i < SESSIONS; i += 1) users.push(await register(latchkey, `user${i}@example.com`));
  let tokens = users.map(({ refreshToken }) => refreshToken);
  const token = users[0]?.accessToken ?? '';

  const ofMe: number[] = [];
  const ofRefresh: number[] = [];
  const ofBare: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const baseline = await repeat({ url: bare.url, seconds: SECONDS, body: ME });
    const me = await repeat({ url: latchkey.url, seconds: SECONDS, body: ME, token });
    const rotated = await chain({
      url: latchkey.url,
      seconds: SECONDS,
      first: tokens.map(refreshWith),
      next: (data) => refreshWith((data.refreshToken as Tokens).refreshToken),
    });
    // Every session goes on with a login of its own: which connection held which one is not worth tracking.
    tokens = [];
    for (let i = 0; i < SESSIONS; i += 1) {
      tokens.push((await login(latchkey, `user${i}@example.com`)).refreshToken);
    }
    ofBare.push(baseline.requestsPerSecond);
    ofMe.push(me.requestsPerSecond / baseline.requestsPerSecond);
    ofRefresh.push(rotated.requestsPerSecond / baseline.requestsPerSecond);
  }
  await bare.stop();
  await latchkey.stop();
  print('bare Apollo+Fastify, one core', `${median(ofBare).toFixed(0)} req/s`, '1.00');
  print('me', ratio(ofMe), '≥ 0.80');
  print('refreshToken, SQLite synchronous=FULL', ratio(ofRefresh), '≥ 0.45');
}

/** Logins against the bare hash, both with all cores; `me` beside them. */
async function logins(): Promise<void> {
  const latchkey = await startLatchkey();
  const emails = Array.from({ length: LOGINS_AT_ONCE }, (_, i) => `user${i}@example.com`);
  for (const email of emails) await register(latchkey, email);
  // Of another account: so many logins end the oldest sessions of theirs.
  const { accessToken: token } = await register(latchkey, 'me@example.com');
  const ratios: number[] = [];
  const p99s: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const raw = await rawHashesPerSecond();
    const [served, me] = await Promise.all([
      chain({
        url: latchkey.url,
        seconds: SECONDS,
        first: emails.map((email) => loginWith(email)),
        next: () => loginWith(emails[Math.floor(Math.random() * emails.length)] ?? ''),
      }),
      repeat({ url: latchkey.url, seconds: SECONDS, body: ME, token, connections: 2, rate: 50 }),
    ]);
    ratios.push(served.requestsPerSecond / raw);
    p99s.push(me.p99Ms);
  }
  await latchkey.stop();
  print(`login, ${LOGINS_AT_ONCE} at once, of the raw argon2id rate`, ratio(ratios), '≥ 0.90');
  print('me beside them, p99', `${median(p99s)} ms`, '< 50 ms');
}

async function rawHashesPerSecond(): Promise<number> {
  const concurrency = Math.min(availableParallelism(), LOGINS_AT_ONCE);
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

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function ratio(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(2)} (${low.toFixed(2)} … ${high.toFixed(2)})`;
}
