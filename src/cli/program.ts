import { Command, CommanderError } from 'commander';
import { addAudit } from './audit.ts';
import { addBackup } from './backup.ts';
import { describeError } from './describe-error.ts';
import { addDoctor } from './doctor.ts';
import { addKeys } from './keys.ts';
import { addMail } from './mail.ts';
import { addMigrate } from './migrate.ts';
import { addRestoreDone } from './restore-done.ts';
import { addServe } from './serve.ts';
import { addUsers } from './users.ts';

const FAILED = 1;
const WRONG_USE = 2;

const program = new Command('latchkey')
  .description('GraphQL authentication server. Configured by environment variables: see `latchkey doctor`.')
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

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

function exitCodeOf(error: unknown): number {
  // Commander has said it already; asking for help is no mistake.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USE;
  process.stderr.write(`latchkey: ${describeError(error)}\n`);
  return FAILED;
}
