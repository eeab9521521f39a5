/*
 * What a command prints on standard output. Two things can happen to it:
 *
 *   the reader goes away, as in `latchkey users list | head -1`: the rest is not printed, and the exit code says how
 *   the work went;
 *   the disk is full: a command that is there to print has failed, but one that says that its work is done has not.
 */

let failure: NodeJS.ErrnoException | undefined;
let isWorkDone = false;
let underWay: Promise<unknown> = Promise.resolve();

// Without a listener the first failure would end the process with a stack, whatever the command has done by then.
process.stdout.on('error', (error) => {
  failure ??= error;
});
process.stderr.on('error', () => {});

/** Whether there is still somebody to print for. */
export function isRead(): boolean {
  return failure === undefined;
}

/** Prints a line of what the command was asked for. Resolves when the reader has taken it. */
export function print(line: string): Promise<void> {
  return write(process.stdout, `${line}\n`);
}

/** Prints what the command has done. From now on a failure to print is no failure of the command. */
export function confirm(line: string): Promise<void> {
  isWorkDone = true;
  return print(line);
}

/** Prints why the command failed. */
export function complain(problem: string): Promise<void> {
  return write(process.stderr, `latchkey: ${problem}\n`);
}

/** For the library that prints help and wrong use. */
export const commanderOutput = {
  writeOut: (text: string) => void write(process.stdout, text),
  writeErr: (text: string) => void write(process.stderr, text),
};

/** Resolves when all is printed: to false when what the command was asked for could not be. */
export async function finishPrinting(): Promise<boolean> {
  await underWay;
  if (failure === undefined || failure.code === 'EPIPE') return true;
  const done = isWorkDone ? 'the work is done, but ' : '';
  await complain(`${done}standard output cannot be written (${failure.code}).`);
  return isWorkDone;
}

function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  const written = new Promise<void>((resolve) => stream.write(text, () => resolve()));
  underWay = Promise.all([underWay, written]);
  return written;
}
