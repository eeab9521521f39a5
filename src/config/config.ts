import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import type { z } from 'zod';
import type { FirebaseParameters } from '../crypto/foreign-hashes.ts';
import { isPostgres, sqliteFile } from '../database/url.ts';
import { isLoopback } from '../platform/loopback.ts';
import {
  generateSecret,
  masterSecrets,
  readDevelopmentSecret,
  type SecretFile,
  SecretFileError,
  secretFile,
} from './master-secret.ts';
import {
  appUrl,
  baseUrl,
  databaseUrl,
  firebaseScrypt,
  flag,
  host,
  integer,
  type Kind,
  kind,
  line,
  mailbox,
  networks,
  origins,
  seconds,
  smtpUrl,
  word,
} from './values.ts';

export type Mode = 'development' | 'production';
export type Environment = Readonly<Record<string, string | undefined>>;

export interface Setting<Value = unknown> {
  /** The environment variable. */
  readonly name: string;
  /** What it is when it is not given, as it would be written; none when the description says where it comes from. */
  readonly default?: string;
  /** What it is in development, where that differs. */
  readonly developmentDefault?: string;
  /** One line of Markdown for the README and the operator. */
  readonly description: string;
  readonly value: Kind<Value>;
}

/** Every setting, in the README's order, under its name in `Config`. A new one is a new entry here and no more. */
export const SETTINGS = {
  mode: {
    name: 'NODE_ENV',
    default: 'development',
    description: '`production`, `development` or `test`, which is development',
    value: kind<Mode>({
      read: (text, refuse) => {
        if (!/^(production|development|test)$/.test(text))
          refuse('must be one of production, development, test');
        return text === 'production' ? 'production' : 'development';
      },
      write: (mode) => mode,
    }),
  },
  host: {
    name: 'HOST',
    default: '127.0.0.1',
    description: 'Address or name to listen on',
    value: host(),
  },
  port: {
    name: 'PORT',
    default: '4000',
    description: 'Port to listen on; `0` takes any free one and prints it',
    value: integer({ least: 0, most: 65_535 }),
  },
  databaseUrl: {
    name: 'DATABASE_URL',
    default: 'file:data/latchkey.db',
    description: '`file:<path>` or `file::memory:` for embedded SQLite, `postgres://…` for PostgreSQL',
    value: databaseUrl(),
  },
  logLevel: {
    name: 'LOG_LEVEL',
    default: 'info',
    description: '`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`',
    value: word('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
  },
  secrets: {
    name: 'LATCHKEY_SECRET',
    description:
      'Master secret, at least 32 bytes as base64url, base64 or hex; a comma-separated list replaces it step by step. Required in production; in development one is made in the folder of the database',
    value: masterSecrets,
  },
  secretFile: {
    name: 'LATCHKEY_SECRET_FILE',
    description: 'A file that holds the master secret instead, and that not every user may read or change',
    value: secretFile,
  },
  issuer: {
    name: 'LATCHKEY_ISSUER',
    developmentDefault: 'http://localhost:4000',
    description:
      'Public URL of this server, the `iss` of its tokens. Required in production, and https there; in development it follows `PORT`, so several servers of one database need the same',
    value: baseUrl(),
  },
  audience: {
    name: 'LATCHKEY_AUDIENCE',
    description: 'The `aud` of access tokens; the issuer unless given',
    value: line({ most: 255 }),
  },
  accessTokenTtlSeconds: {
    name: 'LATCHKEY_ACCESS_TOKEN_TTL',
    default: '10m',
    description:
      'Lifetime of an access token, `1s` to `60m`, and never past the known end of its session. Here one is taken for 10 seconds more, because clocks differ',
    value: seconds({ least: '1s', most: '60m' }),
  },
  sessionIdleTtlSeconds: {
    name: 'LATCHKEY_SESSION_IDLE_TTL',
    default: '14d',
    description:
      'A session that is not refreshed for so long ends, `1s` to `365d`; no longer than `LATCHKEY_SESSION_ABSOLUTE_TTL`',
    value: seconds({ least: '1s', most: '365d' }),
  },
  sessionAbsoluteTtlSeconds: {
    name: 'LATCHKEY_SESSION_ABSOLUTE_TTL',
    default: '30d',
    description: 'A session ends so long after its authentication, however much it is used, `1s` to `365d`',
    value: seconds({ least: '1s', most: '365d' }),
  },
  refreshRetryWindowSeconds: {
    name: 'LATCHKEY_REFRESH_RETRY_WINDOW',
    default: '30s',
    description: 'How long a spent refresh token may be sent again, `0s` to `10m`',
    value: seconds({ least: '0s', most: '10m' }),
  },
  passwordMinLength: {
    name: 'LATCHKEY_PASSWORD_MIN_LENGTH',
    default: '15',
    description: 'Least number of characters of a new password, `8` to `128`',
    value: integer({ least: 8, most: 128 }),
  },
  firebaseScrypt: {
    name: 'LATCHKEY_FIREBASE_SCRYPT',
    description:
      'Password hash parameters of the Firebase project that accounts were imported from, as its console shows them; a secret, needed as long as one of those passwords was never used here',
    value: firebaseScrypt(),
  },
  registration: {
    name: 'LATCHKEY_REGISTRATION',
    default: 'open',
    description:
      '`verify` makes an account when the link in a mail is followed, and lets no unverified one log in; `closed` refuses `register`; `latchkey users create` still works',
    value: word('open', 'verify', 'closed'),
  },
  magicLinks: {
    name: 'LATCHKEY_MAGIC_LINKS',
    default: 'off',
    description: '`on` lets people log in by a link or a code that is mailed to them',
    value: flag(),
  },
  throttles: {
    name: 'LATCHKEY_THROTTLES',
    default: 'on',
    description: '`off` stops counting failed logins, for load tests; refused in production',
    value: flag(),
  },
  accountFailures: {
    name: 'LATCHKEY_ACCOUNT_FAILURES',
    default: '5',
    description:
      'Failed logins in a row after which an account waits, 2, 4, 8 … seconds and at most 15 minutes; a known device and a live session have as many of their own',
    value: integer({ least: 1, most: 100 }),
  },
  accountDisableAfter: {
    name: 'LATCHKEY_ACCOUNT_DISABLE_AFTER',
    default: '100',
    description:
      'Failed passwords in a row, at all doors together, that disable a password for strangers until it is set anew; so many of its known devices close those, so many of a session that session',
    value: integer({ least: 10, most: 100 }),
  },
  networkFailures: {
    name: 'LATCHKEY_NETWORK_FAILURES',
    default: '10',
    description:
      'Failed password checks of one network (IPv4 address, IPv6 /64) in 5 minutes; an IPv6 /48 has sixteen times this and every other limit of a network',
    value: integer({ least: 1, most: 100_000 }),
  },
  networkChecks: {
    name: 'LATCHKEY_NETWORK_CHECKS',
    default: '30',
    description:
      'Password checks of one network in a minute, right ones too; and right ones of an account’s live sessions',
    value: integer({ least: 1, most: 100_000 }),
  },
  networkRegistrations: {
    name: 'LATCHKEY_NETWORK_REGISTRATIONS',
    default: '10',
    description: 'Registrations of one network in 5 minutes',
    value: integer({ least: 1, most: 100_000 }),
  },
  addressMails: {
    name: 'LATCHKEY_ADDRESS_MAILS',
    default: '3',
    description:
      'Mails with a link of one kind to one address in an hour, or while the link lives if that is shorter; more are answered as ever and not sent, and the newest link goes on working',
    value: integer({ least: 1, most: 100_000 }),
  },
  networkMails: {
    name: 'LATCHKEY_NETWORK_MAILS',
    default: '10',
    description: 'Mails with a link that one network can ask for in an hour',
    value: integer({ least: 1, most: 100_000 }),
  },
  refreshFailures: {
    name: 'LATCHKEY_REFRESH_FAILURES',
    default: '150',
    description:
      'Failed refreshes of one network or session in 5 minutes; those that succeed are not counted',
    value: integer({ least: 1, most: 100_000 }),
  },
  corsOrigins: {
    name: 'LATCHKEY_CORS_ORIGINS',
    default: '',
    description:
      'Origins whose pages may call this server from a browser, a WebView (`capacitor://localhost`) or an extension, comma-separated',
    value: origins(),
  },
  cookies: {
    name: 'LATCHKEY_COOKIES',
    default: 'off',
    developmentDefault: 'on',
    description:
      '`on` lets pages of this origin and of `LATCHKEY_CORS_ORIGINS` keep their refresh token in a cookie',
    value: flag(),
  },
  trustProxy: {
    name: 'LATCHKEY_TRUST_PROXY',
    default: '',
    description: 'Addresses and CIDR blocks of proxies whose `X-Forwarded-For` is believed, comma-separated',
    value: networks(),
  },
  smtp: {
    name: 'LATCHKEY_SMTP_URL',
    description:
      'The mail server: `smtps://user:password@host`, or `smtp://…` with STARTTLS (without TLS on this machine, or with `?tls=off`). In development without one, mail is shown at `/dev/mail`',
    value: smtpUrl(),
  },
  mailFrom: {
    name: 'LATCHKEY_MAIL_FROM',
    developmentDefault: 'Latchkey <latchkey@localhost>',
    description:
      'Who mail is from, as in `Example <accounts@example.com>` or `"Acme, Inc." <accounts@example.com>`',
    value: mailbox(),
  },
  appUrl: {
    name: 'LATCHKEY_APP_URL',
    developmentDefault: 'http://localhost:3000',
    description:
      'What the links in mail begin with: the URL of your app, or a template as in `https://app.example.com/#/{page}?token={token}`. https in production',
    value: appUrl(),
  },
  templates: {
    name: 'LATCHKEY_TEMPLATES',
    description: 'A folder with texts of mail that replace the built-in ones, file by file',
    value: line({ most: 4_096 }),
  },
  introspection: {
    name: 'LATCHKEY_INTROSPECTION',
    default: 'off',
    developmentDefault: 'on',
    description: 'Whether the schema can be asked for',
    value: flag(),
  },
  workers: {
    name: 'LATCHKEY_WORKERS',
    default: '1',
    description: 'Processes behind the one port, `1` to `64`; `auto` takes as many as there are cores',
    value: integer({ least: 1, most: 64, auto: availableParallelism }),
  },
  metrics: {
    name: 'LATCHKEY_METRICS',
    default: 'off',
    description: '`on` serves `/metrics` to Prometheus, on a port of its own',
    value: flag(),
  },
  metricsHost: {
    name: 'LATCHKEY_METRICS_HOST',
    default: '127.0.0.1',
    description: 'Address or name to serve the metrics on, where they ask nobody who they are',
    value: host(),
  },
  metricsPort: {
    name: 'LATCHKEY_METRICS_PORT',
    default: '9464',
    description: 'Port of the metrics; `0` takes any free one and prints it',
    value: integer({ least: 0, most: 65_535 }),
  },
  auditRetentionSeconds: {
    name: 'LATCHKEY_AUDIT_RETENTION',
    default: '365d',
    description: 'How long audit events are kept, `1d` to `3650d`',
    value: seconds({ least: '1d', most: '3650d' }),
  },
  tokenEndpoint: {
    name: 'LATCHKEY_TOKEN_ENDPOINT',
    default: 'on',
    description: '`off` removes `POST /token` and `POST /token/refresh`',
    value: flag(),
  },
} as const satisfies Record<string, Setting>;

type OfMail = 'smtp' | 'mailFrom' | 'appUrl' | 'templates';
type Values = { readonly [Key in keyof typeof SETTINGS]: z.output<(typeof SETTINGS)[Key]['value']> };

/** Everything the environment decides, read once. Durations end in their unit. */
export interface Config extends Omit<Values, 'secretFile' | 'firebaseScrypt' | OfMail> {
  /** Where `secrets` was read from, when that is a file. */
  readonly secretFile?: SecretFile | undefined;
  /** How mail is sent, which is off in production unless all three are given. */
  readonly smtp?: Values['smtp'] | undefined;
  readonly mailFrom?: Values['mailFrom'] | undefined;
  readonly appUrl?: string | undefined;
  readonly templates?: string | undefined;
  readonly firebaseScrypt?: FirebaseParameters | undefined;
  /** How many threads libuv has for what is not done on the event loop, hashing above all. */
  readonly poolThreads: number;
  /** How many passwords a process hashes at once: the workers share the cores. One more may be waiting for a thread. */
  readonly hashConcurrency: number;
  /** What the operator should hear at the start. */
  readonly warnings: readonly string[];
}

/** Everything that is wrong with the environment, in one message that quotes no value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(['The configuration is not usable:', ...problems].join('\n  '));
    this.problems = problems;
  }
}

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
  problems.unshift(...unknownNames(given));
  problems.push(...contradictions(given, values));
  if (problems.length > 0) throw new ConfigError(problems);

  // No problem: whatever has a default has a value, and in production what has none was given.
  const settings = values as Values;
  const poolThreads = Number(given.get('UV_THREADPOOL_SIZE')) || LIBUV_THREADS;
  const { secrets, secretFile, notes } = chooseSecrets(values, settings.databaseUrl);
  return Object.freeze({
    ...settings,
    // A shorter absolute lifetime alone shortens the other one, too.
    sessionIdleTtlSeconds: Math.min(settings.sessionIdleTtlSeconds, settings.sessionAbsoluteTtlSeconds),
    secrets,
    secretFile,
    audience: values.audience ?? settings.issuer,
    poolThreads,
    hashConcurrency: hashConcurrency(settings.workers, poolThreads),
    warnings: Object.freeze([...cautions(settings), ...notes]),
  });
}

/** The effective value of each setting as it would be written, secrets masked; empty when there is none. */
export function describeConfig(config: Config): { readonly name: string; readonly value: string }[] {
  return SETTING_KEYS.map((key) => {
    const { name, value }: Setting = SETTINGS[key];
    return { name, value: config[key] === undefined ? '' : value.encode(config[key]) };
  });
}

type Given = ReadonlyMap<string, string>;
type Key = keyof typeof SETTINGS;

const SETTING_KEYS = Object.keys(SETTINGS) as Key[];
/** What sending mail takes. */
const SENDING_KEYS = ['smtp', 'mailFrom', 'appUrl'] as const;
const IN_MEMORY = 'file::memory:';
/** What a refresh waits for the database at most: two seconds for a connection, six for the answer, and a margin. */
const ANSWER_LIMIT_SECONDS = 10;
/** Where nobody has set `UV_THREADPOOL_SIZE`, as the command does. */
const LIBUV_THREADS = 4;

function readSettings(given: Given): { values: Partial<Values>; problems: string[] } {
  const isProduction = given.get(SETTINGS.mode.name) === 'production';
  const values: Partial<Record<Key, unknown>> = {};
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
  return { values: values as Partial<Values>, problems };
}

/** A misspelt setting must not silently leave its default in force. */
function unknownNames(given: Given): string[] {
  const known: string[] = SETTING_KEYS.map((key) => SETTINGS[key].name);
  // Kubernetes injects these into every container beside a service called latchkey.
  const isInjected = (name: string) => /^LATCHKEY_(SERVICE_|PORT)/.test(name);
  return [...given.keys()]
    .filter((name) => name.startsWith('LATCHKEY_') && !known.includes(name) && !isInjected(name))
    .map((name) => `${name}: no such setting; did you mean ${nearest(name, known)}?`);
}

/** What is wrong between settings that are each right. */
function* contradictions(given: Given, values: Partial<Values>): Generator<string> {
  const { mode, host, databaseUrl, issuer, appUrl } = values;
  const has = (key: Key) => given.has(SETTINGS[key].name);

  if (has('secrets') && has('secretFile'))
    yield 'LATCHKEY_SECRET_FILE: cannot be given together with LATCHKEY_SECRET';
  if (
    has('sessionIdleTtlSeconds') &&
    (values.sessionIdleTtlSeconds ?? 0) > (values.sessionAbsoluteTtlSeconds ?? Number.POSITIVE_INFINITY)
  )
    yield 'LATCHKEY_SESSION_IDLE_TTL: must not be longer than LATCHKEY_SESSION_ABSOLUTE_TTL';
  if (databaseUrl === IN_MEMORY && (values.workers ?? 1) > 1)
    yield 'LATCHKEY_WORKERS: must be 1 with a database in memory, which no other process can see';
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
    const missing = SENDING_KEYS.filter((key) => !has(key));
    if (missing.length < SENDING_KEYS.length)
      yield* missing.map((key) => `${SETTINGS[key].name}: required in production to send mail`);
    if (values.registration === 'verify' && missing.length > 0)
      yield 'LATCHKEY_REGISTRATION: verify needs LATCHKEY_SMTP_URL in production';
    if (values.magicLinks && missing.length > 0)
      yield 'LATCHKEY_MAGIC_LINKS: needs LATCHKEY_SMTP_URL in production';
  }

  // Whoever sets one of these means to serve others, and must not do it in development mode by mistake.
  if (!has('mode')) {
    if (host !== undefined && !isLoopback(host))
      yield 'NODE_ENV: must be given with a HOST that others can reach';
    if (databaseUrl !== undefined && isPostgres(databaseUrl))
      yield 'NODE_ENV: must be given with a PostgreSQL DATABASE_URL';
    if (has('issuer') && issuer !== undefined && !isLoopback(hostOf(issuer)))
      yield 'NODE_ENV: must be given with a LATCHKEY_ISSUER that is not on this machine';
  }
}

/** An IPv6 address without its brackets. */
function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, '');
}

function* cautions({ mode, host, databaseUrl, ...values }: Values): Generator<string> {
  if (values.accessTokenTtlSeconds > Math.min(values.sessionIdleTtlSeconds, values.sessionAbsoluteTtlSeconds))
    yield 'A session that is not refreshed ends before LATCHKEY_ACCESS_TOKEN_TTL is over: access tokens end with it, and clients have to refresh that often.';
  if (mode === 'development' && !isLoopback(host))
    yield 'DEVELOPMENT MODE, and others can reach this server: it is open to introspection and its secret is made for one machine. Set NODE_ENV=production.';
  if (mode === 'production' && databaseUrl === IN_MEMORY)
    yield 'The database is in memory: every account and session ends with this process.';
  // Without a window at all the operator chose so.
  if (values.refreshRetryWindowSeconds > 0 && values.refreshRetryWindowSeconds < ANSWER_LIMIT_SECONDS)
    yield `LATCHKEY_REFRESH_RETRY_WINDOW is shorter than a request may wait for the database, ${ANSWER_LIMIT_SECONDS}s: a refresh whose answer is lost can sign its client out.`;
}

/**
 * The secrets that were given, or the development server's own.
 *
 * @throws ConfigError when that one can be neither made nor read.
 */
function chooseSecrets(values: Partial<Values>, databaseUrl: string) {
  const { secrets, secretFile } = values;
  if (secrets !== undefined) return { secrets, secretFile: undefined, notes: [] };
  if (secretFile !== undefined) {
    const { warning } = secretFile;
    const notes = warning === undefined ? [] : [`LATCHKEY_SECRET_FILE: ${warning}.`];
    return { secrets: secretFile.secrets, secretFile, notes };
  }
  if (databaseUrl === IN_MEMORY) {
    return {
      secrets: Object.freeze([generateSecret()]),
      secretFile: undefined,
      notes: ['No LATCHKEY_SECRET: a random one is used until this process ends.'],
    };
  }

  const path = join(dirname(sqliteFile(databaseUrl) ?? 'data/latchkey.db'), 'secret');
  try {
    const made = readDevelopmentSecret(path);
    return {
      secrets: made.secrets,
      secretFile: made,
      notes: [
        `No LATCHKEY_SECRET: the development secret in ${path} is used${made.warning === undefined ? '; only this user can read it' : `, which ${made.warning}`}.`,
      ],
    };
  } catch (error) {
    if (!(error instanceof SecretFileError)) throw error;
    throw new ConfigError([
      `LATCHKEY_SECRET: not given, and the development secret beside the database ${error.message}`,
    ]);
  }
}

/**
 * argon2 works on libuv's threads. When those are no more than the cores, one hash more is in libuv's hands: the thread
 * that is free next takes it by itself, where otherwise its core waits for the event loop.
 */
function hashConcurrency(workers: number, poolThreads: number): number {
  const share = Math.max(1, Math.floor(availableParallelism() / workers));
  return poolThreads > share ? share : poolThreads + 1;
}

function nearest(name: string, known: readonly string[]): string | undefined {
  const distances = known.map((candidate) => ({ candidate, distance: editDistance(name, candidate) }));
  return distances.sort((a, b) => a.distance - b.distance)[0]?.candidate;
}

/** How many characters have to be added, dropped or replaced (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [index, character] of [...from].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...to].entries()) {
      const [above = 0, diagonal = 0, left = 0] = [row[column + 1], row[column], next[column]];
      next.push(Math.min(above + 1, left + 1, diagonal + (character === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
