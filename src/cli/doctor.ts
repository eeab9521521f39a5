import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { type Config, describeConfig, loadConfig } from '../config.ts';
import type { Database } from '../database/database.ts';
import { encodingProblem } from '../database/encoding.ts';
import { migrationObstacle, pendingMigrations } from '../database/migrate.ts';
import { databaseNotes, durabilityWarnings, fileWarnings, openDatabase } from '../database/open.ts';
import { sqliteFile } from '../database/url.ts';
import { describeError } from './describe-error.ts';
import { print } from './output.ts';
import { withAppOn } from './with-app.ts';

/** `latchkey doctor`: the effective configuration, and what is wrong with it and with what it leads to. */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'print the effective configuration, secrets masked, and what is wrong; exits with 1 if anything is',
    )
    .action(async () => {
      const config = loadConfig(process.env);
      const settings = describeConfig(config);
      const width = Math.max(...settings.map(({ name }) => name.length));
      for (const { name, value } of settings)
        await print(`${name.padEnd(width)}  ${value === '' ? '-' : value}`);

      await print('');
      for (const warning of config.warnings) await print(`warning: ${warning}`);
      const { notes, problems } = await examine(config);
      for (const note of [...proxyNotes(config), ...notes]) await print(`note: ${note}`);
      for (const problem of problems) await print(`problem: ${problem}`);
      if (problems.length > 0) process.exitCode = 1;
      else await print('Nothing is wrong.');
    });
}

/** What the operator has to see to, because no setting shows whether there is a proxy and whether it does its part. */
function* proxyNotes({ mode, trustProxy }: Config): Generator<string> {
  if (trustProxy.length > 0)
    yield `A request from ${trustProxy.join(' or ')} comes from the last address in its X-Forwarded-For that is none of these. Ports, brackets and quotes are read. Anything else, as "unknown", or no such header makes the proxy itself the client, and then all of its clients share one limit; the log warns of the first header that cannot be read.`;
  else if (mode === 'production')
    yield 'Is there a proxy in front of this server, for TLS or to balance the load? Then LATCHKEY_TRUST_PROXY must name its address: without it the proxy itself is the client, and all of its clients share one limit.';
}

interface Findings {
  readonly notes: readonly string[];
  readonly problems: readonly string[];
}

/** What is wrong with the database and the keys in it. Makes nothing but the first key, as every start does. */
async function examine(config: Config): Promise<Findings> {
  if (config.databaseUrl === 'file::memory:') return { notes: [], problems: [] };
  const file = sqliteFile(config.databaseUrl);
  if (file !== undefined && !existsSync(file))
    return { notes: [], problems: ['There is no database yet: `latchkey migrate` makes it.'] };

  try {
    const database = await openDatabase(config.databaseUrl);
    try {
      return { notes: await databaseNotes(database), problems: await findProblems(config, database) };
    } finally {
      await database.close();
    }
  } catch (error) {
    return { notes: [], problems: [describeError(error)] };
  }
}

async function findProblems(config: Config, database: Database): Promise<string[]> {
  const encoding = await encodingProblem(database);
  if (encoding !== undefined) return [encoding];
  const obstacle = await migrationObstacle(database);
  if (obstacle !== undefined) return [obstacle];
  const pending = await pendingMigrations(database);
  if (pending.length > 0)
    return [`Migrations are missing, \`latchkey migrate\` applies them: ${pending.join(', ')}`];

  const problems = [...fileWarnings(config.databaseUrl), ...(await durabilityWarnings(database))];
  await withAppOn({ config, database }, async ({ tokens }) => {
    const unreadable = (await tokens.listKeys()).filter(({ status }) => status === 'unreadable');
    problems.push(
      ...unreadable.map(({ kid }) => `No secret of LATCHKEY_SECRET opens the signing key ${kid}.`),
    );
  });
  return problems;
}
