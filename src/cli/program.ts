import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addAudit } from './audit.ts';
import { addBackup } from './backup.ts';
import { describeError } from './describe-error.ts';
import { addDoctor } from './doctor.ts';
import { addKeys } from './keys.ts';
import { addMail } from './mail.ts';
import { addMigrate } from './migrate.ts';
import { commanderOutput, complain, finishPrinting } from './output.ts';
import { addRestoreDone } from './restore-done.ts';
import { addServe } from './serve.ts';
import { addUsers } from './users.ts';

const FAILED = 1;
const WRONG_USE = 2;

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('latchkey')
  .version(version)
  .description('GraphQL authentication server. Configured by environment variables: see `latchkey doctor`.')
  .configureOutput(commanderOutput)
  .exitOverride();
addServe(program);
addMigrate(program);
addUsers(program);
addKeys(program);
addAudit(program);
addMail(program);
addBackup(program);
addRestoreDone(program);
addDoctor(program);

// The server says for itself why it ends.
program.hook('preAction', (_program, command) => {
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
