import type { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import { migrate } from '../database/migrate.ts';
import { openDatabase } from '../database/open.ts';
import { withExamples } from './help.ts';
import { confirm } from './output.ts';

/** `latchkey migrate`: what `serve` does before it listens, as a step of its own. */
export function addMigrate(program: Command): void {
  const command = program
    .command('migrate')
    .description('create the database where there is none and bring it up to date')
    .action(async () => {
      const database = await openDatabase(loadConfig(process.env).databaseUrl);
      try {
        const applied = await migrate(database);
        await confirm(
          applied.length === 0 ? 'Up to date.' : applied.map((name) => `Applied ${name}`).join('\n'),
        );
      } finally {
        await database.close();
      }
    });
  withExamples(command, 'latchkey migrate');
}
