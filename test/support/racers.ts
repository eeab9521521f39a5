import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { cleanEnvironment } from './server-process.ts';

/** A process that races another one, lap by lap. */
export interface Racer<Lap, Result> {
  run(lap: Lap): Promise<Result>;
  stop(): Promise<void>;
}

/** A process that is ready to race: it answers each lap with one message. Its starter stops it. */
export async function startRacer<Lap extends object, Result>(
  program: string,
  args: readonly string[],
): Promise<Racer<Lap, Result>> {
  const racer = fork(program, args, { env: cleanEnvironment(), execArgv: ['--import', 'tsx'] });
  await nextMessage(racer);
  return {
    async run(lap) {
      racer.send(lap);
      return (await nextMessage(racer)) as Result;
    },
    async stop() {
      if (racer.exitCode !== null || racer.signalCode !== null) return;
      const exited = once(racer, 'exit');
      if (racer.connected) racer.disconnect();
      await exited;
    },
  };
}

function nextMessage(racer: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fail = (code: number | null) => reject(new Error(`a racer ended with ${code}`));
    racer.once('exit', fail);
    racer.once('message', (message) => {
      racer.off('exit', fail);
      resolve(message);
    });
  });
}
