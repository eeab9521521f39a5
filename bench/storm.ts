/**
 * 500 wrong logins at once for half a minute, from as many networks, with the throttles off: what the honest feel
 * of it, how many passwords are still checked, and whether all is as before two seconds later.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { spread } from './figures.ts';
import { createLife } from './life.ts';
import { repeat } from './load.ts';
import { loginWith, print, register } from './requests.ts';
import { type RunningServer, startLatchkey } from './servers.ts';

const STORMS = 3;
const STORM_SECONDS = 30;
const CALM_SECONDS = 10;
const ATTACKERS = 500;
/** As many as are never refused. */
const FEW = 8;
/** Of prom-client. */
const LOOP_TIMER_MS = 10;
const WRONG = 'wrong horse battery staple';

export async function storm(): Promise<void> {
  const server = await startLatchkey({
    env: {
      NODE_ENV: 'development',
      LATCHKEY_THROTTLES: 'off',
      LATCHKEY_TRUST_PROXY: '127.0.0.1',
      LATCHKEY_METRICS: 'on',
      LATCHKEY_METRICS_PORT: '0',
    },
  });
  await register(server, 'ada@example.com');
  const life = createLife(server.url, await register(server, 'eve@example.com'));
  // A server that was started a moment ago would compile its code in the storm.
  await attack(server, ATTACKERS, 5);
  await pause(2_000);

  const rounds: { calm: Weather; stormy: Weather; after: Weather }[] = [];
  for (let n = 0; n < STORMS; n += 1) {
    const calm = await observe(server, life, { attackers: FEW, seconds: CALM_SECONDS });
    const stormy = await observe(server, life, { attackers: ATTACKERS, seconds: STORM_SECONDS });
    await pause(2_000);
    rounds.push({
      calm,
      stormy,
      after: await observe(server, life, { attackers: FEW, seconds: CALM_SECONDS }),
    });
  }
  life.end();
  await server.stop();

  const all = (time: 'calm' | 'stormy' | 'after', figure: (weather: Weather) => number) =>
    spread(rounds.map((round) => figure(round[time])));
  const ofCalm = (time: 'stormy' | 'after') =>
    spread(rounds.map((round) => round[time].checksPerSecond / round.calm.checksPerSecond));
  console.log(
    `${STORMS} storms of ${ATTACKERS} wrong logins at once for ${STORM_SECONDS} s: median (least … most)`,
  );
  print(
    'answers: passwords checked',
    all('stormy', ({ checked }) => checked),
    '',
  );
  print(
    'answers: refused as OVERLOADED',
    all('stormy', ({ refused }) => refused),
    'no other',
  );
  print('passwords checked, of the rate before', ofCalm('stormy'), '≥ 0.80');
  print('  2 s after', ofCalm('after'), 'as before');
  const figures = [
    ['me, p99 ms', ({ meMs }: Weather) => meMs, '< 50'],
    ['refreshToken, p99 ms', ({ refreshMs }: Weather) => refreshMs, '< 100'],
    ['delay of the event loop, p99 ms', ({ loopMs }: Weather) => loopMs, '< 20'],
    ['resident memory, MB at most', ({ largestMb }: Weather) => largestMb, '< 400'],
  ] as const;
  for (const [name, figure, goal] of figures) {
    print(name, all('stormy', figure), goal);
    print('  before; 2 s after', `${all('calm', figure)}; ${all('after', figure)}`, 'as before');
  }
}

/** What a while was like. */
interface Weather {
  /** Logins whose password was checked. */
  readonly checked: number;
  readonly checksPerSecond: number;
  readonly refused: number;
  readonly meMs: number;
  readonly refreshMs: number;
  /** By how much a timer of 10 ms was late. */
  readonly loopMs: number;
  readonly largestMb: number;
}

async function observe(
  server: RunningServer,
  life: ReturnType<typeof createLife>,
  { attackers, seconds }: { attackers: number; seconds: number },
): Promise<Weather> {
  let largestBytes = 0;
  const watch = setInterval(async () => {
    largestBytes = Math.max(largestBytes, await server.rssBytes());
  }, 250);
  await loopDelayMs(server);
  const diary = life.live(seconds);
  const codes = await attack(server, attackers, seconds);
  const { meMs, refreshMs } = await diary;
  const loopMs = await loopDelayMs(server);
  clearInterval(watch);

  const checked = codes.get('INVALID_CREDENTIALS') ?? 0;
  const refused = codes.get('OVERLOADED') ?? 0;
  const answers = [...codes.values()].reduce((total, count) => total + count, 0);
  if (answers > checked + refused) throw new Error(`other answers: ${[...codes].join(' ')}`);
  return {
    checked,
    checksPerSecond: checked / seconds,
    refused,
    meMs,
    refreshMs,
    loopMs,
    largestMb: largestBytes / 1_048_576,
  };
}

async function attack({ url }: RunningServer, connections: number, seconds: number) {
  const body = loginWith('ada@example.com', WRONG);
  return (await repeat({ url, seconds, connections, body, mayRefuse: true, manyNetworks: true })).codes;
}

/** Since it was asked for the last time. What prom-client counts is from one firing to the next, the 10 ms included. */
async function loopDelayMs(server: RunningServer): Promise<number> {
  const [url = ''] = /http:\/\/[^\s"]+\/metrics/.exec(await server.output()) ?? [];
  const metrics = await (await fetch(url)).text();
  return 1_000 * Number(/^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(metrics)?.[1]) - LOOP_TIMER_MS;
}
