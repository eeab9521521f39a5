import { availableParallelism } from 'node:os';
import { cautions, contradictions } from './checks.ts';
import { chooseSecrets } from './choose-secrets.ts';
import { type Config, ConfigError } from './config.ts';
import { readProviderSecrets } from './provider-secrets.ts';
import type { Setting } from './setting.ts';
import { relyingPartyOf } from './settings/passkeys.ts';
import { SETTING_KEYS, SETTINGS, type SettingKey, type SettingValues } from './settings.ts';
import { unknownNames } from './unknown-names.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
/** The variables that are set and not empty. */
type Given = ReadonlyMap<string, string>;

/** Without `UV_THREADPOOL_SIZE`, which the command sets. */
const LIBUV_THREADS = 4;

/**
 * Reads the environment into one frozen object. An empty variable counts as unset. In development without a
 * secret, the one in the folder of the database is taken, and made on the first start.
 *
 * @throws ConfigError that lists every problem and never holds a value, which might be a secret (KEY-1).
 */
export function loadConfig(environment: Environment): Config {
  const given: Given = new Map(
    Object.entries(environment).flatMap(([name, text]): [string, string][] => (text ? [[name, text]] : [])),
  );
  const { values, problems } = readSettings(given);
  problems.unshift(...unknownNames(given.keys()));
  problems.push(...contradictions(given, values));
  const providers = readProviderSecrets(values.providersFile?.content ?? [], given, (problem) =>
    problems.push(problem),
  );
  if (problems.length > 0) throw new ConfigError(problems);

  // No problem: whatever has a default has a value, and in production what has none was given.
  const settings = values as SettingValues;
  const poolThreads = Number(given.get('UV_THREADPOOL_SIZE')) || LIBUV_THREADS;
  const { secrets, secretFile, notes, risks } = chooseSecrets(values, settings.databaseUrl);
  return Object.freeze({
    ...settings,
    // A shorter absolute lifetime alone shortens the other one, too.
    sessionIdleTtlSeconds: Math.min(settings.sessionIdleTtlSeconds, settings.sessionAbsoluteTtlSeconds),
    secrets,
    secretFile,
    providers: Object.freeze(providers),
    audience: values.audience ?? settings.issuer,
    poolThreads,
    hashConcurrency: hashConcurrency(settings.workers, poolThreads),
    notes: Object.freeze(notes),
    warnings: Object.freeze([...cautions(settings), ...risks]),
  });
}

/** The effective value of each setting as it would be written, secrets masked; empty when there is none. */
export function describeConfig(config: Config): { readonly name: string; readonly value: string }[] {
  return SETTING_KEYS.map((key) => {
    const { name, value }: Setting = SETTINGS[key];
    return { name, value: config[key] === undefined ? '' : value.encode(config[key]) };
  });
}

function readSettings(given: Given): { values: Partial<SettingValues>; problems: string[] } {
  const isProduction = given.get(SETTINGS.mode.name) === 'production';
  const values: Partial<Record<SettingKey, unknown>> = {};
  const problems: string[] = [];
  for (const key of SETTING_KEYS) {
    const setting: Setting = SETTINGS[key];
    const fallback = isProduction ? setting.default : (setting.developmentDefault ?? setting.default);
    const text = given.get(setting.name) ?? fallback;
    if (text === undefined) continue;
    const result = setting.value.safeParse(text);
    if (result.success) values[key] = result.data;
    else problems.push(...result.error.issues.map((issue) => `${setting.name}: ${issue.message}`));
  }
  // A verifier is configured with the address that is printed at the start.
  if (!isProduction && !given.has(SETTINGS.issuer.name) && values.port !== undefined)
    values.issuer = `http://localhost:${values.port}`;
  const relyingParty = relyingPartyOf(values.issuer as string | undefined);
  values.webauthnRpId ??= relyingParty?.rpId;
  if (relyingParty !== undefined && !given.has(SETTINGS.webauthnOrigins.name))
    values.webauthnOrigins = Object.freeze([relyingParty.origin]);
  // In production mail is off until a mail server is given.
  if (values.appUrl === undefined && (!isProduction || given.has(SETTINGS.smtp.name)))
    values.appUrl = defaultAppUrl(values as Partial<SettingValues>, isProduction);
  return { values: values as Partial<SettingValues>, problems };
}

/** Where links in mail lead unless the operator says so: to the pages of this server, where it has them. */
function defaultAppUrl({ pages, issuer }: Partial<SettingValues>, isProduction: boolean): string | undefined {
  if (pages && issuer !== undefined) return `${issuer.replace(/\/$/, '')}/account`;
  return isProduction ? undefined : 'http://localhost:3000';
}

/**
 * argon2 works on libuv's threads. When those are no more than the cores, one hash more is in libuv's hands: the thread
 * that is free next takes it by itself, where otherwise its core waits for the event loop.
 */
function hashConcurrency(workers: number, poolThreads: number): number {
  const share = Math.max(1, Math.floor(availableParallelism() / workers));
  return poolThreads > share ? share : poolThreads + 1;
}
