/**
 * What a browser with a session does while others storm the server. A process of its own, because the one that
 * storms is busy itself: what it would measure is how late it looks at its own sockets.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { chain, repeat } from './load.ts';
import { ME, refreshWith, type Tokens } from './requests.ts';

const FILE = fileURLToPath(import.meta.url);

interface Day {
  readonly url: string;
  readonly seconds: number;
  readonly session: Tokens;
}

/** How long the answers took, and the tokens that the session goes on with. */
interface Diary {
  readonly meMs: number;
  readonly refreshMs: number;
  readonly session: Tokens;
}

/** Lives with the session for a while at a time. */
export function createLife(url: string, session: Tokens) {
  const child = fork(FILE);
  let latest = session;
  return {
    async live(seconds: number): Promise<Omit<Diary, 'session'>> {
      child.send({ url, seconds, session: latest } satisfies Day);
      const diary = await nextMessage(child);
      latest = diary.session;
      return diary;
    },
    end: () => child.disconnect(),
  };
}

async function nextMessage(child: ChildProcess): Promise<Diary> {
  const died = once(child, 'exit').then(([code]) => {
    throw new Error(`the honest client exited with ${code}`);
  });
  const [diary] = (await Promise.race([once(child, 'message'), died])) as [Diary];
  return diary;
}

async function keepDiary({ url, seconds, session }: Day): Promise<Diary> {
  let latest = session;
  const [me, refresh] = await Promise.all([
    repeat({ url, seconds, body: ME, token: session.accessToken, connections: 2, rate: 50 }),
    chain({
      url,
      seconds,
      rate: 20,
      first: [refreshWith(latest.refreshToken)],
      next: (data) => {
        latest = data.refreshToken as Tokens;
        return refreshWith(latest.refreshToken);
      },
    }),
  ]);
  return { meMs: me.p99Ms, refreshMs: refresh.p99Ms, session: latest };
}

if (process.argv[1] === FILE) {
  process.on('message', async (day: Day) => process.send?.(await keepDiary(day)));
}
