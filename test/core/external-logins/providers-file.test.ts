import { generateKeyPairSync, KeyObject, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { ConfigError } from '../../../src/config/config.ts';
import { describeConfig, loadConfig } from '../../../src/config/load.ts';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-providers-'));
afterAll(() => rmSync(folder, { recursive: true }));

function written(content: string, name = 'providers.json'): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const SECRET = 'a secret of the client';
const ENVIRONMENT = { LATCHKEY_SECRET: randomBytes(32).toString('hex'), WORK_SECRET: SECRET };
const PRODUCTION = { NODE_ENV: 'production', LATCHKEY_ISSUER: 'https://id.example.com' };
const WORK = { issuer: 'https://login.example.com', clientId: 'latchkey', clientSecretEnv: 'WORK_SECRET' };
const FORGE = {
  ...{ clientId: 'latchkey', clientSecretEnv: 'WORK_SECRET' },
  authorizationUrl: 'https://forge.example.com/authorize',
  tokenUrl: 'https://forge.example.com/token',
  userUrl: 'https://forge.example.com/api/user',
  mapping: { subject: 'id' },
};

const environmentOf = (providers: unknown, more: object = {}) => ({
  ...ENVIRONMENT,
  LATCHKEY_PROVIDERS_FILE: written(JSON.stringify({ providers })),
  ...more,
});

/** What is wrong with the environment. */
function problemsOf(providers: unknown, more: object = {}): readonly string[] {
  try {
    loadConfig(environmentOf(providers, more));
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe('LATCHKEY_PROVIDERS_FILE', () => {
  it('presets bring everything but the client, and other providers say what they are', () => {
    const client = { clientId: 'c', clientSecretEnv: 'WORK_SECRET' };
    const { providers } = loadConfig(
      environmentOf({
        google: client,
        microsoft: { ...client, tenant: '11111111-2222-4333-8444-555555555555' },
        github: client,
        work: { ...WORK, displayName: 'Example Inc.', authoritativeFor: ['example.com'] },
        forge: FORGE,
      }),
    );
    expect(providers.map(({ name, displayName, protocol }) => [name, displayName, protocol])).toEqual([
      ['google', 'Google', 'oidc'],
      ['microsoft', 'Microsoft', 'oidc'],
      ['github', 'GitHub', 'oauth2'],
      ['work', 'Example Inc.', 'oidc'],
      ['forge', 'forge', 'oauth2'],
    ]);
    expect(providers[1]).toMatchObject({
      issuer: 'https://login.microsoftonline.com/11111111-2222-4333-8444-555555555555/v2.0',
    });
    expect(providers[3]).toMatchObject({ scopes: ['openid', 'email', 'profile'], clientSecret: SECRET });
  });

  it('a secret is read from a variable or a file, and is in no description of the configuration', () => {
    const path = written(`${SECRET}\n`, 'secret');
    const { clientSecretEnv: _, ...rest } = WORK;
    const config = loadConfig(environmentOf({ work: { ...rest, clientSecretFile: path } }));
    expect(config.providers[0]?.clientSecret).toBe(SECRET);
    expect(JSON.stringify(describeConfig(config))).not.toContain(SECRET);
    expect(describeConfig(config)).toContainEqual({
      name: 'LATCHKEY_PROVIDERS_FILE',
      value: join(folder, 'providers.json'),
    });
  });

  it('the key of Apple is read from PEM, also where `\\n` stands for the ends of lines', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const apple = { clientId: 'c', teamId: 'T', keyId: 'K' };
    for (const key of [pem, pem.replaceAll('\n', '\\n')]) {
      const { providers } = loadConfig(
        environmentOf({ apple: { ...apple, privateKeyEnv: 'KEY' } }, { KEY: key }),
      );
      expect(providers[0]?.clientSecret).toBeInstanceOf(KeyObject);
    }
    const wrong = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;
    for (const key of ['nonsense', String(wrong.export({ type: 'pkcs8', format: 'pem' }))])
      expect(problemsOf({ apple: { ...apple, privateKeyEnv: 'KEY' } }, { KEY: key })).toEqual([
        'LATCHKEY_PROVIDERS_FILE: providers.apple: its key is no private key of P-256 in PEM',
      ]);
  });

  const client = { clientId: 'c', clientSecretEnv: 'WORK_SECRET' };
  it.each<[what: string, providers: unknown, problem: string]>([
    ['no providers', undefined, 'providers is missing'],
    ['a name that cannot stand in a URL', { 'Work!': WORK }, 'providers["Work!"] is no name'],
    ['a misspelt key', { work: { ...WORK, isuer: 'x' } }, 'providers.work.isuer is unknown'],
    ['no client', { work: { ...WORK, clientId: undefined } }, 'providers.work.clientId is missing'],
    [
      'no secret',
      { work: { ...WORK, clientSecretEnv: undefined } },
      'providers.work must have either clientSecretEnv or clientSecretFile',
    ],
    [
      'two secrets',
      { work: { ...WORK, clientSecretFile: 'x' } },
      'providers.work must have either clientSecretEnv or clientSecretFile',
    ],
    [
      'a secret in a variable of this server',
      { work: { ...WORK, clientSecretEnv: 'LATCHKEY_WORK' } },
      'providers.work.clientSecretEnv must not begin with LATCHKEY_',
    ],
    [
      'a variable that is not set',
      { work: { ...WORK, clientSecretEnv: 'NO_SUCH' } },
      'providers.work: the variable that the file names is not set',
    ],
    [
      'a file that is not there',
      { work: { ...WORK, clientSecretEnv: undefined, clientSecretFile: '/nowhere' } },
      'providers.work: the file of its secret cannot be read (ENOENT)',
    ],
    [
      'an issuer that is no URL',
      { work: { ...WORK, issuer: 'login' } },
      'providers.work.issuer must be an absolute http(s) URL',
    ],
    [
      'the address of a document',
      { work: { ...WORK, issuer: 'https://a.example/.well-known/openid-configuration' } },
      'providers.work.issuer must be the issuer itself',
    ],
    [
      'an issuer with a query',
      { work: { ...WORK, issuer: 'https://a.example/?x=y' } },
      'providers.work.issuer must be the issuer itself',
    ],
    [
      'an issuer with credentials',
      { work: { ...WORK, issuer: 'https://a:b@a.example' } },
      'providers.work.issuer must be an absolute',
    ],
    [
      'an issuer for a preset',
      { google: { ...client, issuer: 'https://a.example' } },
      'providers.google.issuer is unknown',
    ],
    [
      'scopes without openid',
      { work: { ...WORK, scopes: ['email'] } },
      'providers.work.scopes must hold openid',
    ],
    [
      'a scope with a space',
      { work: { ...WORK, scopes: ['openid', 'a b'] } },
      'providers.work.scopes[1] is no scope',
    ],
    [
      'a domain with an @',
      { work: { ...WORK, authoritativeFor: ['@example.com'] } },
      'providers.work.authoritativeFor[0] must be a domain',
    ],
    [
      'a domain in capitals',
      { work: { ...WORK, authoritativeFor: ['Example.com'] } },
      'providers.work.authoritativeFor[0] must be a domain',
    ],
    [
      'every domain',
      { work: { ...WORK, authoritativeFor: ['*'] } },
      'providers.work.authoritativeFor[0] must be a domain',
    ],
    [
      'a response mode',
      { work: { ...WORK, responseMode: 'fragment' } },
      'providers.work.responseMode must be query or form_post',
    ],
    ['Microsoft without a tenant', { microsoft: client }, 'providers.microsoft.tenant is missing'],
    [
      'a tenant by its domain',
      { microsoft: { ...client, tenant: 'example.com' } },
      'providers.microsoft.tenant must be the id of a tenant',
    ],
    [
      'many tenants that prove addresses',
      { microsoft: { ...client, tenant: 'common', authoritativeFor: ['example.com'] } },
      'providers.microsoft.authoritativeFor cannot be given',
    ],
    [
      'Apple without a team',
      { apple: { clientId: 'c', privateKeyEnv: 'WORK_SECRET', keyId: 'k' } },
      'providers.apple.teamId is missing',
    ],
    [
      'a mapping without a subject',
      { forge: { ...FORGE, mapping: {} } },
      'providers.forge.mapping.subject is missing',
    ],
    ['no mapping', { forge: { ...FORGE, mapping: undefined } }, 'providers.forge.mapping is missing'],
    [
      'a name that is a control',
      { work: { ...WORK, displayName: '\u0000' } },
      'providers.work.displayName must be a text',
    ],
    [
      'too many providers',
      Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`w${i}`, WORK])),
      'providers has more than 20 providers',
    ],
  ])('a file with %s is refused, and its problem quotes no secret', (_what, providers, problem) => {
    const problems = problemsOf(providers);
    expect(problems).toContainEqual(expect.stringContaining(`LATCHKEY_PROVIDERS_FILE: ${problem}`));
    expect(problems.join()).not.toContain(SECRET);
  });

  it('a provider may have the name of something that every object has', () => {
    const { providers } = loadConfig(environmentOf({ constructor: WORK }));
    expect(providers).toEqual([expect.objectContaining({ name: 'constructor', displayName: 'constructor' })]);
  });

  it('each problem is said once', () => {
    const apple = { clientId: 'c', teamId: 't', keyId: 'k', privateKeyFile: '/x', scopes: ['openid', 'a b'] };
    const problems = problemsOf({ apple }).filter((problem) => problem.includes('scopes'));
    expect(problems).toEqual(['LATCHKEY_PROVIDERS_FILE: providers.apple.scopes[1] is no scope']);
  });

  it.each([
    ['{"providers": {\n  "work": {"clientId": "a",}}}', 'line 2, column 28'],
    [`{"providers": {"work": {"clientId": "${SECRET}`, 'line 1, column 60'],
    ['{"providers":\n', 'line 2, column 1'],
  ])('a file that is no JSON is refused with the place: %j', (content, place) => {
    const path = written(content, 'broken.json');
    expect(problemsOf({}, { LATCHKEY_PROVIDERS_FILE: path })).toEqual([
      `LATCHKEY_PROVIDERS_FILE: the file is no JSON: ${place}`,
    ]);
  });

  it('plain HTTP is for development alone', () => {
    const local = { ...WORK, issuer: 'HTTP://127.0.0.1:8080' };
    const forge = { ...FORGE, userUrl: 'http://127.0.0.1:8080/user' };
    expect(problemsOf({ local, forge })).toEqual([]);
    expect(problemsOf({ local, forge }, PRODUCTION)).toEqual(
      ['local', 'forge'].map(
        (name) => `LATCHKEY_PROVIDERS_FILE: providers.${name}: every URL must be https in production`,
      ),
    );
  });

  it.each([
    'javascript:/x',
    'data:/x',
    'file:/x',
    'blob:/x',
    'com.example.app:',
    'com.example.app:/a#b',
    'a b:/c',
  ])('people are led nowhere by LATCHKEY_REDIRECT_ORIGINS=%s', (text) => {
    expect(problemsOf({}, { LATCHKEY_REDIRECT_ORIGINS: text })).toEqual([
      expect.stringContaining('LATCHKEY_REDIRECT_ORIGINS: must be origins'),
    ]);
  });

  it('an address of an app stands in LATCHKEY_REDIRECT_ORIGINS whole', () => {
    const text = 'https://app.example.com,com.example.app:/signed-in,capacitor://localhost';
    const { redirectOrigins } = loadConfig(environmentOf({}, { LATCHKEY_REDIRECT_ORIGINS: text }));
    expect(redirectOrigins).toEqual(text.split(','));
  });
});
