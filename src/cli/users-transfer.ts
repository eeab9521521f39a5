import { existsSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import type { App } from '../app.ts';
import { withExamples } from './help.ts';
import { writeNewFile } from './new-file.ts';
import { confirm, isRead, print } from './output.ts';
import { createProgress } from './progress.ts';
import { isUsersFile, openUsersFile, withSpooledUsers } from './users-file.ts';
import { withApp } from './with-app.ts';

/** `latchkey users import` and `latchkey users export`: accounts from other systems, and for them. */
export function addUsersTransfer(users: Command): void {
  const importing = users
    .command('import')
    .summary('create accounts from a file of NDJSON or CSV')
    .description(
      'create accounts from a file of NDJSON or CSV, their passwords as hashes; prints the lines that are refused and exits with 1 if there are any; begun again, goes on where it stopped',
    )
    .argument(
      '<file>',
      'named *.ndjson, *.jsonl or *.csv, or - for standard input, of either kind',
      parseFile,
    )
    .action((path: string) =>
      withApp(({ transfers }) =>
        path === '-'
          ? withSpooledUsers(process.stdin, (copy) => importFile(transfers, copy))
          : importFile(transfers, path),
      ),
    );
  withExamples(importing, 'latchkey users import users.ndjson', 'latchkey users import - < users.csv');

  const exporting = users
    .command('export')
    .description('write all accounts as NDJSON, to standard output or a new file')
    .option('--output <file>', 'a file that its owner alone can read; it must not exist yet')
    .option('--with-password-hashes', 'their hashes, too: with them, passwords can be guessed')
    .action(({ output, withPasswordHashes = false }: { output?: string; withPasswordHashes?: boolean }) =>
      withApp(async ({ transfers }) => {
        const users = transfers.exportUsers({ withPasswordHashes });
        await (output === undefined || output === '-'
          ? printAll(users)
          : writePrivateFile(output, linesOf(users)));
      }),
    );
  withExamples(exporting, 'latchkey users export --output users.ndjson');
}

async function importFile(transfers: App['transfers'], path: string): Promise<void> {
  const file = await openUsersFile(path);
  const progress = createProgress('Importing');
  const { earlier, total } = await transfers.importUsers(file, {
    async onBatch(line, refused) {
      progress.clear();
      for (const { line: number, problem } of refused) await print(`line ${number}: ${problem}`);
      progress.show(line / file.lastLine);
    },
  });
  progress.clear();
  if (earlier.line > 0) await print(`Went on after line ${earlier.line}, where it stopped the last time.`);
  const { created, skipped, refused } = total;
  await confirm(`Created ${created} accounts; ${skipped} were there already; refused ${refused} lines.`);
  if (refused > 0) process.exitCode = 1;
}

async function printAll(values: AsyncIterable<unknown>): Promise<void> {
  for await (const value of values) {
    if (!isRead()) return;
    await print(JSON.stringify(value));
  }
}

async function* linesOf(values: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const value of values) yield `${JSON.stringify(value)}\n`;
}

/** A file that its owner alone can read. Fails where there is one. */
async function writePrivateFile(path: string, lines: AsyncIterable<string>): Promise<void> {
  try {
    await writeNewFile(path, lines, { mode: 0o600 });
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw isThere ? new Error(`${path} exists already; an export overwrites nothing.`) : error;
  }
}

function parseFile(path: string): string {
  if (path === '-') return path;
  if (!isUsersFile(path)) throw new InvalidArgumentError('It is named neither *.ndjson, *.jsonl nor *.csv.');
  if (!existsSync(path)) throw new InvalidArgumentError('There is no such file.');
  return path;
}
