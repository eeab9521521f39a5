import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach } from '@jest/globals';
import { cleanEnvironment } from './server-process.ts';

export interface CommandOptions {
  /** Where the embedded database and the secret land, in `data/`. */
  readonly cwd: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** All of its standard input; null leaves that open. */
  readonly input?: string | Buffer | null;
  /** What its standard output is instead of a pipe that is read: a file descriptor, or a pipe that nobody reads. */
  readonly stdout?: number | 'closed';
}

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs commands of a build, in an environment without settings; kills those that are left after each test. */
export function useCommands(build: { readonly cli: string }) {
  const running = new Set<ChildProcess>();
  afterEach(() => {
    for (const child of running) child.kill('SIGKILL');
  });

  function start(args: readonly string[], { cwd, environment = {}, input = '', stdout }: CommandOptions) {
    const child = spawn(process.execPath, [build.cli, ...args], {
      cwd,
      env: { ...cleanEnvironment(), ...environment },
      stdio: ['pipe', typeof stdout === 'number' ? stdout : 'pipe', 'pipe'],
    });
    running.add(child);
    // A command that needs no input may end before it has any.
    child.stdin?.on('error', () => {});
    if (input !== null) child.stdin?.end(input);
    if (stdout === 'closed') child.stdout?.destroy();

    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name]?.setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
      });
    const ended = new Promise<Ended>((resolve) => {
      child.on('close', (exitCode) => {
        running.delete(child);
        resolve({ exitCode, ...output });
      });
    });

    /** Resolves when its output matches; rejects when it ends without. */
    function printed(pattern: RegExp): Promise<RegExpExecArray> {
      return new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(output.stdout);
          if (match !== null) resolve(match);
        };
        child.stdout?.on('data', look);
        look();
        void ended.then((end) => reject(new Error(`It ended: ${end.stdout}${end.stderr}`)));
      });
    }

    return { child, ended, printed };
  }

  return {
    start,
    run: (args: readonly string[], options: CommandOptions): Promise<Ended> => start(args, options).ended,
  };
}
