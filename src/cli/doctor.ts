import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { describeConfig, loadConfig } from '../config/load.ts';
import { createClaims } from '../core/roles/claims.ts';
import { createRoles } from '../core/roles/service.ts';
import { createTokenContents } from '../core/sessions/token-contents.ts';
import { accessTokenLength, MAX_ISSUED_LENGTH } from '../core/tokens/access-token.ts';
import type { Database } from '../database/database.ts';
import { encodingProblem } from '../database/encoding.ts';
import { migrationObstacle, pendingMigrations } from '../database/migrate.ts';
import {
  databaseNotes,
  durabilityWarnings,
  encryptionWarnings,
  fileWarnings,
  openDatabase,
} from '../database/open.ts';
import { createProviders } from '../features/external-logins/providers.ts';
import { createClock } from '../platform/clock.ts';
import { isInMemory, sqliteFile } from '../platform/database-url.ts';
import { checkMailServer } from '../platform/mailer.ts';
import { describeError } from './describe-error.ts';
import { withExamples } from './help.ts';
import { print } from './output.ts';
import { withAppOn } from './with-app.ts';

/** What to know, what is risky, and what is wrong: a sentence each. */
interface Findings {
  readonly notes: string[];
  readonly warnings: string[];
  readonly problems: string[];
}

const SAMPLE_USER = {
  ...{ id: '00000000-0000-4000-8000-000000000000', email: 'ada.lovelace@example.com', name: 'Ada Lovelace' },
  ...{ emailVerifiedAt: 0, metadata: '{}', disabledAt: null, lastLoginAt: null, createdAt: 0, updatedAt: 0 },
  ...{ passwordVersion: 1, credentialVersion: 1, secondFactors: '', hasPassword: 1 },
};

/** `latchkey doctor`: the effective configuration, and what is wrong with it and with what it leads to. */
export function addDoctor(program: Command): void {
  const doctor = program
    .command('doctor')
    .summary('print the effective configuration and what is wrong with it')
    .description(
      'print the effective configuration, secrets masked, and what is wrong with it, the database, the mail server and the providers of external logins; exits with 1 if anything is',
    )
    .option('--json', 'print one JSON object')
    .action(async ({ json }: { json?: true }) => {
      const config = loadConfig(process.env);
      const settings = describeConfig(config);
      if (!json) await printSettings(settings);
      const findings: Findings = {
        notes: [...databasePath(config), ...config.notes, ...proxyNotes(config), ...passkeyNotes(config)],
        warnings: [...config.warnings],
        problems: fileWarnings(config.databaseUrl),
      };
      examineTokens(config, findings);
      await Promise.all([
        examineDatabase(config, findings),
        examineMailServer(config, findings),
        examineProviders(config, findings),
      ]);
      if (findings.problems.length > 0) process.exitCode = 1;
      if (json) {
        const values = Object.fromEntries(settings.map(({ name, value }) => [name, value || null]));
        await print(JSON.stringify({ settings: values, ...findings }));
        return;
      }
      for (const warning of findings.warnings) await print(`warning: ${warning}`);
      for (const note of findings.notes) await print(`note: ${note}`);
      for (const problem of findings.problems) await print(`problem: ${problem}`);
      if (findings.problems.length === 0) await print('Nothing is wrong.');
    });
  withExamples(doctor, 'latchkey doctor', 'latchkey doctor --env-file .env');
}

async function printSettings(settings: ReturnType<typeof describeConfig>): Promise<void> {
  const width = Math.max(...settings.map(({ name }) => name.length));
  for (const { name, value } of settings) await print(`${name.padEnd(width)}  ${value === '' ? '-' : value}`);
  await print('');
}

/** A relative path leads to another database in another folder. */
function* databasePath({ databaseUrl }: Config): Generator<string> {
  const file = sqliteFile(databaseUrl);
  if (file !== undefined) yield `The database is the file ${resolve(file)}.`;
}

/** What the operator has to see to, because no setting shows whether there is a proxy and whether it does its part. */
function* proxyNotes({ mode, trustProxy }: Config): Generator<string> {
  if (trustProxy.length > 0)
    yield `A request from ${trustProxy.join(' or ')} comes from the last address in its X-Forwarded-For that is none of these. Ports, brackets and quotes are read. Anything else, as "unknown", or no such header makes the proxy itself the client, and then all of its clients share one limit; the log warns of the first header that cannot be read.`;
  else if (mode === 'production')
    yield 'Is there a proxy in front of this server, for TLS or to balance the load? Then LATCHKEY_TRUST_PROXY must name its address: without it the proxy itself is the client, and all of its clients share one limit.';
}

/** Without a domain, every field of passkeys answers `FEATURE_DISABLED`. */
function* passkeyNotes({ webauthnRpId }: Config): Generator<string> {
  if (webauthnRpId === undefined)
    yield 'There are no passkeys, because LATCHKEY_ISSUER has no domain that they could work on: browsers take https and a name, or http://localhost, and no IP address.';
}

/** What is wrong with the database and the keys in it. Makes nothing but the first key, as every start does. */
async function examineDatabase(config: Config, findings: Findings): Promise<void> {
  if (isInMemory(config.databaseUrl)) return;
  const file = sqliteFile(config.databaseUrl);
  if (file !== undefined && !existsSync(file)) {
    findings.problems.push('There is no database yet: `latchkey migrate` makes it.');
    return;
  }
  try {
    const database = await openDatabase(config.databaseUrl);
    try {
      findings.notes.push(...(await databaseNotes(database)));
      findings.warnings.push(...(await encryptionWarnings(config.databaseUrl, database)));
      await examineApp(config, database, findings);
    } finally {
      await database.close();
    }
  } catch (error) {
    findings.problems.push(describeError(error));
  }
}

async function examineApp(config: Config, database: Database, findings: Findings): Promise<void> {
  const { problems, warnings } = findings;
  const obstacle = (await encodingProblem(database)) ?? (await migrationObstacle(database));
  if (obstacle !== undefined) {
    problems.push(obstacle);
    return;
  }
  const pending = await pendingMigrations(database);
  if (pending.length > 0) {
    problems.push(`Migrations are missing, \`latchkey migrate\` applies them: ${pending.join(', ')}`);
    return;
  }

  problems.push(...(await durabilityWarnings(database)));
  await withAppOn({ config, database }, async ({ tokens, roles }) => {
    const unreadable = (await tokens.listKeys()).filter(({ status }) => status === 'unreadable');
    problems.push(
      ...unreadable.map(({ kid }) => `No secret of LATCHKEY_SECRET opens the signing key ${kid}.`),
    );
    const unknown = await roles.unknown();
    if (unknown.length > 0)
      warnings.push(`Accounts have roles that are not defined, which allow nothing: ${unknown.join(', ')}.`);
    if (await roles.isOther())
      warnings.push(
        'The server of this database that began last has another LATCHKEY_ROLES_FILE, or another content of it.',
      );
  });
}

/** The sample user owes nothing. */
const ENROLLED = { owedBy: () => undefined };

/** What roles and claims make of a token, where the operator has defined any. */
function examineTokens(config: Config, { notes, problems }: Findings): void {
  const { rolesFile, claimsFile, claims: presets } = config;
  if (rolesFile === undefined && claimsFile === undefined && presets.length === 0) return;
  const roles = createRoles(rolesFile?.content);
  const claims = createClaims({ presets, template: claimsFile?.content, roles });
  const content = createTokenContents({ roles, claims, users: ENROLLED }).sampleOf(SAMPLE_USER);
  const length = accessTokenLength(content, config);
  const size = `The access token of a sample user with every role has ${length} characters`;
  if (Object.keys(content.claims).length > 0)
    notes.push(`The claims of a sample user with every role: ${JSON.stringify(content.claims)}`);
  if (length <= MAX_ISSUED_LENGTH) notes.push(`${size} of ${MAX_ISSUED_LENGTH}.`);
  else problems.push(`${size}, and ${MAX_ISSUED_LENGTH} is the most: such users cannot log in.`);
}

async function examineMailServer({ smtp }: Config, { problems }: Findings): Promise<void> {
  if (smtp === undefined) return;
  await checkMailServer(smtp).catch((error: unknown) =>
    problems.push(`The mail server of LATCHKEY_SMTP_URL takes no mail from here: ${describeError(error)}.`),
  );
}

/** Asks the providers of external logins for what a start does not ask for. */
async function examineProviders(config: Config, { notes, problems }: Findings): Promise<void> {
  const { providers: definitions, issuer, mode } = config;
  const isDevelopment = mode === 'development';
  const providers = createProviders({ providers: definitions, issuer, isDevelopment, clock: createClock() });
  try {
    for (const { name, redirectUri, problem } of await providers.examine()) {
      notes.push(`The redirect URI to register at the provider ${name} is ${redirectUri}.`);
      if (problem !== undefined) problems.push(`The provider ${name} cannot be used: ${problem}.`);
    }
  } finally {
    await providers.close();
  }
}
