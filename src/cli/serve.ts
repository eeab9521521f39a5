import type { Command } from 'commander';

/** `latchkey serve`: the same as `npm start` after its build. */
export function addServe(program: Command): void {
  program
    .command('serve')
    .description(
      'bring the database up to date and start the server; SIGTERM lets requests finish and ends it',
    )
    .action(async () => {
      await import('../main.ts');
    });
}
