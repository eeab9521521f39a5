import type { Command } from 'commander';
import { confirm } from './output.ts';
import { withApp } from './with-app.ts';

/** `latchkey restore-done`: the last step of a restore, before the servers start. */
export function addRestoreDone(program: Command): void {
  program
    .command('restore-done')
    .description(
      'after a restore, before the servers start: end every session and every mailed link and replace all keys, so that nothing ended since the backup comes back',
    )
    .action(() =>
      withApp(async ({ admin }) => {
        await confirm(`Ended ${await admin.finishRestore()} sessions and replaced all keys.`);
      }),
    );
}
