import { makeExecutableSchema } from '@graphql-tools/schema';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { type Config, ConfigError } from './config/config.ts';
import { createAudit } from './core/audit/service.ts';
import { createDoor } from './core/login/door.ts';
import { createMailbox } from './core/login/mailbox.ts';
import { createOwnership } from './core/login/ownership.ts';
import { loginResolvers } from './core/login/resolvers.ts';
import { createLogin } from './core/login/service.ts';
import { createDevMailbox } from './core/mail/dev-mailbox.ts';
import { createMail } from './core/mail/service.ts';
import { loadTemplates } from './core/mail/templates.ts';
import { createOneTimeTokens } from './core/one-time-tokens/service.ts';
import { createGuesses } from './core/passwords/guesses.ts';
import { createPasswords } from './core/passwords/service.ts';
import { createRateLimits } from './core/rate-limits/service.ts';
import { sessionsResolvers } from './core/sessions/resolvers.ts';
import { createSessions } from './core/sessions/service.ts';
import { createTokens } from './core/tokens/service.ts';
import { RELOAD_INTERVAL_MS } from './core/tokens/signing-keys.ts';
import { usersResolvers } from './core/users/resolvers.ts';
import { createUsers } from './core/users/service.ts';
import type { Argon2Cost } from './crypto/argon2.ts';
import type { Database } from './database/database.ts';
import { pendingMigrations } from './database/migrate.ts';
import { accountResolvers } from './features/account/resolvers.ts';
import { createAccount } from './features/account/service.ts';
import { createAdmin } from './features/admin/service.ts';
import { emailChangesResolvers } from './features/email-changes/resolvers.ts';
import { createEmailChanges } from './features/email-changes/service.ts';
import { emailVerificationsResolvers } from './features/email-verifications/resolvers.ts';
import { createEmailVerifications } from './features/email-verifications/service.ts';
import { createHousekeeping, HOUSEKEEPING_INTERVAL_MS } from './features/housekeeping/service.ts';
import { magicLinksResolvers } from './features/magic-links/resolvers.ts';
import { createMagicLinks } from './features/magic-links/service.ts';
import { passwordResetsResolvers } from './features/password-resets/resolvers.ts';
import { createPasswordResets } from './features/password-resets/service.ts';
import { createTransfers } from './features/transfers/service.ts';
import { createContext } from './graphql/context.ts';
import { guardRootFields } from './graphql/guard.ts';
import { refuseLateFields } from './graphql/late-fields.ts';
import { scalars } from './graphql/scalars.ts';
import { readTypeDefs } from './graphql/type-defs.ts';
import { refuseMalformedText } from './graphql/well-formed.ts';
import type { Readiness } from './http/doors/health.ts';
import { createServer } from './http/server.ts';
import type { Metrics } from './metrics/metrics.ts';
import { observeRequests } from './metrics/requests.ts';
import type { Clock } from './platform/clock.ts';
import { createMailer, type Mailer } from './platform/mailer.ts';

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
}

export type App = Awaited<ReturnType<typeof createApp>>;

/** Builds every module in the order of their dependencies; the only place that knows them all. */
export async function createApp({ config, database, clock, logger, metrics, mailer, hashCost }: AppOptions) {
  const { templates, problems } = loadTemplates(config.templates);
  if (problems.length > 0) throw new ConfigError(problems.map((problem) => `LATCHKEY_TEMPLATES: ${problem}`));
  const showsMail = config.mode === 'development' && config.smtp === undefined;
  const devMailbox = showsMail ? createDevMailbox({ clock, logger }) : undefined;
  const audit = createAudit({ ...config, database, clock, logger });
  const recordEvent = audit.record;
  const rateLimits = createRateLimits({ ...config, database, clock, recordEvent });
  const guesses = createGuesses({ ...config, rateLimits });
  const mail = createMail({ ...config, database, clock, logger, templates, rateLimits });
  const tokens = createTokens({ ...config, database, clock, recordEvent });
  const oneTimeTokens = createOneTimeTokens({ ...config, database, clock, recordEvent, mail, rateLimits });
  const users = createUsers({ database });
  const passwords = createPasswords({
    database,
    concurrency: config.hashConcurrency,
    threads: config.poolThreads,
    minLength: config.passwordMinLength,
    hashCost,
    firebaseSignerKey: config.firebaseScrypt?.signerKey,
  });
  const sessions = createSessions({
    database,
    clock,
    recordEvent,
    tokens,
    users,
    rateLimits,
    idleTtlSeconds: config.sessionIdleTtlSeconds,
    absoluteTtlSeconds: config.sessionAbsoluteTtlSeconds,
    retryWindowSeconds: config.refreshRetryWindowSeconds,
    refreshFailures: config.refreshFailures,
  });
  const { registration, networkRegistrations } = config;
  const door = createDoor({ database, clock, recordEvent, rateLimits, guesses, sessions, mail });
  const mailbox = createMailbox({ clock, guesses, oneTimeTokens, sessions });
  const ownership = createOwnership({ database, rateLimits, guesses, passwords, sessions, door });
  const login = createLogin({
    database,
    clock,
    rateLimits,
    guesses,
    tokens,
    passwords,
    door,
    requireVerification: registration === 'verify',
  });
  const emailVerifications = createEmailVerifications({
    database,
    clock,
    recordEvent,
    rateLimits,
    oneTimeTokens,
    passwords,
    mailbox,
    ownership,
    door,
  });
  const account = createAccount({
    database,
    clock,
    recordEvent,
    rateLimits,
    guesses,
    users,
    passwords,
    ownership,
    door,
    sessions,
    oneTimeTokens,
    beginRegistration: emailVerifications.beginRegistration,
    mail,
    registration,
    networkRegistrations,
  });
  const passwordResets = createPasswordResets({
    database,
    clock,
    recordEvent,
    guesses,
    oneTimeTokens,
    passwords,
    mailbox,
    sessions,
    mail,
  });
  const emailChanges = createEmailChanges({
    database,
    clock,
    recordEvent,
    rateLimits,
    oneTimeTokens,
    ownership,
    sessions,
    mail,
  });
  const magicLinks = createMagicLinks({
    database,
    clock,
    rateLimits,
    oneTimeTokens,
    mailbox,
    door,
    isOn: config.magicLinks,
  });
  const admin = createAdmin({
    database,
    clock,
    recordEvent,
    guesses,
    passwords,
    sessions,
    tokens,
    oneTimeTokens,
    mail,
  });
  const transfers = createTransfers({ database, clock, recordEvent, firebase: config.firebaseScrypt });

  const housekeeping = createHousekeeping({
    database,
    clock,
    logger,
    tokens,
    sessions,
    rateLimits,
    oneTimeTokens,
    audit,
    mail,
  });
  metrics?.watchHashing(passwords.load);

  const schema = makeExecutableSchema({
    typeDefs: readTypeDefs(),
    resolvers: [
      scalars,
      usersResolvers(users),
      sessionsResolvers(sessions),
      loginResolvers(login),
      emailVerificationsResolvers(emailVerifications),
      accountResolvers(account),
      passwordResetsResolvers(passwordResets),
      emailChangesResolvers(emailChanges),
      magicLinksResolvers(magicLinks),
    ],
  });
  guardRootFields(schema, sessions.authenticate);
  refuseLateFields(schema);
  refuseMalformedText(schema);

  await audit.followHead();
  await tokens.start();
  const chores: NodeJS.Timeout[] = [];

  /** Commands, which end by themselves, have none. */
  function beginChores(): void {
    mail.watch();
    chores.push(
      repeat(HOUSEKEEPING_INTERVAL_MS, 'head of the audit trail', audit.followHead),
      repeat(RELOAD_INTERVAL_MS, 'reload of the signing keys', tokens.reload),
      repeat(HOUSEKEEPING_INTERVAL_MS, 'housekeeping', housekeeping.turn),
    );
  }

  /** A chore that fails, as with a database that is away, is said and done again the next time. */
  function repeat(everyMs: number, chore: string, work: () => Promise<unknown>): NodeJS.Timeout {
    return setInterval(() => {
      work().catch((error: unknown) => logger.warn({ chore, err: error }, 'a chore failed'));
    }, everyMs).unref();
  }

  async function chooseMailer(): Promise<Mailer | undefined> {
    const { smtp, mailFrom } = config;
    return smtp === undefined || mailFrom === undefined ? devMailbox : createMailer({ smtp, from: mailFrom });
  }

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
    admin,
    transfers,
    audit,
    housekeeping,
    readiness,

    /** The HTTP side; listens once it is told to, and then sends mail and keeps house, too. */
    async createServer({ maxConnections }: { maxConnections?: number } = {}): Promise<FastifyInstance> {
      const usedMailer = mailer ?? (await chooseMailer());
      if (usedMailer !== undefined) mail.start(usedMailer);
      const server = await createServer({
        config,
        logger,
        clock,
        schema,
        login,
        sessions,
        tokens,
        readiness,
        maxConnections,
        devMail: devMailbox?.letters,
        createContext: (request) => createContext(tokens, request),
      });
      server.addHook('onListen', async () => beginChores());
      if (metrics !== undefined) observeRequests(server, metrics.observeRequest);
      return server;
    },

    /** Ends the chores; the database is its owner's to close. */
    async close(): Promise<void> {
      for (const chore of chores) clearInterval(chore);
      await Promise.all([housekeeping.close(), mail.close()]);
    },
  };
}
