import { makeExecutableSchema } from '@graphql-tools/schema';
import type { FastifyInstance } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import { type Config, ConfigError } from './config/config.ts';
import { type Core, coreFeatures, createCore } from './core/core.ts';
import { type Feature, joinFeatures } from './core/feature.ts';
import { createDevMailbox } from './core/mail/dev-mailbox.ts';
import { createTemplates } from './core/mail/templates.ts';
import { RELOAD_INTERVAL_MS } from './core/tokens/signing-keys.ts';
import type { Argon2Cost } from './crypto/argon2.ts';
import type { Database } from './database/database.ts';
import { pendingMigrations } from './database/migrate.ts';
import { AuthError } from './errors.ts';
import { createAccount } from './features/account/feature.ts';
import { createAdminApi } from './features/admin/feature.ts';
import { createAdmin } from './features/admin/service.ts';
import { createEmailChanges } from './features/email-changes/feature.ts';
import { createEmailVerifications } from './features/email-verifications/feature.ts';
import { createExternalLoginsFeature } from './features/external-logins/feature.ts';
import { createHousekeeping, HOUSEKEEPING_INTERVAL_MS } from './features/housekeeping/service.ts';
import { createImpersonations } from './features/impersonations/feature.ts';
import { createMagicLinks } from './features/magic-links/feature.ts';
import { createMfa } from './features/mfa/feature.ts';
import { createPasskeysFeature } from './features/passkeys/feature.ts';
import { createPasswordResets } from './features/password-resets/feature.ts';
import { createRolesService } from './features/roles/service.ts';
import { createServiceAccountsFeature } from './features/service-accounts/feature.ts';
import { createTransfers } from './features/transfers/service.ts';
import { createContext } from './graphql/context.ts';
import type { Resolvers } from './graphql/generated.ts';
import { applyFieldRules } from './graphql/rules/field-rules.ts';
import { scalars } from './graphql/scalars.ts';
import { readTypeDefs } from './graphql/type-defs.ts';
import type { Readiness } from './http/doors/health.ts';
import { createServer } from './http/server.ts';
import type { Metrics } from './metrics/metrics.ts';
import { observeRequests } from './metrics/requests.ts';
import type { Clock } from './platform/clock.ts';
import { createMailer, type Mailer } from './platform/mailer.ts';
import type { PinnedFetch } from './platform/pinned-fetch.ts';

/** Shorter than a request's: probes wait a few seconds. */
const READINESS_MS = 2_000;

export interface AppOptions {
  readonly config: Config;
  /** Migrated. */
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: Metrics | undefined;
  /** What sends mail instead of what the configuration says. */
  readonly mailer?: Mailer | undefined;
  /** What the hash of a new password costs instead of what OWASP says. */
  readonly hashCost?: Argon2Cost | undefined;
  /** What asks the providers of external logins instead of the internet. */
  readonly fetchOfProviders?: PinnedFetch['fetch'] | undefined;
}

export type App = Awaited<ReturnType<typeof createApp>>;

/** Joins core, the features and the HTTP side; the only place that knows them all. */
export async function createApp(options: AppOptions) {
  const { config, database, clock, logger, metrics, mailer, hashCost, fetchOfProviders } = options;
  const templates = createTemplates(config.templates);
  const core = createCore({ config, database, clock, logger, templates, hashCost });
  const { tokens, mail, rateLimits, sessions, login, secondStep, audit, passwords } = core;
  const { registration, networkRegistrations, magicLinks, firebaseScrypt } = config;

  const emailVerifications = createEmailVerifications(core);
  const { beginRegistration } = emailVerifications;
  const emailChanges = createEmailChanges(core);
  const roles = createRolesService(core, { definition: config.rolesFile?.text });
  const { issuer, secrets, providers, redirectOrigins, networkChecks, addressMails } = config;
  const externalLogins = createExternalLoginsFeature(core, {
    ...{ logger, registration, fetchOfProviders, isDevelopment: config.mode === 'development' },
    ...{ issuer, secrets, providers, redirectOrigins, addressMails, networkChecks, networkRegistrations },
  });
  const features: readonly Feature[] = [
    ...coreFeatures(core),
    emailVerifications,
    createAccount(core, { registration, networkRegistrations, beginRegistration }),
    createPasswordResets(core),
    emailChanges,
    createMagicLinks(core, { isOn: magicLinks }),
    externalLogins,
    createMfa(core, { issuer: config.issuer, factorResetSeconds: config.factorResetSeconds }),
    createPasskeysFeature(core, {
      appName: config.appName,
      requireVerification: registration === 'verify',
    }),
    createImpersonations(core),
    createAdminApi({ ...core, tellOldAddress: emailChanges.tellOldAddress, roleChanges: roles }),
    createServiceAccountsFeature(core),
  ];
  const { resolvers, mails, chores } = joinFeatures(features);
  const problems = templates.load(mails);
  if (problems.length > 0) throw new ConfigError(problems.map((problem) => `LATCHKEY_TEMPLATES: ${problem}`));

  const admin = createAdmin(core);
  const transfers = createTransfers(core, { firebase: firebaseScrypt });
  const housekeeping = createHousekeeping({ database, clock, logger, chores });
  const schema = buildSchema(resolvers, core);
  metrics?.watchHashing(passwords.load);

  await audit.followHead();
  await tokens.start();
  const ownChores = createOwnChores({ logger, mail, roles, audit, tokens, housekeeping });

  async function readiness(): Promise<Readiness> {
    const impatient = database.within(READINESS_MS);
    const [pending, writing] = await Promise.allSettled([
      pendingMigrations(impatient),
      housekeeping.tryWriting(impatient),
    ]);
    return {
      database: pending.status === 'fulfilled',
      writable: writing.status === 'fulfilled',
      keys: tokens.keysLoaded(),
      migrations: pending.status === 'fulfilled' && pending.value.length === 0,
    };
  }

  return {
    config,
    schema,
    tokens,
    mail,
    rateLimits,
    sessions,
    factors: core.factors,
    admin,
    roles,
    transfers,
    audit,
    housekeeping,
    readiness,

    /** The HTTP side; listens once it is told to, and then sends mail and keeps house, too. */
    async createServer({ maxConnections }: { maxConnections?: number } = {}): Promise<FastifyInstance> {
      if (!tokens.keysLoaded())
        logger.error(
          'A signing key cannot be opened: LATCHKEY_SECRET is not the secret that this database began with',
        );
      const showsMail = config.mode === 'development' && config.smtp === undefined;
      const devMailbox = showsMail ? createDevMailbox({ clock, logger }) : undefined;
      const usedMailer = mailer ?? (await configuredMailer(config)) ?? devMailbox;
      if (usedMailer !== undefined) mail.start(usedMailer);
      const server = await createServer({
        config,
        logger,
        clock,
        schema,
        login,
        secondStep,
        serviceAccounts: core.serviceAccounts,
        sessions,
        tokens,
        scopes: core.roles.scopes,
        readiness,
        maxConnections,
        devMail: devMailbox?.letters,
        externalCallback: config.providers.length > 0 ? externalLogins.callback : undefined,
        accountPages: config.pages ? { config, sendsMail: usedMailer !== undefined } : undefined,
        startPage: config.mode === 'development' ? config : undefined,
        createContext: (request) => createContext(tokens, request),
      });
      server.addHook('onListen', async () => ownChores.begin());
      if (metrics !== undefined) observeRequests(server, metrics.observeRequest);
      return server;
    },

    /** Ends the chores; the database is its owner's to close. */
    async close(): Promise<void> {
      ownChores.end();
      await Promise.all([housekeeping.close(), mail.close(), externalLogins.close()]);
    },
  };
}

/**
 * For development: a token that makes the first account an administrator; none where there are accounts. It takes no whole
 * app, because it is made at the start, where a person waits.
 */
export function mintFirstAdministrator(
  options: Pick<AppOptions, 'config' | 'database' | 'clock' | 'logger'>,
): Promise<string | undefined> {
  const core = createCore({ ...options, templates: createTemplates(options.config.templates) });
  return createEmailVerifications(core).mintFirstAdministrator();
}

/** What every process does for itself. Commands, which end by themselves, do none of it. */
function createOwnChores({
  logger,
  mail,
  roles,
  audit,
  tokens,
  housekeeping,
}: Pick<Core, 'mail' | 'audit' | 'tokens'> & {
  readonly logger: Logger;
  readonly roles: ReturnType<typeof createRolesService>;
  readonly housekeeping: ReturnType<typeof createHousekeeping>;
}) {
  const timers: NodeJS.Timeout[] = [];
  let saysRolesDiffer = true;

  /** Two definitions of roles in the processes of one database make tokens of two kinds. Said once. */
  async function compareRoles(): Promise<void> {
    if (!saysRolesDiffer || !(await roles.isOther())) return;
    saysRolesDiffer = false;
    logger.warn('another process of this database has another LATCHKEY_ROLES_FILE, or another content of it');
  }

  /** What the operator should hear of roles at the start, and the other processes later. */
  async function beginRoles(): Promise<void> {
    const unknown = await roles.unknown();
    if (unknown.length > 0)
      logger.warn({ roles: unknown }, 'accounts have roles that are not defined, which allow nothing');
    await roles.announce();
  }

  /** A chore that fails, as when the database is away, is logged and done again the next time. */
  function repeat(everyMs: number, chore: string, work: () => Promise<unknown>): NodeJS.Timeout {
    return setInterval(() => attempt(chore, work), everyMs).unref();
  }

  function attempt(chore: string, work: () => Promise<unknown>): void {
    work().catch((error: unknown) => logger.warn({ chore, err: error }, 'a chore failed'));
  }

  return {
    begin(): void {
      mail.watch();
      attempt('definition of roles', beginRoles);
      timers.push(
        repeat(HOUSEKEEPING_INTERVAL_MS, 'head of the audit trail', audit.followHead),
        repeat(RELOAD_INTERVAL_MS, 'reload of the signing keys', tokens.reload),
        repeat(HOUSEKEEPING_INTERVAL_MS, 'housekeeping', housekeeping.turn),
        repeat(HOUSEKEEPING_INTERVAL_MS, 'definition of roles', compareRoles),
      );
    },

    end(): void {
      for (const timer of timers) clearInterval(timer);
    },
  };
}

async function configuredMailer({ smtp, mailFrom }: Config): Promise<Mailer | undefined> {
  return smtp === undefined || mailFrom === undefined ? undefined : createMailer({ smtp, from: mailFrom });
}

/** The schema of all resolvers, behind the rules that hold for each field. */
function buildSchema(resolvers: Resolvers[], { sessions, serviceAccounts }: Core): GraphQLSchema {
  const schema = makeExecutableSchema({
    typeDefs: readTypeDefs(),
    resolvers: [scalars, ...resolvers],
    // A copy of the schema for each group of resolvers is half of the time that it takes.
    updateResolversInPlace: true,
  });
  applyFieldRules(schema, (bearer) =>
    bearer instanceof AuthError || bearer.kind === 'user'
      ? sessions.authenticate(bearer)
      : serviceAccounts.authenticate(bearer),
  );
  return schema;
}
