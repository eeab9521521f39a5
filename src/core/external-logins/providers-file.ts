import type { KeyObject } from 'node:crypto';
import { objectAt, type Report, recordAt, textsAt } from '../../platform/json-shape.ts';

/*
 * The providers by whose accounts people log in, as LATCHKEY_PROVIDERS_FILE has them:
 *
 *   {"providers": {
 *     "google": {"clientId": "…", "clientSecretEnv": "GOOGLE_SECRET"},
 *     "work":   {"issuer": "https://…", "clientId": "…", "clientSecretFile": "…", "authoritativeFor": ["example.com"]}}}
 *
 * A name that is one of the presets brings everything but the client along. Any other provider has an issuer, whose
 * discovery document says the rest (OpenID Connect Discovery), or the three URLs of an OAuth 2 server and a mapping.
 */

/** Where a secret is read from when the configuration is: an environment variable, or a file. */
export type SecretSource = { readonly env: string } | { readonly file: string };

interface CommonDefinition {
  /** In the path of the callback, in the API, and in the audit trail. */
  readonly name: string;
  /** What people read on a button. */
  readonly displayName: string;
  readonly clientId: string;
  readonly secret: SecretSource;
  readonly scopes: readonly string[];
  /** Domains, canonical, whose addresses the provider alone gives out: it proves them. */
  readonly authoritativeFor: readonly string[];
}

/** How an OpenID provider differs from what the standard says. */
export type OidcPreset = 'google' | 'microsoft' | 'apple';

export interface OidcDefinition extends CommonDefinition {
  readonly protocol: 'oidc';
  readonly issuer: string;
  readonly preset: OidcPreset | undefined;
  /** How the answer comes back, where it is no query (OAuth 2.0 Form Post Response Mode). */
  readonly responseMode: 'form_post' | undefined;
  /** Whose key signs the client secret, at Apple. */
  readonly signer: { readonly teamId: string; readonly keyId: string } | undefined;
}

/** Where the answer of the user's URL has what; names with dots between them lead into objects. */
export interface Mapping {
  readonly subject: string;
  readonly email: string | undefined;
  readonly emailVerified: string | undefined;
  readonly name: string | undefined;
}

export interface OAuth2Definition extends CommonDefinition {
  readonly protocol: 'oauth2';
  readonly authorizationUrl: string;
  readonly tokenUrl: string;
  /** Answers with JSON about the owner of an access token. It is also the issuer of the identities. */
  readonly userUrl: string;
  /** Answers with the list of addresses that GitHub knows. */
  readonly emailsUrl: string | undefined;
  readonly mapping: Mapping;
}

export type ProviderDefinition = OidcDefinition | OAuth2Definition;

/** A provider with what its definition only points to. */
export type Provider = ProviderDefinition & {
  /** What proves this server to the provider: a text, or at Apple the key that signs one. */
  readonly clientSecret: string | KeyObject;
};

/** It stands in a URL. */
const NAME = /^[a-z][a-z0-9-]{0,31}$/;
const PRESETS = ['google', 'microsoft', 'apple', 'github'] as const;
type Preset = (typeof PRESETS)[number];
const DISPLAY_NAMES = { google: 'Google', microsoft: 'Microsoft', apple: 'Apple', github: 'GitHub' };
const MOST_PROVIDERS = 20;
const LONGEST_TEXT = 500;
const LONGEST_DISPLAY_NAME = 60;

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Accounts of more than one tenant: each of them decides which addresses its accounts have. */
const MANY_TENANTS = ['common', 'organizations'];

const KEYS_OF_ALL = ['displayName', 'clientId', 'scopes', 'authoritativeFor'];
const KEYS_OF_SECRET = ['clientSecretEnv', 'clientSecretFile'];
const KEYS_OF_KEY = ['privateKeyEnv', 'privateKeyFile'];
const KEYS: Readonly<Record<Preset | 'oidc' | 'oauth2', readonly string[]>> = {
  google: [...KEYS_OF_ALL, ...KEYS_OF_SECRET],
  microsoft: [...KEYS_OF_ALL, ...KEYS_OF_SECRET, 'tenant'],
  apple: [...KEYS_OF_ALL, ...KEYS_OF_KEY, 'teamId', 'keyId'],
  github: [...KEYS_OF_ALL, ...KEYS_OF_SECRET],
  oidc: [...KEYS_OF_ALL, ...KEYS_OF_SECRET, 'issuer', 'responseMode'],
  oauth2: [...KEYS_OF_ALL, ...KEYS_OF_SECRET, 'authorizationUrl', 'tokenUrl', 'userUrl', 'mapping'],
};

/** Reads the file. `report` hears of each problem, and then the result is of no use. */
export function readProviders(value: unknown, report: Report): readonly ProviderDefinition[] {
  const file = objectAt(value, '', ['providers'], report);
  const entries = Object.entries(recordAt(file.providers, 'providers', report));
  if (entries.length > MOST_PROVIDERS) {
    report('providers', `has more than ${MOST_PROVIDERS} providers`);
    return [];
  }
  return entries.map(([name, provider]) => readProvider(name, provider, report));
}

/** The URLs of a provider that are written in the file. */
export function urlsOf(provider: ProviderDefinition): string[] {
  if (provider.protocol === 'oidc') return [provider.issuer];
  return [provider.authorizationUrl, provider.tokenUrl, provider.userUrl];
}

function readProvider(name: string, value: unknown, report: Report): ProviderDefinition {
  const isNamed = NAME.test(name);
  const path = isNamed ? `providers.${name}` : `providers[${JSON.stringify(name.slice(0, 64))}]`;
  if (!isNamed) report(path, 'is no name: 1 to 32 lower-case letters, digits and -, the first one a letter');
  const kind = kindOf(
    name,
    recordAt(value, path, () => {}),
  );
  const provider = objectAt(value, path, KEYS[kind], report);
  const text = (key: string) => textAt(provider[key], `${path}.${key}`, report);
  const common = {
    name,
    displayName: displayNameAt(provider.displayName, `${path}.displayName`, report) ?? displayNameOf(name),
    clientId: text('clientId'),
    secret: secretAt(provider, { path, keys: kind === 'apple' ? KEYS_OF_KEY : KEYS_OF_SECRET }, report),
    authoritativeFor: domainsAt(provider.authoritativeFor, `${path}.authoritativeFor`, report),
  };
  const scopes = (usual: readonly string[]) => scopesAt(provider.scopes, `${path}.scopes`, report) ?? usual;
  const url = (key: string) => urlAt(provider[key], `${path}.${key}`, report);

  if (kind === 'github')
    return {
      ...common,
      protocol: 'oauth2',
      authorizationUrl: 'https://github.com/login/oauth/authorize',
      tokenUrl: 'https://github.com/login/oauth/access_token',
      userUrl: 'https://api.github.com/user',
      emailsUrl: 'https://api.github.com/user/emails',
      scopes: scopes(['read:user', 'user:email']),
      mapping: { subject: 'id', email: undefined, emailVerified: undefined, name: 'name' },
    };
  if (kind === 'oauth2')
    return {
      ...common,
      protocol: 'oauth2',
      authorizationUrl: url('authorizationUrl'),
      tokenUrl: url('tokenUrl'),
      userUrl: url('userUrl'),
      emailsUrl: undefined,
      scopes: scopes([]),
      mapping: mappingAt(provider.mapping, `${path}.mapping`, report),
    };
  const oidc = { ...common, protocol: 'oidc', responseMode: undefined, signer: undefined } as const;
  // Apple knows no `profile`, and sends a form where it is asked for a name.
  const usual = scopes(['openid', 'email', kind === 'apple' ? 'name' : 'profile']);
  if (!usual.includes('openid')) report(`${path}.scopes`, 'must hold openid');
  if (kind === 'google')
    return { ...oidc, preset: kind, issuer: 'https://accounts.google.com', scopes: usual };
  if (kind === 'microsoft') {
    const tenant = tenantAt(provider, path, report);
    const issuer = `https://login.microsoftonline.com/${tenant}/v2.0`;
    return { ...oidc, preset: kind, issuer, scopes: usual };
  }
  if (kind === 'apple')
    return {
      ...oidc,
      preset: kind,
      issuer: 'https://appleid.apple.com',
      scopes: usual,
      responseMode: 'form_post',
      signer: { teamId: text('teamId'), keyId: text('keyId') },
    };
  const { responseMode } = provider;
  if (responseMode !== undefined && responseMode !== 'query' && responseMode !== 'form_post')
    report(`${path}.responseMode`, 'must be query or form_post');
  return {
    ...oidc,
    preset: undefined,
    issuer: issuerAt(provider.issuer, `${path}.issuer`, report),
    scopes: usual,
    responseMode: responseMode === 'form_post' ? responseMode : undefined,
  };
}

function kindOf(name: string, provider: Record<string, unknown>): keyof typeof KEYS {
  if ((PRESETS as readonly string[]).includes(name)) return name as Preset;
  return 'authorizationUrl' in provider ? 'oauth2' : 'oidc';
}

function displayNameOf(name: string): string {
  return Object.hasOwn(DISPLAY_NAMES, name) ? DISPLAY_NAMES[name as Preset] : name;
}

function textAt(value: unknown, path: string, report: Report): string {
  if (typeof value === 'string' && value !== '' && value.length <= LONGEST_TEXT && !/\p{Cc}/u.test(value))
    return value;
  report(path, value === undefined ? 'is missing' : `must be a text of at most ${LONGEST_TEXT} characters`);
  return '';
}

function displayNameAt(value: unknown, path: string, report: Report): string | undefined {
  if (value === undefined) return undefined;
  const text = textAt(value, path, report);
  if (text.length > LONGEST_DISPLAY_NAME) report(path, `has more than ${LONGEST_DISPLAY_NAME} characters`);
  return text;
}

/** Exactly one of two keys says where the secret is. */
function secretAt(
  provider: Record<string, unknown>,
  { path, keys: [env = '', file = ''] }: { path: string; keys: readonly string[] },
  report: Report,
): SecretSource {
  if ((provider[env] === undefined) === (provider[file] === undefined)) {
    report(path, `must have either ${env} or ${file}`);
    return { file: '' };
  }
  if (provider[file] !== undefined) return { file: textAt(provider[file], `${path}.${file}`, report) };
  const name = textAt(provider[env], `${path}.${env}`, report);
  // Variables of that prefix are settings, and a name that is none of them stops the start.
  if (name.startsWith('LATCHKEY_')) report(`${path}.${env}`, 'must not begin with LATCHKEY_');
  return { env: name };
}

function scopesAt(value: unknown, path: string, report: Report): readonly string[] | undefined {
  const scopes = textsAt(value, path, report);
  // RFC 6749 §3.3.
  for (const [i, scope] of scopes.entries())
    if (!/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/.test(scope)) report(`${path}[${i}]`, 'is no scope');
  return value === undefined ? undefined : scopes;
}

function domainsAt(value: unknown, path: string, report: Report): readonly string[] {
  const domains = textsAt(value, path, report);
  for (const [i, domain] of domains.entries())
    if (!/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,}$/.test(domain))
      report(
        `${path}[${i}]`,
        'must be a domain in lower case, as in example.com, and xn--… for other letters',
      );
  return domains;
}

function urlAt(value: unknown, path: string, report: Report): string {
  const text = textAt(value, path, report);
  if (text === '') return text;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isHttp = url?.protocol === 'https:' || url?.protocol === 'http:';
  if (!isHttp || url.username !== '' || url.password !== '' || text.includes('#'))
    report(path, 'must be an absolute http(s) URL without credentials and fragment');
  return text;
}

/** The library does not compare the issuer of a document whose own address it is given. */
function issuerAt(value: unknown, path: string, report: Report): string {
  const issuer = urlAt(value, path, report);
  if (issuer.includes('?') || issuer.includes('/.well-known/'))
    report(path, 'must be the issuer itself, without a query and /.well-known/');
  return issuer;
}

function tenantAt(provider: Record<string, unknown>, path: string, report: Report): string {
  const tenant = textAt(provider.tenant, `${path}.tenant`, report);
  const isMany = MANY_TENANTS.includes(tenant);
  if (tenant !== '' && !isMany && !GUID.test(tenant))
    report(
      `${path}.tenant`,
      `must be the id of a tenant, in lower case, or one of ${MANY_TENANTS.join(', ')}`,
    );
  // Anybody can have a tenant, and give its accounts any address.
  if (isMany && provider.authoritativeFor !== undefined)
    report(`${path}.authoritativeFor`, 'cannot be given where accounts of many tenants log in');
  return tenant;
}

function mappingAt(value: unknown, path: string, report: Report): Mapping {
  const mapping = objectAt(value, path, ['subject', 'email', 'emailVerified', 'name'], report);
  const place = (key: string) =>
    mapping[key] === undefined ? undefined : textAt(mapping[key], `${path}.${key}`, report);
  return {
    subject: textAt(mapping.subject, `${path}.subject`, report),
    email: place('email'),
    emailVerified: place('emailVerified'),
    name: place('name'),
  };
}
