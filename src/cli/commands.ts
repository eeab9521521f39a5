import { Command } from 'commander';
import { version } from '../platform/version.ts';
import { addAudit } from './audit.ts';
import { addBackup } from './backup.ts';
import { addDoctor } from './doctor.ts';
import { addKeys } from './keys.ts';
import { addMail } from './mail.ts';
import { addMigrate } from './migrate.ts';
import { commanderOutput } from './output.ts';
import { addRestoreDone } from './restore-done.ts';
import { addServe } from './serve.ts';
import { addUsers } from './users.ts';

/** Every command, before the command line is read: the program runs it, and the manual is made from it. */
export function createProgram(): Command {
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
  return program;
}
