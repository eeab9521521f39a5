import { urlsOf } from '../core/external-logins/providers-file.ts';
import { claimsSetTwice } from '../core/roles/claims-template.ts';
import { isInMemory, isPostgres } from '../platform/database-url.ts';
import { isLoopback, isLoopbackUrl } from '../platform/loopback.ts';
import { passkeyProblems } from './settings/passkeys.ts';
import { SETTINGS, type SettingKey, type SettingValues } from './settings.ts';

/** What sending mail takes. */
const SENDING_KEYS = ['smtp', 'mailFrom', 'appUrl'] as const;
/** What a refresh waits for the database at most: two seconds for a connection, six for the answer, and a margin. */
const ANSWER_LIMIT_SECONDS = 10;

/** What is wrong between settings that are each right. */
export function* contradictions(
  given: ReadonlyMap<string, string>,
  values: Partial<SettingValues>,
): Generator<string> {
  const { mode, host, databaseUrl, issuer, appUrl } = values;
  const has = (key: SettingKey) => given.has(SETTINGS[key].name);

  if (has('secrets') && has('secretFile'))
    yield 'LATCHKEY_SECRET_FILE: cannot be given together with LATCHKEY_SECRET';
  if (
    has('sessionIdleTtlSeconds') &&
    (values.sessionIdleTtlSeconds ?? 0) > (values.sessionAbsoluteTtlSeconds ?? Number.POSITIVE_INFINITY)
  )
    yield 'LATCHKEY_SESSION_IDLE_TTL: must not be longer than LATCHKEY_SESSION_ABSOLUTE_TTL';
  if (databaseUrl !== undefined && isInMemory(databaseUrl) && (values.workers ?? 1) > 1)
    yield 'LATCHKEY_WORKERS: must be 1 with a database in memory, which no other process can see';
  yield* passkeyProblems(values, { rpId: has('webauthnRpId'), origins: has('webauthnOrigins') });
  if (values.claimsFile !== undefined)
    for (const { claim, preset } of claimsSetTwice(values.claimsFile.content, values.claims ?? []))
      yield `LATCHKEY_CLAIMS_FILE: ${claim} is a claim that LATCHKEY_CLAIMS=${preset} sets`;
  if (values.metrics && values.metricsPort !== 0 && values.metricsPort === values.port)
    yield 'LATCHKEY_METRICS_PORT: must not be PORT';

  if (mode === 'production') {
    if (!has('secrets') && !has('secretFile'))
      yield 'LATCHKEY_SECRET: required in production; `openssl rand -hex 32` makes a good one';
    if (!has('issuer')) yield 'LATCHKEY_ISSUER: required in production';
    if (values.throttles === false) yield 'LATCHKEY_THROTTLES: cannot be off in production';
    if (issuer !== undefined && new URL(issuer).protocol !== 'https:')
      yield 'LATCHKEY_ISSUER: must be https in production';
    if (appUrl !== undefined && new URL(appUrl).protocol !== 'https:')
      yield 'LATCHKEY_APP_URL: must be https in production';
    for (const provider of values.providersFile?.content ?? [])
      if (urlsOf(provider).some((url) => URL.canParse(url) && new URL(url).protocol === 'http:'))
        yield `LATCHKEY_PROVIDERS_FILE: providers.${provider.name}: every URL must be https in production`;
    // The pages of this server take the place of an app.
    const isGiven = (key: SettingKey) => has(key) || (key === 'appUrl' && values.pages === true);
    const missing = SENDING_KEYS.filter((key) => !isGiven(key));
    if (SENDING_KEYS.some(has))
      yield* missing.map((key) => `${SETTINGS[key].name}: required in production to send mail`);
    if (values.registration === 'verify' && missing.length > 0)
      yield 'LATCHKEY_REGISTRATION: verify needs LATCHKEY_SMTP_URL in production';
    if (values.magicLinks && missing.length > 0)
      yield 'LATCHKEY_MAGIC_LINKS: needs LATCHKEY_SMTP_URL in production';
    if ((values.factorResetSeconds ?? 0) > 0 && missing.length > 0)
      yield 'LATCHKEY_FACTOR_RESET: needs LATCHKEY_SMTP_URL in production, because the owner has to be told';
  }

  // An operator who sets one of these means to serve others. Development mode would be a mistake then.
  if (!has('mode')) {
    if (host !== undefined && !isLoopback(host))
      yield 'NODE_ENV: must be given with a HOST that others can reach';
    if (databaseUrl !== undefined && isPostgres(databaseUrl))
      yield 'NODE_ENV: must be given with a PostgreSQL DATABASE_URL';
    if (has('issuer') && issuer !== undefined && !isLoopbackUrl(issuer))
      yield 'NODE_ENV: must be given with a LATCHKEY_ISSUER that is not on this machine';
  }
}

/** What the operator should hear at the start. */
export function* cautions({ mode, host, databaseUrl, ...values }: SettingValues): Generator<string> {
  if (values.accessTokenTtlSeconds > Math.min(values.sessionIdleTtlSeconds, values.sessionAbsoluteTtlSeconds))
    yield 'A session that is not refreshed ends before LATCHKEY_ACCESS_TOKEN_TTL is over: access tokens end with it, and clients have to refresh that often.';
  if (mode === 'development' && !isLoopback(host))
    yield 'DEVELOPMENT MODE, and others can reach this server: it is open to introspection and its secret is made for one machine. Set NODE_ENV=production.';
  if (mode === 'production' && isInMemory(databaseUrl))
    yield 'The database is in memory: every account and session ends with this process.';
  // Without a window at all the operator chose so.
  if (values.refreshRetryWindowSeconds > 0 && values.refreshRetryWindowSeconds < ANSWER_LIMIT_SECONDS)
    yield `LATCHKEY_REFRESH_RETRY_WINDOW is shorter than a request may wait for the database, ${ANSWER_LIMIT_SECONDS}s: a refresh whose answer is lost can sign its client out.`;
}
