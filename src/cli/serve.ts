import type { Command } from 'commander';
import { openFilesLimit } from '../platform/open-files.ts';

/** `latchkey serve`: the same as `npm start` after its build. */
export function addServe(program: Command): void {
  program
    .command('serve')
    .description(
      'bring the database up to date and start the server; SIGTERM lets requests finish and ends it',
    )
    .action(async () => {
      // Before the server is loaded, which takes as many as anything that it does.
      openFilesLimit(process.report);
      await import('../main.ts');
    });
}
