import type { Command } from 'commander';
import { confirm, isRead, print } from './output.ts';
import { withApp } from './with-app.ts';

/** `latchkey mail …`: what is still to be sent. */
export function addMail(program: Command): void {
  const mail = program.command('mail').description('the mail that is still to be sent, or could not be');

  mail
    .command('list')
    .description(
      'one line per mail that is still to be sent or could not be: id, waiting or dead, template, address, when it was queued, tries, why the last one failed',
    )
    .action(() =>
      withApp(async ({ mail: { list } }) => {
        for await (const { id, failedAt, template, to, createdAt, tries, failure } of list()) {
          if (!isRead()) return;
          const status = failedAt === null ? 'waiting' : 'dead';
          const queuedAt = new Date(createdAt).toISOString();
          const columns = [id, status, template, to ?? '-', queuedAt, tries, failure ?? '-'];
          await print(columns.join('\t'));
        }
      }),
    );

  mail
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
}
