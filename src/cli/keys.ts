import type { Command } from 'commander';
import { confirm, print } from './output.ts';
import { withApp } from './with-app.ts';

/** `latchkey keys …`: the keys that sign access tokens. */
export function addKeys(program: Command): void {
  const keys = program.command('keys').description('the keys that sign access tokens');

  keys
    .command('list')
    .description('one line per key: id, algorithm, status, when it was made, since when it signs')
    .action(() =>
      withApp(async ({ tokens }) => {
        for (const key of await tokens.listKeys()) {
          const moments = [key.createdAt, key.activatesAt].map((at) => new Date(at).toISOString());
          await print([key.kid, key.algorithm, key.status, ...moments].join('\t'));
        }
      }),
    );

  keys
    .command('rotate')
    .description('add a key, which signs once every verifier had the time to load it')
    .option(
      '--emergency',
      'sign with it at once and drop all others: every access token ends, clients refresh',
    )
    .action(({ emergency = false }: { emergency?: boolean }) =>
      withApp(async ({ tokens }) => {
        await tokens.rotateKeys({ emergency });
        await confirm(emergency ? 'Replaced all keys.' : 'Added a key.');
      }),
    );

  keys
    .command('reseal')
    .description(
      'seal every key and queued mail, and prove the audit trail, under the first secret of LATCHKEY_SECRET, so that the others can go',
    )
    .action(() =>
      withApp(async ({ audit, mail, tokens }) => {
        await confirm(`Resealed ${await tokens.reseal()} keys and ${await mail.reseal()} mails.`);
        await confirm(`Proved ${await audit.reseal()} batches of the audit trail.`);
      }),
    );
}
