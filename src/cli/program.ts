import { CommanderError } from 'commander';
import { createProgram } from './commands.ts';
import { describeError } from './describe-error.ts';
import { namesSecret, readEnvFile } from './env-file.ts';
import { complain, finishPrinting } from './output.ts';

const FAILED = 1;
const WRONG_USE = 2;

const program = createProgram();

// The server says for itself why it ends.
program.hook('preAction', (_program, command) => {
  const { envFile } = program.opts<{ envFile?: string }>();
  if (envFile !== undefined) readEnvFile(envFile, process.env);
  else if (command.name() !== 'init' && namesSecret('.env', process.env))
    void complain('.env here names a secret and is not read: add --env-file .env');
  if (command.name() !== 'serve') process.once('uncaughtException', endWith);
});
process.once('beforeExit', () => endWith(new Error('The command waits for something that never comes.')));

try {
  await program.parseAsync();
  await end(process.exitCode);
} catch (error) {
  await endWith(error);
}

async function endWith(error: unknown): Promise<void> {
  // Commander has said it already; asking for help is no mistake.
  if (error instanceof CommanderError) return end(error.exitCode === 0 ? 0 : WRONG_USE);
  await complain(describeError(error));
  return end(FAILED);
}

/** Ends the process by itself: a connection that is left open must not keep a command that is over. */
async function end(exitCode: typeof process.exitCode): Promise<void> {
  const isPrinted = await finishPrinting();
  process.exit(isPrinted ? exitCode : FAILED);
}
