/**
 * 500 wrong logins at once for half a minute, from as many networks, with the throttles off: what the honest feel
 * of it, and whether the server is as before when it is over.
 */
import { chain, type Load, repeat } from './load.ts';
import { loginWith, ME, PASSWORD, print, refreshWith, register, type Tokens } from './requests.ts';
import { type RunningServer, startLatchkey } from './servers.ts';

const STORM_SECONDS = 30;
const CALM_SECONDS = 5;
const ATTACKERS = 500;
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
  // Of another account: the logins that measure the calm end the oldest sessions of theirs.
  const session = await register(server, 'eve@example.com');
  const calm = await hashesPerSecond(server);
  const before = await honest(server, session, CALM_SECONDS);

  let largestBytes = 0;
  const watch = setInterval(async () => {
    largestBytes = Math.max(largestBytes, await server.rssBytes());
  }, 500);
  const [attack, during] = await Promise.all([
    repeat({
      url: server.url,
      seconds: STORM_SECONDS,
      connections: ATTACKERS,
      body: loginWith('ada@example.com', WRONG),
      mayRefuse: true,
      manyNetworks: true,
    }),
    honest(server, before.session, STORM_SECONDS - 1),
  ]);
  clearInterval(watch);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const after = await honest(server, during.session, CALM_SECONDS);
  await server.stop();

  const served = (attack.codes.get('INVALID_CREDENTIALS') ?? 0) / STORM_SECONDS;
  const codes = [...attack.codes].map(([code, count]) => `${code} ${count}`).join(', ');
  print('storm: answers', codes, 'refused at once');
  print('storm: hashes served, of the calm rate', (served / calm).toFixed(2), '≥ 0.80');
  print(
    'storm: me, p99',
    `${during.me.p99Ms} ms (${before.me.p99Ms} before, ${after.me.p99Ms} after)`,
    '< 50 ms',
  );
  print(
    'storm: refreshToken, p99',
    `${during.refresh.p99Ms} ms (${before.refresh.p99Ms} before, ${after.refresh.p99Ms} after)`,
    '< 100 ms',
  );
  print('storm: largest resident memory', `${(largestBytes / 1_048_576).toFixed(0)} MB`, '< 400 MB');
}

/** What a browser with a session does meanwhile. */
async function honest(
  { url }: RunningServer,
  session: Tokens,
  seconds: number,
): Promise<{ me: Load; refresh: Load; session: Tokens }> {
  let latest = session;
  const [me, refresh] = await Promise.all([
    repeat({ url, seconds, body: ME, token: session.accessToken, connections: 2, rate: 50 }),
    chain({
      url,
      seconds,
      rate: 20,
      first: [refreshWith(session.refreshToken)],
      next: (data) => {
        latest = data.refreshToken as Tokens;
        return refreshWith(latest.refreshToken);
      },
    }),
  ]);
  return { me, refresh, session: latest };
}

async function hashesPerSecond({ url }: RunningServer): Promise<number> {
  const body = loginWith('ada@example.com', PASSWORD);
  const { requestsPerSecond } = await repeat({ url, seconds: CALM_SECONDS, connections: 4, body });
  return requestsPerSecond;
}
