import type { Config } from '../config/config.ts';
import type { Argon2Cost } from '../crypto/argon2.ts';
import type { Database } from '../database/database.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { type Audit, createAudit } from './audit/service.ts';
import type { RecordEvent } from './audit/store.ts';
import { createExternalLogins, type ExternalLogins } from './external-logins/service.ts';
import { FACTOR_REMOVED } from './factors/mails.ts';
import { createFactors, type Factors } from './factors/service.ts';
import type { Feature } from './feature.ts';
import { type Challenges, createChallenges } from './login/challenges.ts';
import { createDoor, type Door } from './login/door.ts';
import { createMailbox, type Mailbox } from './login/mailbox.ts';
import { LOGIN_AFTER_FAILURES } from './login/mails.ts';
import { createOwnership, type Ownership } from './login/ownership.ts';
import { loginResolvers } from './login/resolvers.ts';
import { createSecondStep, type SecondStep } from './login/second-step.ts';
import { createLogin, type Login } from './login/service.ts';
import { createWaysIn, type WaysIn } from './login/ways-in.ts';
import { createMail, type Mail } from './mail/service.ts';
import type { Templates } from './mail/templates.ts';
import { createOneTimeTokens, type OneTimeTokens } from './one-time-tokens/service.ts';
import { createOperators, type Operators } from './operators/service.ts';
import { createPasskeys, type Passkeys, type PasskeysOptions } from './passkeys/service.ts';
import { createGuesses, type Guesses } from './passwords/guesses.ts';
import { PASSWORD_CHANGED, RESET_PASSWORD } from './passwords/mails.ts';
import { createPasswords, type Passwords } from './passwords/service.ts';
import { createRateLimits, type RateLimits } from './rate-limits/service.ts';
import { createClaims } from './roles/claims.ts';
import { rolesResolvers } from './roles/resolvers.ts';
import { createRoles, type Roles } from './roles/service.ts';
import { createServiceAccounts, type ServiceAccounts } from './service-accounts/service.ts';
import { sessionsResolvers } from './sessions/resolvers.ts';
import { createSessions, type Sessions } from './sessions/service.ts';
import { createTokens, type Tokens } from './tokens/service.ts';
import { ADDRESS_TAKEN } from './users/mails.ts';
import { usersResolvers } from './users/resolvers.ts';
import { createUsers, type Users } from './users/service.ts';

export interface CoreOptions {
  readonly config: Config;
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly templates: Templates;
  /** What the hash of a new password costs instead of what OWASP says. */
  readonly hashCost?: Argon2Cost | undefined;
}

/** What every feature stands on. A feature's own options name the parts that it uses. */
export interface Core {
  readonly database: Database;
  readonly clock: Clock;
  readonly audit: Audit;
  readonly recordEvent: RecordEvent;
  readonly rateLimits: RateLimits;
  readonly mail: Mail;
  readonly users: Users;
  readonly roles: Roles;
  readonly tokens: Tokens;
  readonly oneTimeTokens: OneTimeTokens;
  readonly guesses: Guesses;
  readonly passwords: Passwords;
  readonly sessions: Sessions;
  readonly serviceAccounts: ServiceAccounts;
  readonly passkeys: Passkeys;
  readonly factors: Factors;
  readonly externalLogins: ExternalLogins;
  readonly challenges: Challenges;
  readonly door: Door;
  readonly mailbox: Mailbox;
  readonly ownership: Ownership;
  readonly login: Login;
  readonly secondStep: SecondStep;
  readonly waysIn: WaysIn;
  readonly operators: Operators;
}

/** Builds the modules of core in the order of their dependencies. */
export function createCore({ config, database, clock, logger, templates, hashCost }: CoreOptions): Core {
  const { secrets, throttles, accountFailures, networkChecks } = config;
  const { auditRetentionSeconds } = config;
  const audit = createAudit({ database, clock, logger, secrets, auditRetentionSeconds });
  const recordEvent = audit.record;
  const rateLimits = createRateLimits({
    database,
    clock,
    recordEvent,
    secrets,
    throttles,
    accountFailures,
    networkChecks,
    accountDisableAfter: config.accountDisableAfter,
    networkFailures: config.networkFailures,
  });
  const { appUrl } = config;
  const mail = createMail({ database, clock, logger, secrets, templates, rateLimits, appUrl });
  const users = createUsers({ database, requiresFactor: config.mfa === 'required' });
  const roles = createRoles(config.rolesFile?.content);
  const claims = createClaims({ presets: config.claims, template: config.claimsFile?.content, roles });
  const { issuer, audience, accessTokenTtlSeconds } = config;
  const tokens = createTokens({
    database,
    clock,
    recordEvent,
    secrets,
    issuer,
    audience,
    accessTokenTtlSeconds,
  });
  const oneTimeTokens = createOneTimeTokens({
    database,
    clock,
    recordEvent,
    secrets,
    mail,
    rateLimits,
    throttles,
    networkMails: config.networkMails,
    addressMails: config.addressMails,
  });
  const guesses = createGuesses({ rateLimits, accountFailures, networkChecks });
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
    roles,
    claims,
    rateLimits,
    idleTtlSeconds: config.sessionIdleTtlSeconds,
    absoluteTtlSeconds: config.sessionAbsoluteTtlSeconds,
    retryWindowSeconds: config.refreshRetryWindowSeconds,
    refreshFailures: config.refreshFailures,
  });
  const serviceAccounts = createServiceAccounts({
    database,
    clock,
    logger,
    rateLimits,
    users,
    roles,
    tokens,
  });
  const passkeys = createPasskeys({
    database,
    clock,
    secrets,
    rateLimits,
    relyingParty: relyingPartyOf(config),
  });
  const factors = createFactors({ database, clock, secrets, rateLimits, passkeys });
  const externalLogins = createExternalLogins({ database, clock, providers: config.providers });
  const challenges = createChallenges({ database, clock, rateLimits });
  const door = createDoor({
    database,
    clock,
    recordEvent,
    rateLimits,
    guesses,
    factors,
    challenges,
    sessions,
    mail,
  });
  const mailbox = createMailbox({ clock, guesses, oneTimeTokens, sessions, factors, externalLogins });
  const ownership = createOwnership({ database, rateLimits, guesses, passwords, sessions, factors, door });
  const login = createLogin({
    database,
    clock,
    rateLimits,
    guesses,
    tokens,
    passwords,
    door,
    requireVerification: config.registration === 'verify',
  });
  const secondStep = createSecondStep({ database, clock, factors, challenges, door });
  const waysIn = createWaysIn({ magicLinks: config.magicLinks, passkeys, externalLogins });
  const operators = createOperators({ database, clock, recordEvent, rateLimits, roles, sessions });

  return {
    database,
    clock,
    audit,
    recordEvent,
    rateLimits,
    mail,
    users,
    roles,
    tokens,
    oneTimeTokens,
    guesses,
    passwords,
    sessions,
    serviceAccounts,
    passkeys,
    factors,
    externalLogins,
    challenges,
    door,
    mailbox,
    ownership,
    login,
    secondStep,
    waysIn,
    operators,
  };
}

/** Whom passkeys are for; none where the server has no domain that they could be for. */
function relyingPartyOf({ webauthnRpId, webauthnOrigins }: Config): PasskeysOptions['relyingParty'] {
  return webauthnRpId === undefined ? undefined : { rpId: webauthnRpId, origins: webauthnOrigins };
}

/** What the modules of core add to the server. */
export function coreFeatures({
  users,
  roles,
  sessions,
  serviceAccounts,
  passkeys,
  factors,
  externalLogins,
  challenges,
  login,
  secondStep,
  tokens,
  audit,
  rateLimits,
  oneTimeTokens,
  mail,
}: Core): readonly Feature[] {
  return [
    { resolvers: usersResolvers(users), mails: [ADDRESS_TAKEN] },
    { resolvers: rolesResolvers(roles) },
    { chores: tokens.chores },
    { resolvers: sessionsResolvers(sessions), chores: sessions.chores },
    { chores: serviceAccounts.chores },
    { chores: passkeys.chores },
    { chores: factors.chores, mails: [FACTOR_REMOVED] },
    { chores: externalLogins.chores },
    {
      resolvers: loginResolvers({ ...login, ...secondStep }),
      mails: [LOGIN_AFTER_FAILURES],
      chores: challenges.chores,
    },
    { purposes: [RESET_PASSWORD], mails: [PASSWORD_CHANGED] },
    { chores: rateLimits.chores },
    { chores: oneTimeTokens.chores },
    { chores: audit.chores },
    { chores: mail.chores },
  ];
}
