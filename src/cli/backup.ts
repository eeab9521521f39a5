import type { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import { isPostgres, sqliteFile } from '../platform/database-url.ts';
import { withExamples } from './help.ts';
import { confirm } from './output.ts';
import { createProgress } from './progress.ts';

/** `latchkey backup`: a copy of the embedded database, made while servers use it. */
export function addBackup(program: Command): void {
  const backup = program
    .command('backup')
    .description('copy the SQLite database into a new file, while servers use it')
    .argument('<file>', 'the copy; it must not exist yet')
    .action(async (file: string) => {
      const { databaseUrl } = loadConfig(process.env);
      if (isPostgres(databaseUrl))
        throw new Error('The database is PostgreSQL: back it up with pg_dump, as in pg_dump -Fc.');
      const source = sqliteFile(databaseUrl);
      if (source === undefined) throw new Error('The database is in memory: there is nothing to back up.');

      // Loaded here, because the driver is optional.
      const { backupSqlite } = await import('../database/backup.ts');
      const progress = createProgress('Copying');
      const bytes = await backupSqlite({ source, target: file, onProgress: progress.show });
      progress.clear();
      await confirm(`Copied ${bytes} bytes; the copy is intact.`);
    });
  withExamples(backup, 'latchkey backup latchkey-backup.db');
}
