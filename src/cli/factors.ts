import type { Command } from 'commander';
import { withExamples } from './help.ts';
import { JSON_OPTION, printListing } from './listing.ts';
import { confirm } from './output.ts';
import { withApp } from './with-app.ts';

interface Options {
  readonly remove?: string;
  readonly removeAll?: true;
  readonly json?: true;
}

/** `latchkey users factors`: what second factors an account has, and the end of them. */
export function addUsersFactors(onOne: (name: string, description: string) => Command): void {
  const factors = onOne(
    'factors',
    'one line per second factor: id, kind, name, when it was added, when it was used; or remove some',
  )
    .option('--remove <id>', 'remove this one, end every session of the account and tell its owner')
    .option('--remove-all', 'the same with all of them, and with the recovery codes')
    .option(...JSON_OPTION)
    .action((email: string, options: Options, command: Command) => {
      if (options.remove !== undefined && options.removeAll)
        command.error('error: --remove and --remove-all exclude each other');
      const removes = options.remove !== undefined || options.removeAll;
      return removes ? remove(email, options.remove) : list(email, options);
    });
  withExamples(
    factors,
    'latchkey users factors ada@example.com',
    'latchkey users factors ada@example.com --remove-all',
  );
}

function list(email: string, { json }: Options): Promise<void> {
  return withApp(async ({ admin }) => {
    const { factors } = await admin.factorsOf(email);
    const entries = factors.map(({ id, kind, name, confirmedAt, lastUsedAt }) => ({
      ...{ id, kind, name },
      createdAt: confirmedAt === null ? null : new Date(confirmedAt),
      lastUsedAt: lastUsedAt === null ? null : new Date(lastUsedAt),
    }));
    await printListing(entries, { json, emptiness: 'No second factors: a password or a mail is enough.' });
  });
}

function remove(email: string, id: string | undefined): Promise<void> {
  return withApp(async ({ admin }) => {
    const count = await admin.removeFactors(email, id);
    await confirm(`Removed ${count} second factor${count === 1 ? '' : 's'}.`);
  });
}
