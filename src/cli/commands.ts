import { Command } from 'commander';
import { version } from '../platform/version.ts';
import { addAudit } from './audit.ts';
import { addBackup } from './backup.ts';
import { addDoctor } from './doctor.ts';
import { ENTRY } from './help.ts';
import { addInit } from './init.ts';
import { addKeys } from './keys.ts';
import { addMail } from './mail.ts';
import { addMigrate } from './migrate.ts';
import { commanderOutput } from './output.ts';
import { addRestoreDone } from './restore-done.ts';
import { addRoles } from './roles.ts';
import { addServe } from './serve.ts';
import { addUsers } from './users.ts';

/** Every command, before the command line is read: the program runs it, and the manual is made from it. */
export function createProgram(): Command {
  const program = new Command('latchkey')
    .version(version)
    .description('GraphQL authentication server. Configured by environment variables: see `latchkey doctor`.')
    .option('--env-file <file>', 'read settings from a file such as .env; the environment wins over it')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput(commanderOutput)
    .exitOverride()
    .addHelpText(
      'after',
      `
The embedded database and its secret are those of the folder where a command runs, in data/.
From any folder:
  $ ${ENTRY} <command>`,
    );
  addServe(program);
  addInit(program);
  addMigrate(program);
  addUsers(program);
  addRoles(program);
  addKeys(program);
  addAudit(program);
  addMail(program);
  addBackup(program);
  addRestoreDone(program);
  addDoctor(program);
  return program;
}
