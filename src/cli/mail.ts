import type { Command } from 'commander';
import { withExamples } from './help.ts';
import { type Entry, JSON_OPTION, printListing } from './listing.ts';
import { confirm } from './output.ts';
import { withApp } from './with-app.ts';

/** `latchkey mail …`: what is still to be sent. */
export function addMail(program: Command): void {
  const mail = program
    .command('mail')
    .description('list the mail that is not sent yet, and send dead letters again');

  const listCommand = mail
    .command('list')
    .summary('one line per mail that is still to be sent or could not be')
    .description(
      'one line per mail that is still to be sent or could not be: id, waiting or dead, template, address, when it was queued, tries, why the last one failed',
    )
    .option(...JSON_OPTION)
    .action(({ json }: { json?: true }) =>
      withApp(async ({ mail: { list } }) => {
        async function* entries(): AsyncGenerator<Entry> {
          for await (const { id, failedAt, template, to, createdAt, tries, failure } of list()) {
            const status = failedAt === null ? 'waiting' : 'dead';
            yield { id, status, template, to: to ?? null, queuedAt: new Date(createdAt), tries, failure };
          }
        }
        await printListing(entries(), { json, emptiness: 'No mail waits, and none is dead.' });
      }),
    );
  withExamples(listCommand, 'latchkey mail list', 'latchkey mail list --json');

  const retryCommand = mail
    .command('retry')
    .description('send dead letters again, all of them unless one is named')
    .argument('[id]', 'the first column of `latchkey mail list`')
    .action((id: string | undefined) =>
      withApp(async ({ mail: { retry } }) => {
        const count = await retry(id);
        if (count === 0 && id !== undefined)
          throw new Error('There is no such dead letter, or what it says is out of date.');
        await confirm(`Queued ${count} mails again; a server sends them within ten seconds.`);
      }),
    );
  withExamples(retryCommand, 'latchkey mail retry');
}
