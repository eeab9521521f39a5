import type { Command } from 'commander';
import { withExamples } from './help.ts';
import { confirm } from './output.ts';
import { withApp } from './with-app.ts';

/** `latchkey restore-done`: the last step of a restore, before the servers start. */
export function addRestoreDone(program: Command): void {
  const command = program
    .command('restore-done')
    .summary('end what was alive in a restored backup')
    .description(
      'after a restore, before the servers start: end every session and every mailed link and replace all keys, so that nothing ended since the backup comes back',
    )
    .action(() =>
      withApp(async ({ admin }) => {
        await confirm(`Ended ${await admin.finishRestore()} sessions and replaced all keys.`);
      }),
    );
  withExamples(command, 'latchkey restore-done');
}
