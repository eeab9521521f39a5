import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { type Config, ConfigError } from '../../src/config/config.ts';
import { describeConfig, type Environment, loadConfig } from '../../src/config/load.ts';
import { SETTINGS } from '../../src/config/settings.ts';
import type { SmtpServer } from '../../src/platform/mailer.ts';
import { cleanEnvironment } from '../support/server-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const BYTES = randomBytes(32);
const SECRET = BYTES.toString('base64url');
const OTHER_SECRET = randomBytes(48).toString('hex');
const DEVELOPMENT: Environment = { DATABASE_URL: 'file::memory:' };
const PRODUCTION: Environment = {
  NODE_ENV: 'production',
  LATCHKEY_SECRET: SECRET,
  LATCHKEY_ISSUER: 'https://auth.example.com',
};

describe('loading the configuration', () => {
  it('the limits on networks and mails in development are at least ten times those in production', () => {
    const [development, production] = [loadConfig(DEVELOPMENT), loadConfig(PRODUCTION)];
    const limits = [
      'networkFailures',
      'networkChecks',
      'networkRegistrations',
      'addressMails',
      'networkMails',
    ] as const;
    expect(limits.map((limit) => production[limit])).toEqual([10, 30, 10, 3, 10]);
    for (const limit of limits) expect(development[limit]).toBeGreaterThanOrEqual(10 * production[limit]);
    expect(development).toMatchObject({ throttles: true, accountFailures: production.accountFailures });
  });

  it('every setting has a default in development', () => {
    const config = loadConfig(DEVELOPMENT);

    expect(config).toMatchObject({
      mode: 'development',
      host: '127.0.0.1',
      port: 4000,
      logLevel: 'info',
      issuer: 'http://localhost:4000',
      audience: 'http://localhost:4000',
      accessTokenTtlSeconds: 600,
      sessionIdleTtlSeconds: 14 * 86_400,
      sessionAbsoluteTtlSeconds: 30 * 86_400,
      refreshRetryWindowSeconds: 30,
      passwordMinLength: 15,
      registration: 'open',
      mailFrom: { name: 'Latchkey', address: 'latchkey@localhost' },
      appUrl: 'http://localhost:4000/account',
      pages: true,
      appName: 'Latchkey',
      redirectOrigins: [],
      corsOrigins: [],
      trustProxy: [],
      introspection: true,
      tokenEndpoint: true,
    });
    expect(SETTINGS.databaseUrl.default).toBe('file:data/latchkey.db');
  });

  it('every setting but the secret and the issuer has a default in production (KEY-1)', () => {
    expect(loadConfig(PRODUCTION)).toMatchObject({
      mode: 'production',
      issuer: 'https://auth.example.com',
      audience: 'https://auth.example.com',
      databaseUrl: 'file:data/latchkey.db',
      introspection: false,
      notes: [],
      warnings: [],
    });
    expect(problemsOf({ NODE_ENV: 'production' })).toEqual([
      expect.stringMatching(/^LATCHKEY_SECRET: required/),
      expect.stringMatching(/^LATCHKEY_ISSUER: required/),
    ]);
  });

  it('passkeys are for the host and the origin of the issuer, unless a setting says so (MFA-5)', () => {
    const passkeysOf = (settings: Parameters<typeof loadConfig>[0]) => {
      const { webauthnRpId, webauthnOrigins } = loadConfig(settings);
      return [webauthnRpId, webauthnOrigins];
    };
    expect(passkeysOf(DEVELOPMENT)).toEqual(['localhost', ['http://localhost:4000']]);
    expect(passkeysOf({ ...PRODUCTION, LATCHKEY_ISSUER: 'https://id.example.com/auth' })).toEqual([
      'id.example.com',
      ['https://id.example.com'],
    ]);
    expect(
      passkeysOf({
        ...PRODUCTION,
        LATCHKEY_WEBAUTHN_RP_ID: 'example.com',
        LATCHKEY_WEBAUTHN_ORIGINS: 'https://example.com,https://app.example.com:8443',
      }),
    ).toEqual(['example.com', ['https://example.com', 'https://app.example.com:8443']]);
    expect(passkeysOf({ ...PRODUCTION, LATCHKEY_ISSUER: 'https://intranet' })).toEqual([
      'intranet',
      ['https://intranet'],
    ]);
    for (const issuer of ['http://127.0.0.1:4000', 'http://[::1]:4000'])
      expect(passkeysOf({ ...DEVELOPMENT, LATCHKEY_ISSUER: issuer })).toEqual([undefined, []]);
  });

  it.each([
    ['an IP address', { LATCHKEY_WEBAUTHN_RP_ID: '127.0.0.1' }, 'LATCHKEY_WEBAUTHN_RP_ID'],
    ['a URL', { LATCHKEY_WEBAUTHN_RP_ID: 'https://auth.example.com' }, 'LATCHKEY_WEBAUTHN_RP_ID'],
    ['a domain of the first level', { LATCHKEY_WEBAUTHN_RP_ID: 'com' }, 'LATCHKEY_WEBAUTHN_RP_ID'],
    ['capitals', { LATCHKEY_WEBAUTHN_RP_ID: 'Example.com' }, 'LATCHKEY_WEBAUTHN_RP_ID'],
    [
      'another domain than that of the origins',
      { LATCHKEY_WEBAUTHN_RP_ID: 'example.org' },
      'LATCHKEY_WEBAUTHN_RP_ID',
    ],
    [
      'a domain that only ends alike',
      { LATCHKEY_WEBAUTHN_RP_ID: 'th.example.com' },
      'LATCHKEY_WEBAUTHN_RP_ID',
    ],
    [
      'a domain below the origin',
      { LATCHKEY_WEBAUTHN_RP_ID: 'a.auth.example.com' },
      'LATCHKEY_WEBAUTHN_RP_ID',
    ],
    [
      'an origin of another domain',
      { LATCHKEY_WEBAUTHN_ORIGINS: 'https://auth.example.com,https://b.example' },
      'LATCHKEY_WEBAUTHN_RP_ID',
    ],
    [
      'an origin without TLS',
      { LATCHKEY_WEBAUTHN_ORIGINS: 'http://auth.example.com' },
      'LATCHKEY_WEBAUTHN_ORIGINS',
    ],
    [
      'an origin with an IP address',
      { LATCHKEY_WEBAUTHN_ORIGINS: 'https://10.0.0.1' },
      'LATCHKEY_WEBAUTHN_ORIGINS',
    ],
    [
      'an origin with a path',
      { LATCHKEY_WEBAUTHN_ORIGINS: 'https://auth.example.com/' },
      'LATCHKEY_WEBAUTHN_ORIGINS',
    ],
    [
      'an origin with a star',
      { LATCHKEY_WEBAUTHN_ORIGINS: 'https://*.example.com' },
      'LATCHKEY_WEBAUTHN_ORIGINS',
    ],
  ])('a server does not start with passkeys for %s', (_, settings, name) => {
    const problems = problemsOf({ ...PRODUCTION, ...settings });
    expect(problems).toEqual([expect.stringMatching(new RegExp(`^${name}: `))]);
  });

  it('an issuer without a domain needs both settings of passkeys, or none', () => {
    const issuer = { ...DEVELOPMENT, LATCHKEY_ISSUER: 'http://127.0.0.1:4000' };
    expect(problemsOf({ ...issuer, LATCHKEY_WEBAUTHN_RP_ID: 'localhost' })).toEqual([
      expect.stringMatching(/^LATCHKEY_WEBAUTHN_ORIGINS: required/),
    ]);
    expect(problemsOf({ ...issuer, LATCHKEY_WEBAUTHN_ORIGINS: 'http://localhost:3000' })).toEqual([
      expect.stringMatching(/^LATCHKEY_WEBAUTHN_RP_ID: required/),
    ]);
  });

  it('the loaded configuration and its lists are frozen', () => {
    const config = loadConfig({ ...DEVELOPMENT, LATCHKEY_CORS_ORIGINS: 'https://a.example' });

    expect(
      [config, config.corsOrigins, config.trustProxy, config.secrets, config.notes, config.warnings].every(
        Object.isFrozen,
      ),
    ).toBe(true);
  });

  it('an empty variable counts as one that is not set', () => {
    expect(
      loadConfig({ ...DEVELOPMENT, PORT: '', LATCHKEY_ISSUER: '', LATCHKEY_NO_SUCH_NAME: '' }).port,
    ).toBe(4000);
  });

  it('the error about a wrong environment names every problem at once and repeats no value (KEY-1)', () => {
    const leaked = 'hunter2hunter2';
    const every = Object.fromEntries(Object.values(SETTINGS).map(({ name }) => [name, `\n${leaked}`]));

    const { message, problems } = errorOf({ ...every, LATCHKEY_TYPO: leaked });

    for (const { name } of Object.values(SETTINGS))
      expect(problems).toContainEqual(expect.stringMatching(`^${name}: `));
    expect(problems).toContainEqual(expect.stringMatching('^LATCHKEY_TYPO: '));
    for (const problem of problems) expect(message).toContain(problem);
    expect(message).not.toContain(leaked);
  });

  it('the error about an unknown setting names the nearest one', () => {
    expect(problemsOf({ ...DEVELOPMENT, LATCHKEY_SECERT: SECRET, LATCHKEY_ACCESS_TTL: '5m' })).toEqual([
      'LATCHKEY_SECERT: no such setting; did you mean LATCHKEY_SECRET?',
      expect.stringContaining('did you mean LATCHKEY_ACCESS_TOKEN_TTL?'),
    ]);
  });

  it('variables that Kubernetes injects for a service named latchkey are ignored', () => {
    const injected = {
      LATCHKEY_SERVICE_HOST: '10.0.0.1',
      LATCHKEY_SERVICE_PORT_HTTP: '80',
      LATCHKEY_PORT: 'tcp://10.0.0.1:80',
      LATCHKEY_PORT_80_TCP_ADDR: '10.0.0.1',
    };
    expect(loadConfig({ ...DEVELOPMENT, ...injected }).port).toBe(4000);
  });

  it('the hashing concurrency is the number of cores, or one more than the threads when they do not outnumber the cores', () => {
    const cores = availableParallelism();
    const withThreads = (threads: number) =>
      loadConfig({ ...DEVELOPMENT, UV_THREADPOOL_SIZE: String(threads) }).hashConcurrency;
    expect(withThreads(1)).toBe(2);
    expect(withThreads(cores)).toBe(cores + 1);
    expect(withThreads(cores + 1)).toBe(cores);
    expect(withThreads(1_000)).toBe(cores);
    // libuv's own.
    expect(loadConfig(DEVELOPMENT).poolThreads).toBe(4);
  });

  it('the hashing concurrency is divided among the workers, and each worker keeps at least one (DOS-1)', () => {
    const withWorkers = (workers: string) =>
      loadConfig({ ...PRODUCTION, LATCHKEY_WORKERS: workers, UV_THREADPOOL_SIZE: '128' });
    const cores = availableParallelism();
    expect(withWorkers('1').hashConcurrency).toBe(cores);
    expect(withWorkers('auto')).toMatchObject({ workers: cores, hashConcurrency: 1 });
    expect(withWorkers('64').hashConcurrency).toBeGreaterThanOrEqual(1);
    expect(problemsOf({ ...PRODUCTION, LATCHKEY_WORKERS: '0' })).toEqual([
      'LATCHKEY_WORKERS: must be a whole number from 1 to 64, or auto',
    ]);
  });

  it('several workers with a database in memory are refused, and so is a metrics port equal to PORT', () => {
    expect(problemsOf({ ...DEVELOPMENT, LATCHKEY_WORKERS: '2' })).toEqual([
      expect.stringContaining('LATCHKEY_WORKERS: must be 1 with a database in memory'),
    ]);
    const metrics = { ...DEVELOPMENT, LATCHKEY_METRICS_PORT: '4000' };
    expect(problemsOf({ ...metrics, LATCHKEY_METRICS: 'on' })).toEqual([
      'LATCHKEY_METRICS_PORT: must not be PORT',
    ]);
    expect(loadConfig(metrics).metrics).toBe(false);
  });
});

describe('the values of a setting', () => {
  const allowed: [keyof Config, string, string, unknown][] = [
    ['mode', 'NODE_ENV', 'test', 'development'],
    ['host', 'HOST', '::1', '::1'],
    ['host', 'HOST', 'localhost', 'localhost'],
    ['host', 'HOST', '[::1]', '::1'],
    ['host', 'HOST', '[::]', '::'],
    ['port', 'PORT', '0', 0],
    ['port', 'PORT', '65535', 65_535],
    ['logLevel', 'LOG_LEVEL', 'silent', 'silent'],
    ['issuer', 'LATCHKEY_ISSUER', 'http://[::1]:8080/auth', 'http://[::1]:8080/auth'],
    ['audience', 'LATCHKEY_AUDIENCE', 'my api', 'my api'],
    ['accessTokenTtlSeconds', 'LATCHKEY_ACCESS_TOKEN_TTL', '1s', 1],
    ['accessTokenTtlSeconds', 'LATCHKEY_ACCESS_TOKEN_TTL', '2000ms', 2],
    ['accessTokenTtlSeconds', 'LATCHKEY_ACCESS_TOKEN_TTL', '60m', 3_600],
    ['sessionIdleTtlSeconds', 'LATCHKEY_SESSION_IDLE_TTL', '30d', 30 * 86_400],
    ['sessionAbsoluteTtlSeconds', 'LATCHKEY_SESSION_ABSOLUTE_TTL', '336h', 14 * 86_400],
    ['refreshRetryWindowSeconds', 'LATCHKEY_REFRESH_RETRY_WINDOW', '0s', 0],
    ['refreshRetryWindowSeconds', 'LATCHKEY_REFRESH_RETRY_WINDOW', '10m', 600],
    ['passwordMinLength', 'LATCHKEY_PASSWORD_MIN_LENGTH', '8', 8],
    ['passwordMinLength', 'LATCHKEY_PASSWORD_MIN_LENGTH', '128', 128],
    ['registration', 'LATCHKEY_REGISTRATION', 'closed', 'closed'],
    ['registration', 'LATCHKEY_REGISTRATION', 'verify', 'verify'],
    ['magicLinks', 'LATCHKEY_MAGIC_LINKS', 'on', true],
    ['addressMails', 'LATCHKEY_ADDRESS_MAILS', '1', 1],
    ['networkMails', 'LATCHKEY_NETWORK_MAILS', '100000', 100_000],
    [
      'corsOrigins',
      'LATCHKEY_CORS_ORIGINS',
      'https://a.example, http://b.example:8080',
      ['https://a.example', 'http://b.example:8080'],
    ],
    ...[
      'capacitor://localhost',
      'ionic://localhost',
      'tauri://localhost',
      'app://localhost:3000',
      'chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb',
      'moz-extension://5d3cbe2a-9f1c-4c7e-8a57-1d1f6f0b9a11',
      'safari-web-extension://5D3CBE2A-9F1C-4C7E-8A57-1D1F6F0B9A11',
    ].map((origin): [keyof Config, string, string, unknown] => [
      'corsOrigins',
      'LATCHKEY_CORS_ORIGINS',
      origin,
      [origin],
    ]),
    [
      'trustProxy',
      'LATCHKEY_TRUST_PROXY',
      '10.0.0.0/8, 192.0.2.1,2001:db8::/32,::1',
      ['10.0.0.0/8', '192.0.2.1', '2001:db8::/32', '::1'],
    ],
    ['introspection', 'LATCHKEY_INTROSPECTION', 'off', false],
    ['tokenEndpoint', 'LATCHKEY_TOKEN_ENDPOINT', 'off', false],
  ];
  it.each(allowed)('config.%s is read from %s=%s', (key, name, text, value) => {
    expect(loadConfig({ NODE_ENV: 'development', ...DEVELOPMENT, [name]: text })[key]).toEqual(value);
  });

  const refused: [string, string][] = [
    ['NODE_ENV', 'staging'],
    ['NODE_ENV', 'Production'],
    ['HOST', 'http://localhost'],
    ['HOST', '127.0.0.1:4000'],
    ['HOST', '[127.0.0.1]'],
    ['HOST', '[localhost]'],
    ['HOST', '[::1]:4000'],
    ['HOST', '[::1'],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '4000 '],
    ['PORT', '0x10'],
    ['DATABASE_URL', 'mysql://localhost/latchkey'],
    ['DATABASE_URL', 'data/latchkey.db'],
    ['DATABASE_URL', 'file:'],
    ['DATABASE_URL', 'file:latchkey.db?mode=ro'],
    ['DATABASE_URL', 'file://host/latchkey.db'],
    ['DATABASE_URL', 'postgres://'],
    ['LOG_LEVEL', 'verbose'],
    ['LATCHKEY_ISSUER', 'auth.example.com'],
    ['LATCHKEY_ISSUER', '/auth'],
    ['LATCHKEY_ISSUER', 'ftp://auth.example.com'],
    ['LATCHKEY_ISSUER', 'https://auth.example.com?'],
    ['LATCHKEY_ISSUER', 'https://auth.example.com/#top'],
    ['LATCHKEY_ISSUER', 'https://user:pw@auth.example.com'],
    ['LATCHKEY_AUDIENCE', 'two\nlines'],
    ['LATCHKEY_ACCESS_TOKEN_TTL', '0s'],
    ['LATCHKEY_ACCESS_TOKEN_TTL', '61m'],
    ['LATCHKEY_ACCESS_TOKEN_TTL', '1500ms'],
    ['LATCHKEY_ACCESS_TOKEN_TTL', '600'],
    ['LATCHKEY_ACCESS_TOKEN_TTL', '10 minutes'],
    ['LATCHKEY_ACCESS_TOKEN_TTL', '1e1m'],
    ['LATCHKEY_SESSION_IDLE_TTL', '31d'],
    ['LATCHKEY_SESSION_ABSOLUTE_TTL', '366d'],
    ['LATCHKEY_REFRESH_RETRY_WINDOW', '601s'],
    ['LATCHKEY_REFRESH_RETRY_WINDOW', '-1s'],
    ['LATCHKEY_PASSWORD_MIN_LENGTH', '7'],
    ['LATCHKEY_PASSWORD_MIN_LENGTH', '129'],
    ['LATCHKEY_REGISTRATION', 'on'],
    ['LATCHKEY_CORS_ORIGINS', '*'],
    ['LATCHKEY_CORS_ORIGINS', 'null'],
    ['LATCHKEY_CORS_ORIGINS', 'capacitor://'],
    ['LATCHKEY_CORS_ORIGINS', 'capacitor://localhost/'],
    ['LATCHKEY_CORS_ORIGINS', 'capacitor:localhost'],
    ['LATCHKEY_CORS_ORIGINS', 'chrome-extension://*'],
    ['LATCHKEY_CORS_ORIGINS', 'file://localhost'],
    ['LATCHKEY_CORS_ORIGINS', 'htps://a.example'],
    ['LATCHKEY_CORS_ORIGINS', 'https://*.example.com'],
    ['LATCHKEY_CORS_ORIGINS', 'https://a.example/'],
    ['LATCHKEY_CORS_ORIGINS', 'https://a.example:443'],
    ['LATCHKEY_CORS_ORIGINS', 'https://A.example'],
    ['LATCHKEY_CORS_ORIGINS', 'https://a.example,'],
    ['LATCHKEY_TRUST_PROXY', 'loopback'],
    ['LATCHKEY_TRUST_PROXY', 'true'],
    ['LATCHKEY_TRUST_PROXY', '0.0.0.0/0'],
    ['LATCHKEY_TRUST_PROXY', '10.0.0.0/33'],
    ['LATCHKEY_TRUST_PROXY', '::1/129'],
    ['LATCHKEY_TRUST_PROXY', '10.0.0'],
    ['LATCHKEY_TRUST_PROXY', 'fe80::1%eth0'],
    ['LATCHKEY_SMTP_URL', 'mail.example.com'],
    ['LATCHKEY_SMTP_URL', 'https://mail.example.com'],
    ['LATCHKEY_SMTP_URL', 'smtp://'],
    ['LATCHKEY_SMTP_URL', 'smtp://mail.example.com/inbox'],
    // What nodemailer would take: it writes every letter into the log.
    ['LATCHKEY_SMTP_URL', 'smtp://mail.example.com?logger=true&debug=true'],
    ['LATCHKEY_SMTP_URL', 'smtps://mail.example.com?tls=off'],
    ['LATCHKEY_MAIL_FROM', 'Example'],
    ['LATCHKEY_MAIL_FROM', 'a@example.com, b@example.com'],
    ['LATCHKEY_MAIL_FROM', 'Example <a@example.com> b@example.com'],
    ['LATCHKEY_MAIL_FROM', 'Exam\nple <a@example.com>'],
    ['LATCHKEY_MAIL_FROM', '"Exam\nple" <a@example.com>'],
    ['LATCHKEY_MAIL_FROM', 'Acme, Inc. <a@example.com>'],
    ['LATCHKEY_MAIL_FROM', '"Acme, Inc. <a@example.com>'],
    ['LATCHKEY_MAIL_FROM', '"Acme, Inc."'],
    ['LATCHKEY_MAIL_FROM', '"a@example.com"'],
    ['LATCHKEY_MAIL_FROM', '"Acme" <a@example.com>, <b@example.com>'],
    ['LATCHKEY_MAIL_FROM', 'bücher@example.com'],
    ['LATCHKEY_APP_URL', 'app.example.com'],
    ['LATCHKEY_APP_URL', 'https://app.example.com/?page='],
    ['LATCHKEY_APP_URL', 'https://app.example.com/#/auth?page='],
    ['LATCHKEY_APP_URL', 'https://app.example.com/#/#/auth'],
    ['LATCHKEY_APP_URL', 'https://app.example.com/#/{page}'],
    ['LATCHKEY_APP_URL', 'https://app.example.com/#/{token}'],
    ['LATCHKEY_APP_URL', 'https://app.example.com/{page}?token={token}'],
    ['LATCHKEY_APP_URL', 'https://app.example.com/#/{page}?token={token}&again={token}'],
    ['LATCHKEY_APP_URL', 'https://app.example.com/#/{path}?token={token}'],
    ['LATCHKEY_APP_URL', 'https://app.example.com/#/ {page}?token={token}'],
    ['LATCHKEY_APP_URL', 'https://user:pw@app.example.com/#/{page}?token={token}'],
    ['LATCHKEY_APP_URL', 'app://{page}#{token}'],
    ['LATCHKEY_APP_URL', 'https://{page}.example.com/#{token}'],
    ['LATCHKEY_INTROSPECTION', 'true'],
    ['LATCHKEY_TOKEN_ENDPOINT', '1'],
  ];
  it.each(refused)('%s may not be %j', (name, text) => {
    expect(problemsOf({ NODE_ENV: 'development', ...DEVELOPMENT, [name]: text })).toEqual([
      expect.stringMatching(`^${name}: `),
    ]);
  });

  it.each([
    'postgres://latchkey:pw@db.example/latchkey',
    'postgresql:///latchkey?host=/run/postgresql',
    'file:/srv/l.db',
  ])('DATABASE_URL may be %s', (databaseUrl) => {
    expect(loadConfig({ ...PRODUCTION, DATABASE_URL: databaseUrl }).databaseUrl).toBe(databaseUrl);
  });
});

describe('the lifetimes', () => {
  it('an idle lifetime longer than the absolute one is shortened when it is the default, and refused when it was set', () => {
    const config = loadConfig({ ...DEVELOPMENT, LATCHKEY_SESSION_ABSOLUTE_TTL: '8h' });
    expect(config).toMatchObject({
      sessionIdleTtlSeconds: 8 * 3_600,
      sessionAbsoluteTtlSeconds: 8 * 3_600,
    });
    expect(config.warnings).toEqual([]);
    const both = { LATCHKEY_SESSION_ABSOLUTE_TTL: '8h', LATCHKEY_SESSION_IDLE_TTL: '9h' };
    expect(problemsOf({ ...DEVELOPMENT, ...both })).toEqual([
      'LATCHKEY_SESSION_IDLE_TTL: must not be longer than LATCHKEY_SESSION_ABSOLUTE_TTL',
    ]);
  });

  it.each([
    [{ LATCHKEY_SESSION_IDLE_TTL: '4s' }, true],
    [{ LATCHKEY_SESSION_ABSOLUTE_TTL: '9m' }, true],
    [{ LATCHKEY_SESSION_IDLE_TTL: '10m' }, false],
    [{ LATCHKEY_SESSION_IDLE_TTL: '4s', LATCHKEY_ACCESS_TOKEN_TTL: '4s' }, false],
  ])('a warning comes exactly when sessions end before their access tokens: %p', (environment, isWarned) => {
    const { warnings } = loadConfig({ ...PRODUCTION, ...environment });
    expect(warnings).toEqual(isWarned ? [expect.stringContaining('LATCHKEY_ACCESS_TOKEN_TTL')] : []);
  });
});

describe('the parameters of Firebase', () => {
  const KEY = randomBytes(64);
  const shown = `hash_config {
    algorithm: SCRYPT,
    base64_signer_key: ${KEY.toString('base64')},
    base64_salt_separator: Bw==,
    rounds: 8,
    mem_cost: 14,
  }`;
  const parametersOf = (text: string) =>
    loadConfig({ ...DEVELOPMENT, LATCHKEY_FIREBASE_SCRYPT: text }).firebaseScrypt;

  it('the Firebase parameters are read as the console shows them or on one line, and masked when shown (AUD-2)', () => {
    const value = { signerKey: KEY, saltSeparator: Buffer.of(7), rounds: 8, memCost: 14 };
    expect(parametersOf(shown)).toEqual(value);
    const line = `base64_signer_key=${KEY.toString('base64url')},base64_salt_separator=Bw,rounds=8,mem_cost=14`;
    expect(parametersOf(line)).toEqual(value);
    const { LATCHKEY_FIREBASE_SCRYPT: masked } = Object.fromEntries(
      describeConfig(loadConfig({ ...DEVELOPMENT, LATCHKEY_FIREBASE_SCRYPT: shown })).map(
        ({ name, value: text }) => [name, text],
      ),
    );
    expect(masked).toBe('***');
  });

  it.each([
    ['without the key', /base64_signer_key.*\n/, ''],
    ['with a short key', /base64_signer_key.*\n/, 'base64_signer_key: AAAA\n'],
    ['without the separator', /base64_salt_separator.*\n/, ''],
    ['without the rounds', /rounds.*\n/, ''],
    ['with nine rounds', 'rounds: 8', 'rounds: 9'],
    ['with more memory than Firebase takes', 'mem_cost: 14', 'mem_cost: 15'],
    ['with a fraction as the memory cost', 'mem_cost: 14', 'mem_cost: 1e-1'],
  ])('Firebase parameters %s are refused, and the key is not repeated (KEY-1)', (_, part, other) => {
    const { message, problems } = errorOf({
      ...DEVELOPMENT,
      LATCHKEY_FIREBASE_SCRYPT: shown.replace(part, other),
    });
    expect(problems).toEqual([expect.stringMatching(/^LATCHKEY_FIREBASE_SCRYPT: must be/)]);
    expect(message).not.toContain(KEY.toString('base64'));
  });
});

describe('the mode', () => {
  const REACHABLE = { HOST: '0.0.0.0' };

  it.each<[string, Environment]>([
    ['a HOST that others can reach', REACHABLE],
    ['a PostgreSQL URL', { DATABASE_URL: 'postgres://localhost/latchkey' }],
    ['an issuer elsewhere', { LATCHKEY_ISSUER: 'http://auth.internal:4000' }],
  ])('NODE_ENV must be given with %s', (_, environment) => {
    expect(problemsOf({ ...DEVELOPMENT, LATCHKEY_SECRET: SECRET, ...environment })).toEqual([
      expect.stringMatching(/^NODE_ENV: /),
    ]);
    expect(loadConfig({ NODE_ENV: 'test', LATCHKEY_SECRET: SECRET, ...environment }).mode).toBe(
      'development',
    );
  });

  it.each(['http://localhost:4100', 'http://127.0.0.2:4100', 'https://[::1]/auth'])(
    'NODE_ENV may be left out with an issuer on this machine: %s',
    (LATCHKEY_ISSUER) => {
      expect(loadConfig({ ...DEVELOPMENT, LATCHKEY_ISSUER })).toMatchObject({
        mode: 'development',
        issuer: LATCHKEY_ISSUER,
        audience: LATCHKEY_ISSUER,
      });
    },
  );

  it('the default issuer follows the port in development, and production has no default issuer', () => {
    expect(loadConfig({ ...DEVELOPMENT, PORT: '4101' })).toMatchObject({
      issuer: 'http://localhost:4101',
      audience: 'http://localhost:4101',
    });
    expect(loadConfig({ ...DEVELOPMENT, PORT: '4101', LATCHKEY_ISSUER: 'http://localhost:1' }).issuer).toBe(
      'http://localhost:1',
    );
    expect(problemsOf({ ...PRODUCTION, PORT: '4101', LATCHKEY_ISSUER: '' })).toEqual([
      'LATCHKEY_ISSUER: required in production',
    ]);
  });

  it('NODE_ENV may be left out on every loopback address', () => {
    for (const host of ['127.0.0.2', '::1', 'localhost'])
      expect(loadConfig({ ...DEVELOPMENT, HOST: host }).host).toBe(host);
  });

  it('development mode warns loudly when others can reach the server', () => {
    const { warnings } = loadConfig({
      ...DEVELOPMENT,
      ...REACHABLE,
      NODE_ENV: 'development',
      LATCHKEY_SECRET: SECRET,
    });
    expect(warnings).toEqual([expect.stringMatching(/^DEVELOPMENT MODE/)]);
    expect(loadConfig({ ...DEVELOPMENT, LATCHKEY_SECRET: SECRET }).warnings).toEqual([]);
    expect(loadConfig({ ...PRODUCTION, ...REACHABLE }).warnings).toEqual([]);
  });

  it('production refuses an issuer without TLS (KEY-1)', () => {
    expect(problemsOf({ ...PRODUCTION, LATCHKEY_ISSUER: 'HTTP://auth.example.com' })).toEqual([
      'LATCHKEY_ISSUER: must be https in production',
    ]);
  });

  it('production refuses settings that promise mails when no mail server is set', () => {
    const mail = {
      LATCHKEY_SMTP_URL: 'smtps://mail.example.com',
      LATCHKEY_MAIL_FROM: 'accounts@example.com',
      LATCHKEY_APP_URL: 'https://app.example.com',
    };
    for (const [name, value] of [
      ['LATCHKEY_REGISTRATION', 'verify'],
      ['LATCHKEY_MAGIC_LINKS', 'on'],
    ] as const) {
      expect(problemsOf({ ...PRODUCTION, [name]: value })).toEqual([
        expect.stringMatching(`^${name}: .*needs LATCHKEY_SMTP_URL`),
      ]);
      expect(loadConfig({ ...PRODUCTION, ...mail, [name]: value }).warnings).toEqual([]);
      expect(loadConfig({ ...DEVELOPMENT, [name]: value }).mode).toBe('development');
    }
  });

  it('a refresh retry window too short for a lost answer of the database brings a warning (RT-4)', () => {
    const warnings = (window: string) =>
      loadConfig({ ...PRODUCTION, LATCHKEY_REFRESH_RETRY_WINDOW: window }).warnings;
    for (const window of ['1s', '9s'])
      expect(warnings(window)).toEqual([expect.stringContaining('LATCHKEY_REFRESH_RETRY_WINDOW')]);
    for (const window of ['0s', '10s', '30s']) expect(warnings(window)).toEqual([]);
  });

  it('production warns about a database in memory', () => {
    expect(loadConfig({ ...PRODUCTION, DATABASE_URL: 'file::memory:' }).warnings).toHaveLength(1);
  });
});

describe('the settings of mail', () => {
  const MAIL: Environment = {
    LATCHKEY_SMTP_URL: 'smtps://mail.example.com',
    LATCHKEY_MAIL_FROM: 'Example <accounts@example.com>',
    LATCHKEY_APP_URL: 'https://app.example.com',
  };

  it('mail is off in production by default, and each of its three settings requires the other two', () => {
    expect(loadConfig(PRODUCTION)).not.toHaveProperty('appUrl');
    expect(loadConfig({ ...PRODUCTION, ...MAIL })).toMatchObject({
      mailFrom: { name: 'Example', address: 'accounts@example.com' },
      appUrl: 'https://app.example.com',
    });
    for (const name of Object.keys(MAIL)) {
      const others = Object.keys(MAIL).filter((other) => other !== name);
      expect(problemsOf({ ...PRODUCTION, [name]: MAIL[name] })).toEqual(
        others.map((other) => `${other}: required in production to send mail`),
      );
    }
  });

  it('the app that mails lead to must have TLS in production (WEB-6)', () => {
    expect(problemsOf({ ...PRODUCTION, ...MAIL, LATCHKEY_APP_URL: 'http://app.example.com' })).toEqual([
      'LATCHKEY_APP_URL: must be https in production',
    ]);
  });

  it.each([
    'https://app.example.com/#/auth',
    'https://app.example.com/#',
    'https://app.example.com/account/{page}#{token}',
    'https://app.example.com/?lang=de#/{page}?token={token}',
  ])('mails may lead to an app with a router of its own: %s', (text) => {
    const config = loadConfig({ ...PRODUCTION, ...MAIL, LATCHKEY_APP_URL: text });
    expect(config.appUrl).toBe(text);
    expect(problemsOf({ ...PRODUCTION, ...MAIL, LATCHKEY_APP_URL: text.replace('https', 'http') })).toEqual([
      'LATCHKEY_APP_URL: must be https in production',
    ]);
  });

  it('a mail server is the only setting that mail needs in development', () => {
    const { LATCHKEY_SMTP_URL } = MAIL;
    const given = { ...DEVELOPMENT, LATCHKEY_SMTP_URL };
    expect(loadConfig(given).appUrl).toBe('http://localhost:4000/account');
    expect(loadConfig({ ...given, LATCHKEY_PAGES: 'off' }).appUrl).toBe('http://localhost:3000');
  });

  it('the pages of the server take the place of the app that mails lead to, also in production', () => {
    const { LATCHKEY_APP_URL, ...sending } = MAIL;
    const given = { ...PRODUCTION, LATCHKEY_PAGES: 'on' };
    expect(loadConfig({ ...given, ...sending }).appUrl).toBe('https://auth.example.com/account');
    expect(loadConfig({ ...given, ...sending, LATCHKEY_ISSUER: 'https://example.com/auth/' }).appUrl).toBe(
      'https://example.com/auth/account',
    );
    expect(loadConfig({ ...given, ...sending, LATCHKEY_APP_URL }).appUrl).toBe(LATCHKEY_APP_URL);
    expect(loadConfig(given)).not.toHaveProperty('appUrl');
    expect(problemsOf({ ...given, LATCHKEY_MAIL_FROM: MAIL.LATCHKEY_MAIL_FROM })).toEqual([
      'LATCHKEY_SMTP_URL: required in production to send mail',
    ]);
  });

  it.each<[string, SmtpServer]>([
    ['smtps://mail.example.com', { host: 'mail.example.com', port: 465, tls: 'from the start' }],
    ['smtp://mail.example.com', { host: 'mail.example.com', port: 587, tls: 'starttls' }],
    ['smtp://mail.example.com:25?tls=off', { host: 'mail.example.com', port: 25, tls: 'off' }],
    ['smtp://localhost:1025', { host: 'localhost', port: 1025, tls: 'off' }],
    ['smtp://[::1]:1025', { host: '::1', port: 1025, tls: 'off' }],
    [
      'smtps://ada%40example.com:p%2Fw%3F%@mail.example.com:4650/',
      {
        host: 'mail.example.com',
        port: 4_650,
        tls: 'from the start',
        login: { user: 'ada@example.com', pass: 'p/w?%' },
      },
    ],
  ])('LATCHKEY_SMTP_URL may be %s', (url, server) => {
    expect(loadConfig({ ...DEVELOPMENT, LATCHKEY_SMTP_URL: url }).smtp).toEqual({
      login: undefined,
      ...server,
    });
  });

  it.each([
    'smtp://user:pa/ss@mail.example.com',
    'smtps://user:pa#ss@mail.example.com',
    'smtp://us/er:pass@h',
  ])('an unencoded SMTP login is explained and not repeated: %s (AUD-2)', (LATCHKEY_SMTP_URL) => {
    const { message } = errorOf({ ...DEVELOPMENT, LATCHKEY_SMTP_URL });
    expect(message).toMatch(/LATCHKEY_SMTP_URL: .* percent-encoded, as in %2F for \/$/);
    expect(message).not.toMatch(/pa\/ss|pa#ss|us\/er/);
  });

  it.each([
    ['accounts@example.com', '', undefined],
    ['<accounts@example.com>', '', 'accounts@example.com'],
    ['Example <accounts@example.com>', 'Example', undefined],
    [' Acme  (Support)<accounts@example.com> ', 'Acme (Support)', 'Acme (Support) <accounts@example.com>'],
    ['"Acme, Inc." <accounts@example.com>', 'Acme, Inc.', undefined],
    [
      '"Acme: <us> @ home; \\"the best\\" \\\\" <accounts@example.com>',
      'Acme: <us> @ home; "the best" \\',
      undefined,
    ],
    [
      '"Acme, Inc." Support <accounts@example.com>',
      'Acme, Inc. Support',
      '"Acme, Inc. Support" <accounts@example.com>',
    ],
    ['"Acme" <accounts@example.com>', 'Acme', 'Acme <accounts@example.com>'],
    ['"" <accounts@example.com>', '', 'accounts@example.com'],
    ['Bücher <accounts@example.com>', 'Bücher', undefined],
  ])('LATCHKEY_MAIL_FROM may be %s', (text, name, shown = text) => {
    const config = loadConfig({ ...DEVELOPMENT, LATCHKEY_MAIL_FROM: text });
    expect(config.mailFrom).toEqual({ name, address: 'accounts@example.com' });
    const written = describeConfig(config).find((setting) => setting.name === 'LATCHKEY_MAIL_FROM')?.value;
    expect(written).toBe(shown);
    expect(loadConfig({ ...DEVELOPMENT, LATCHKEY_MAIL_FROM: shown }).mailFrom).toEqual(config.mailFrom);
  });

  it('LATCHKEY_MAIL_FROM may have an internationalised domain', () => {
    const LATCHKEY_MAIL_FROM = 'Bücher <info@bücher.example>';
    expect(loadConfig({ ...DEVELOPMENT, LATCHKEY_MAIL_FROM }).mailFrom?.address).toBe('info@bücher.example');
  });
});

describe('the master secret', () => {
  const secretsOf = (environment: Environment) => loadConfig({ ...DEVELOPMENT, ...environment }).secrets;

  it('the master secret is base64url, base64 or hex, one secret or a list', () => {
    expect(secretsOf({ LATCHKEY_SECRET: SECRET })).toEqual([BYTES]);
    expect(secretsOf({ LATCHKEY_SECRET: BYTES.toString('hex') })).toEqual([BYTES]);
    expect(secretsOf({ LATCHKEY_SECRET: BYTES.toString('hex').toUpperCase() })).toEqual([BYTES]);
    const base64 = '+/+/aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1cC2eF4=';
    expect(secretsOf({ LATCHKEY_SECRET: base64 })).toEqual([Buffer.from(base64, 'base64')]);
    expect(secretsOf({ LATCHKEY_SECRET: BYTES.toString('base64') })).toEqual([BYTES]);
    expect(secretsOf({ LATCHKEY_SECRET: `${OTHER_SECRET}, ${SECRET}=` })).toEqual([
      Buffer.from(OTHER_SECRET, 'hex'),
      BYTES,
    ]);
  });

  it.each<[string, string]>([
    ['is too short', randomBytes(31).toString('base64url')],
    ['is too short in hex', randomBytes(31).toString('hex')],
    ['lost a digit of its hex', OTHER_SECRET.slice(1)],
    ['mixes the two alphabets of base64', `${SECRET.slice(3)}-+/`],
    [
      'is base64 of two lines',
      `${randomBytes(24).toString('base64')}\n${randomBytes(24).toString('base64')}`,
    ],
    ['is a sentence', 'this is a very long sentence that somebody made up'],
    ['is in the list twice', `${SECRET},${BYTES.toString('hex')}`],
    ['has nothing behind a comma', `${SECRET},`],
    ['is short in second place', `${SECRET},${SECRET.slice(0, 20)}`],
  ])('the master secret is refused when it %s (KEY-1)', (_, secret) => {
    expectRefusal(secret);
  });

  it.each<[string, string]>([
    ['made of words', 'please-put-a-long-and-random-value-in-this-place'],
    ['an example', 'Your-256-Bit-Secret-Goes-Here-And-Is-Quite-Long-0'],
    ['a placeholder', 'ChangeMe_ChangeMe_ChangeMe_ChangeMe_ChangeMe_ChangeMe'],
    ['one letter repeated', 'a'.repeat(64)],
    ['all zeros', '0'.repeat(64)],
    ['bytes that count upwards', Buffer.from(Array.from({ length: 32 }, (_, byte) => byte)).toString('hex')],
    ['half of a secret twice', randomBytes(16).toString('hex').repeat(2)],
    ['16 bytes encoded in hex twice', Buffer.from(randomBytes(16).toString('hex')).toString('hex')],
    ['digits in order', '0123456789abcdef'.repeat(4)],
    [
      'the key of RFC 7515',
      'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
    ],
    [
      'the key of RFC 7515 in the other alphabet',
      'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr/T+1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow==',
    ],
  ])('the master secret is refused when it is %s (KEY-1)', (_, secret) => {
    expectRefusal(secret);
  });

  it('a random master secret is never refused', () => {
    for (let count = 0; count < 1_000; count++) {
      const bytes = randomBytes(32);
      expect(
        secretsOf({
          LATCHKEY_SECRET: `${bytes.toString('hex')},${randomBytes(32).toString('base64url')}`,
        })[0],
      ).toEqual(bytes);
    }
  });

  it('the master secret is read from a file, without its line break and a byte order mark', () => {
    const path = fileOf('given', `\ufeff${OTHER_SECRET},${SECRET}\r\n`, 0o640);

    const config = loadConfig({ ...DEVELOPMENT, LATCHKEY_SECRET_FILE: path });

    expect(config.secrets[1]).toEqual(BYTES);
    expect(config.secretFile?.path).toBe(path);
    expect(config.warnings).toEqual([]);
  });

  it.each<[string, () => Environment]>([
    ['can be read by every user', () => ({ LATCHKEY_SECRET_FILE: fileOf('open', SECRET, 0o644) })],
    ['is not there', () => ({ LATCHKEY_SECRET_FILE: join(folder, 'nowhere') })],
    ['is a folder', () => ({ LATCHKEY_SECRET_FILE: mkdtempSync(join(folder, 'closed-')) })],
    ['is empty', () => ({ LATCHKEY_SECRET_FILE: fileOf('empty', '', 0o600) })],
    ['holds a weak secret', () => ({ LATCHKEY_SECRET_FILE: fileOf('weak', 'a'.repeat(64), 0o600) })],
    [
      'holds bytes that are not text',
      () => ({ LATCHKEY_SECRET_FILE: fileOf('binary', randomBytes(32), 0o600) }),
    ],
    ['has the secret itself as its path', () => ({ LATCHKEY_SECRET_FILE: SECRET })],
    [
      'is given along with LATCHKEY_SECRET',
      () => ({ LATCHKEY_SECRET_FILE: fileOf('both', SECRET, 0o600), LATCHKEY_SECRET: OTHER_SECRET }),
    ],
  ])('the master secret is refused when its file %s (KEY-1)', (_, environment) => {
    const { message, problems } = errorOf({ ...DEVELOPMENT, ...environment() });

    expect(problems).toEqual([expect.stringMatching(/^LATCHKEY_SECRET_FILE: /)]);
    expect(message).not.toContain(SECRET);
    expect(message).not.toContain(OTHER_SECRET);
  });

  it.each([0o622, 0o602, 0o606, 0o666])(
    'the master secret is refused when every user may change its file, which has mode %o (KEY-1)',
    (mode) => {
      const LATCHKEY_SECRET_FILE = fileOf('writable', SECRET, mode);
      expect(problemsOf({ ...DEVELOPMENT, LATCHKEY_SECRET_FILE })).toEqual([
        expect.stringMatching(/^LATCHKEY_SECRET_FILE: can be changed by every user .* chmod 600 it$/),
      ]);
    },
  );

  const asRoot = userInfo().uid === 0 ? it : it.skip;
  asRoot.each([0o444, 0o644])(
    'a secret file of another user that every user may read, of mode %o, is accepted with a warning',
    (mode) => {
      const path = fileOf('foreign', SECRET, mode);
      chownSync(path, 1_000, 1_000);
      const config = loadConfig({ ...DEVELOPMENT, LATCHKEY_SECRET_FILE: path });
      expect(config.secrets).toEqual([BYTES]);
      expect(config.warnings).toEqual([
        expect.stringMatching(/^LATCHKEY_SECRET_FILE: can be read by every user .*mode 0400/),
      ]);
      expect(config.warnings.join()).not.toContain(SECRET);
      chmodSync(path, 0o646);
      expect(problemsOf({ ...DEVELOPMENT, LATCHKEY_SECRET_FILE: path })).toEqual([
        expect.stringMatching(/can be changed by every user/),
      ]);
    },
  );

  const onReadOnlyMount = canMount() ? it : it.skip;
  onReadOnlyMount.each([
    [0o444, 1],
    [0o666, 1],
    [0o400, 0],
  ])('a secret file on a read-only mount is accepted in any mode: %o', (mode, warnings) => {
    const mounted = mkdtempSync(join(folder, 'mounted-'));
    run('mount', '-t', 'tmpfs', 'tmpfs', mounted);
    try {
      writeFileSync(join(mounted, 'secret'), SECRET);
      chmodSync(join(mounted, 'secret'), mode);
      run('mount', '-o', 'remount,ro', mounted);
      const LATCHKEY_SECRET_FILE = join(mounted, 'secret');
      const config = loadConfig({ ...DEVELOPMENT, LATCHKEY_SECRET_FILE });
      expect(config.secrets).toEqual([BYTES]);
      expect(config.warnings).toHaveLength(warnings);
    } finally {
      run('umount', mounted);
    }
  });

  it('a development server makes its master secret once, beside its database, for its user alone', () => {
    const data = join(folder, 'made', 'data');
    const environment = { DATABASE_URL: `file:${data}/latchkey.db` };

    const config = loadConfig(environment);

    const path = join(data, 'secret');
    expect(loadConfig(environment).secrets).toEqual(config.secrets);
    expect(config.secrets[0]?.byteLength).toBe(32);
    expect(readdirSync(data)).toEqual(['secret']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(data).mode & 0o777).toBe(0o700);
    expect(config.notes).toEqual([expect.stringContaining(path)]);
    expect(config.warnings).toEqual([]);
    expect(config.notes.join()).not.toContain(readFileSync(path, 'utf8').trim());
  });

  it('a development server refuses the master secret that it made once every user may read it (KEY-1)', () => {
    const environment = { DATABASE_URL: `file://${folder}/opened/latchkey.db` };
    loadConfig(environment);
    chmodSync(join(folder, 'opened', 'secret'), 0o644);

    expect(problemsOf(environment)).toEqual([expect.stringMatching(/^LATCHKEY_SECRET: .*every user/)]);
  });

  it('no master secret is made when a setting is wrong', () => {
    problemsOf({ DATABASE_URL: `file:${folder}/unmade/latchkey.db`, PORT: 'http' });
    expect(readdirSync(folder)).not.toContain('unmade');
  });

  it('a server with a database in memory makes a new master secret at each start', () => {
    const [first, second] = [loadConfig(DEVELOPMENT), loadConfig(DEVELOPMENT)];
    expect(first.secrets).not.toEqual(second.secrets);
    expect(first.notes).toHaveLength(1);
  });

  function expectRefusal(secret: string): void {
    const { message, problems } = errorOf({ ...DEVELOPMENT, LATCHKEY_SECRET: secret });
    expect(problems).toEqual([expect.stringMatching(/^LATCHKEY_SECRET: /)]);
    for (const part of secret.split(',').filter((text) => text !== '')) expect(message).not.toContain(part);
  }
});

describe('describeConfig', () => {
  it('describeConfig shows every setting as it would be written', () => {
    const shown = shownFor({
      ...PRODUCTION,
      LATCHKEY_ACCESS_TOKEN_TTL: '90s',
      LATCHKEY_CORS_ORIGINS: 'https://a.example',
    });

    expect(Object.keys(shown)).toEqual(Object.values(SETTINGS).map(({ name }) => name));
    expect(shown).toMatchObject({
      NODE_ENV: 'production',
      LATCHKEY_ACCESS_TOKEN_TTL: '90s',
      LATCHKEY_SESSION_IDLE_TTL: '14d',
      LATCHKEY_INTROSPECTION: 'off',
      LATCHKEY_CORS_ORIGINS: 'https://a.example',
      LATCHKEY_TRUST_PROXY: '',
      LATCHKEY_SECRET_FILE: '',
    });
    expect(
      shownFor({ ...PRODUCTION, LATCHKEY_REFRESH_RETRY_WINDOW: '0s' }).LATCHKEY_REFRESH_RETRY_WINDOW,
    ).toBe('0s');
  });

  it('describeConfig masks secrets and passwords (AUD-2)', () => {
    const shown = shownFor({
      ...PRODUCTION,
      LATCHKEY_SECRET: `${SECRET},${OTHER_SECRET}`,
      DATABASE_URL: 'postgres://latchkey:hunter2@db.example/latchkey?sslpassword=hunter2&sslmode=require',
    });

    expect(shown.LATCHKEY_SECRET).toBe('*** (2 secrets)');
    expect(shown.DATABASE_URL).toBe(
      'postgres://latchkey:***@db.example/latchkey?sslpassword=***&sslmode=require',
    );
    expect(JSON.stringify(shown)).not.toContain('hunter2');
    const mail = {
      LATCHKEY_SMTP_URL: 'smtps://ada%40example.com:hunter2@mail.example.com',
      LATCHKEY_MAIL_FROM: 'Example <accounts@example.com>',
      LATCHKEY_APP_URL: 'https://app.example.com',
    };
    expect(shownFor({ ...PRODUCTION, ...mail })).toMatchObject({
      LATCHKEY_SMTP_URL: 'smtps://ada%40example.com:***@mail.example.com:465',
      LATCHKEY_MAIL_FROM: 'Example <accounts@example.com>',
    });
  });

  function shownFor(environment: Environment) {
    return Object.fromEntries(
      describeConfig(loadConfig(environment)).map(({ name, value }) => [name, value]),
    );
  }
});

function run(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { env: cleanEnvironment() }).status === 0;
}

function canMount(): boolean {
  const probe = mkdtempSync(join(folder, 'probe-'));
  return run('mount', '-t', 'tmpfs', 'tmpfs', probe) && run('umount', probe);
}

function errorOf(environment: Environment): ConfigError {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the environment was accepted');
}

function problemsOf(environment: Environment): readonly string[] {
  return errorOf(environment).problems;
}

function fileOf(name: string, content: string | Buffer, mode: number): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}
