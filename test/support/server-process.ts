import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export type ServerProcess = Awaited<ReturnType<typeof startServerProcess>>;

/**
 * What a child process is given of this environment: where programs and folders are. The developer's own settings stay
 * out of the tests, and so does FORCE_COLOR, which Jest sets in its workers when it runs in a terminal: what a child
 * prints would not be what a test compares it with.
 */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return { PATH, HOME, LANG: 'C.UTF-8', ...(TMPDIR && { TMPDIR }) };
}

/** Runs a command that starts a server on a free port, in a process group of its own, until it says where. */
export async function startServerProcess(
  [command = '', ...args]: readonly string[],
  { cwd, env = {} }: { cwd: string; env?: Readonly<Record<string, string>> },
) {
  const child = spawn(command, args, {
    cwd,
    // On whatever port it is started again, it takes its tokens of before.
    env: { ...cleanEnvironment(), PORT: '0', LATCHKEY_ISSUER: 'http://localhost:4000', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const lines: string[] = [];
  const output = createInterface(child.stdout);
  let errors = '';
  child.stderr.on('data', (text: Buffer) => {
    errors += text;
  });
  const url = new Promise<string>((resolve, reject) => {
    output.on('line', (line) => {
      lines.push(line);
      // The last line of the start: whoever reads `lines` finds the others there.
      const [, origin] = /JWKS: (http:.+)\/\.well-known\//.exec(line) ?? [];
      if (origin !== undefined) resolve(`${origin}/graphql`);
    });
    child.once('error', reject);
    closed.then(([code]) => reject(new Error(`It ended with ${code}: ${errors}${lines.join('\n')}`)), reject);
  });

  /** Resolves when it has printed so many lines that hold `text`. */
  async function printed(text: string, times = 1): Promise<void> {
    while (lines.filter((line) => line.includes(text)).length < times) await once(output, 'line');
  }

  return {
    /** The GraphQL endpoint. */
    url: await url,
    pid: child.pid ?? Number.NaN,
    /** What it printed. */
    lines,
    printed,
    /** What it wrote to its standard error. */
    complaints: () => errors,
    /** Asks the whole group to end, as Ctrl-C in a terminal does; its exit code. */
    async stop(): Promise<number | null> {
      if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
      const [code] = await closed;
      return code;
    },
  };
}
