import type { Command } from 'commander';
import { openFilesLimit } from '../platform/open-files.ts';
import { withExamples } from './help.ts';

/** `latchkey serve`: the same as `npm start` after its build. */
export function addServe(program: Command): void {
  const serve = program
    .command('serve')
    .summary('bring the database up to date and start the server')
    .description(
      'bring the database up to date and start the server; SIGTERM lets requests finish and ends it',
    )
    .action(async () => {
      // Before the server is loaded, which takes as many as anything that it does.
      openFilesLimit(process.report);
      await import('../main.ts');
    });
  withExamples(serve, 'latchkey serve', 'latchkey serve --env-file .env');
}
