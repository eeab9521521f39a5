import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import {
  buildASTSchema,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isObjectType,
  parse,
} from 'graphql';
import { ERRORS } from '../src/errors.ts';
import { markedFields, numberOf } from '../src/graphql/marks.ts';
import { publicFields } from '../src/graphql/rules/public.ts';
import { readTypeDefs } from '../src/graphql/type-defs.ts';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));
const PACKAGES = fileURLToPath(new URL('../packages/', import.meta.url));

/** Of `core`, from the lowest to the highest: each may know those before it. */
const CORE = [
  'audit',
  'rate-limits',
  'mail',
  'users',
  'roles',
  'tokens',
  'one-time-tokens',
  'passwords',
  'sessions',
  'service-accounts',
  'passkeys',
  'factors',
  'external-logins',
  'login',
  'operators',
];

/** Features, which know no other feature. */
const FEATURES = [
  'account',
  'admin',
  'email-changes',
  'email-verifications',
  'external-logins',
  'housekeeping',
  'impersonations',
  'magic-links',
  'mfa',
  'passkeys',
  'password-resets',
  'roles',
  'service-accounts',
  'transfers',
];

/** What each folder may import beside itself, `platform` and the table of errors. */
const LAYERS: Readonly<Record<string, readonly RegExp[]>> = {
  platform: [],
  crypto: [],
  database: [],
  config: [/^crypto\//, /^core\/(roles\/(roles-file|claims-template)|external-logins\/providers-file)$/],
  metrics: [/^database\/database$/, /^http\/access-log$/],
  graphql: [/^core\/[^/]+\/service$/, /^core\/tokens\/access-token$/],
  http: [/^graphql\//, /^config\/config$/, /^core\/[^/]+\/service$/],
  cli: [
    /^(app|main)$/,
    /^(config|crypto|database)\//,
    /^features\/(transfers\/(row|service)|external-logins\/providers)$/,
    /^core\//,
  ],
};

const MOST_LINES = 300;
const MOST_LINES_OF_A_FUNCTION = 150;

/** Files and functions that are longer, each with the reason. */
const LONG: Readonly<Record<string, string>> = {
  'graphql/generated': 'Codegen writes it from the schema.',
};

interface Import {
  readonly from: string;
  readonly to: string;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.replace(/\.ts$/, ''));

function source(file: string): string {
  return readFileSync(join(SRC, `${file}.ts`), 'utf8');
}

function importsOf(file: string): Import[] {
  const found = source(file).matchAll(
    /(?:import|export)\s+(?:type\s)?(?:[^'"]*?\sfrom\s+)?['"](\.[^'"]+)['"]|import\(\s*['"](\.[^'"]+)['"]/g,
  );
  return [...found].map((match) => ({
    from: file,
    to: normalize(join(dirname(file), match[1] ?? match[2] ?? '')).replace(/\.ts$/, ''),
  }));
}

const imports = files.flatMap(importsOf);

/** `core/users` and `features/account`: a folder of one subject. */
function moduleOf(file: string): string | undefined {
  return /^(?:core|features)\/[^/]+(?=\/)/.exec(file)?.[0];
}

function isHigher(module: string, other: string): boolean {
  if (module.startsWith('features/')) return true;
  return other.startsWith('core/') && CORE.indexOf(module.slice(5)) > CORE.indexOf(other.slice(5));
}

/** The types of what a module declares. */
const DECLARATIONS = /^core\/(mail\/templates|one-time-tokens\/purpose)$/;

/** The rules of who may import what; `undefined` when an import is in order, else what is wrong with it. */
function verdictOn({ from, to }: Import): string | undefined {
  const isForAll = to.startsWith('platform/') || to === 'errors';
  const allowed = (...patterns: RegExp[]) =>
    isForAll || patterns.some((pattern) => pattern.test(to)) ? undefined : `${from} → ${to}`;

  // Core's own composition, and the form in which core and features declare what they add.
  if (from === 'core/core')
    return allowed(/^core\//, /^config\/config$/, /^crypto\/argon2$/, /^database\/database$/);
  if (from === 'core/feature') return allowed(DECLARATIONS, /^graphql\/generated$/);

  const [own, other] = [moduleOf(from), moduleOf(to)];
  if (own !== undefined) {
    if (other !== undefined && other !== own && isHigher(other, own)) return `${from} ↑ ${to}`;
    if (from.endsWith('/resolvers')) return allowed(new RegExp(`^${own}/`), /^graphql\/(context|generated)$/);
    if (from.endsWith('/store')) return allowed(/^database\/database$/, /\/store$/);
    if (from.endsWith('/feature')) return allowed(new RegExp(`^${own}/`), /^core\/feature$/);
    if (from.endsWith('/mails')) return allowed(DECLARATIONS, /^core\/one-time-tokens\/store$/);
    if (other === own) return to.endsWith('/resolvers') ? `${from} → ${to}` : undefined;
    return allowed(
      /^core\/[^/]+\/(service|([a-z]+-)?store|access-token|refresh-token|claims|mails)$/,
      DECLARATIONS,
      // What every way into a session stands on.
      /^core\/(external-logins\/(issuers|providers-file|start-store)|login\/(challenges|door|mailbox|ownership|proof|ways-in)|passwords\/guesses|rate-limits\/(networks|subjects))$/,
      /^crypto\//,
      /^database\/database$/,
    );
  }
  const [folder = ''] = from.split('/');
  const layer = LAYERS[folder];
  if (layer !== undefined) return allowed(new RegExp(`^${folder}/`), ...layer);
  if (from === 'app')
    return /^(main$|cli\/|database\/(sqlite|postgres|open)|features\/[^/]+\/(?!feature$|service$))/.test(to)
      ? `${from} → ${to}`
      : undefined;
  if (from === 'main')
    return allowed(
      /^app$/,
      /^(config|database|metrics)\//,
      /^http\/connection-limit$/,
      /^core\/users\/store$/,
    );
  return allowed();
}

/** The functions at the top level of a file, factories among them, and how many lines each has. */
function functionsIn(lines: readonly string[]): { name: string; length: number }[] {
  return lines.flatMap((line, begin) => {
    const name = /^(?:export )?(?:async )?function\*? (\w+)/.exec(line)?.[1];
    if (name === undefined) return [];
    return [{ name, length: lines.indexOf('}', begin) - begin + 1 }];
  });
}

function foldersOf(folder: string): string[] {
  const entries = readdirSync(join(SRC, folder), { withFileTypes: true });
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
}

describe('the architecture', () => {
  it('the reader of imports finds those of the source', () => {
    expect(imports.length).toBeGreaterThan(60);
    expect(imports).toContainEqual({
      from: 'core/login/resolvers',
      to: 'core/login/service',
    });
  });

  it('modules import downwards only', () => {
    expect(imports.map(verdictOn).filter((verdict) => verdict !== undefined)).toEqual([]);
  });

  it.each([
    { from: 'core/users/store', to: 'core/users/service' },
    { from: 'core/users/service', to: 'core/login/service' },
    { from: 'core/login/service', to: 'features/account/service' },
    { from: 'core/login/resolvers', to: 'core/sessions/store' },
    { from: 'features/account/service', to: 'features/email-verifications/service' },
    { from: 'features/account/service', to: 'features/email-verifications/store' },
    { from: 'crypto/seal', to: 'core/tokens/service' },
    { from: 'platform/clock', to: 'database/database' },
    { from: 'graphql/guard', to: 'http/server' },
    { from: 'http/server', to: 'core/users/store' },
    { from: 'features/account/feature', to: 'core/sessions/service' },
    { from: 'features/account/service', to: 'core/core' },
    { from: 'core/feature', to: 'features/account/feature' },
    { from: 'core/users/mails', to: 'core/mail/service' },
    { from: 'app', to: 'main' },
    { from: 'app', to: 'features/account/resolvers' },
    { from: 'errors', to: 'app' },
  ])('the rules of imports refuse $from → $to', (wrong) => {
    expect(verdictOn(wrong)).toBeDefined();
  });

  it('every folder of the source has a place in the rules of imports', () => {
    expect(foldersOf('core')).toEqual([...CORE].sort());
    expect(files.filter((file) => /^core\/[^/]+$/.test(file)).sort()).toEqual(['core/core', 'core/feature']);
    expect(foldersOf('features')).toEqual(FEATURES);
    expect(foldersOf('')).toEqual(['core', 'features', ...Object.keys(LAYERS)].sort());
  });

  it('every feature is joined in app, and otherwise imported by the commands only', () => {
    const joining = (feature: string) =>
      new Set(imports.filter(({ to }) => to.startsWith(`features/${feature}/`)).map(({ from }) => from));
    for (const feature of FEATURES) {
      const others = [...joining(feature)].filter((from) => !from.startsWith(`features/${feature}/`));
      expect(others.filter((from) => !from.startsWith('cli/'))).toEqual(['app']);
    }
  });

  it(`files have at most ${MOST_LINES} lines and functions at most ${MOST_LINES_OF_A_FUNCTION}, but for those that are listed`, () => {
    const packages = readdirSync(PACKAGES, { recursive: true, encoding: 'utf8' })
      .filter((name) => /^[^/]+\/src\/.+\.ts$/.test(name))
      .map((name) => join('../packages', name.replace(/\.ts$/, '')));
    expect(packages.length).toBeGreaterThan(20);
    const long = [...files, ...packages].flatMap((file) => {
      const lines = source(file).split('\n');
      const functions = functionsIn(lines).filter(({ length }) => length > MOST_LINES_OF_A_FUNCTION);
      return [
        ...(lines.length - 1 > MOST_LINES ? [file] : []),
        ...functions.map(({ name }) => `${file}#${name}`),
      ];
    });
    expect(long.sort()).toEqual(Object.keys(LONG).sort());
  });

  it('the length of a function is counted from its first line to its closing brace', () => {
    const lines = ['export async function openDoor(', '  key: Key,', '): Door {', '  return key;', '}', ''];
    expect(functionsIn([...lines, 'function shut() {', '}'])).toEqual([
      { name: 'openDoor', length: 5 },
      { name: 'shut', length: 2 },
    ]);
  });

  it('imports form no cycle, those of types included', () => {
    const onward = new Map(files.map((file) => [file, importsOf(file).map(({ to }) => to)]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, way: readonly string[]): void => {
      if (way.includes(file)) cycles.push([...way.slice(way.indexOf(file)), file].join(' → '));
      else if (!done.has(file)) for (const next of onward.get(file) ?? []) visit(next, [...way, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it('settings are handed on by their names, and never all of them', () => {
    expect(files.filter((file) => source(file).includes('...config,'))).toEqual([]);
  });

  it('`process` is used in main and the commands only', () => {
    const others = files.filter((file) => file !== 'main' && !file.startsWith('cli/'));
    // The next tick is a place in the event loop, and no property of the environment.
    const mentions = /\bprocess\.[a-z]|(?<!^import \{ nextTick \} from ')node:process/m;
    expect(others.filter((file) => mentions.test(source(file)))).toEqual([]);
  });

  it('sessions are opened through one door, for proofs that are made in one file', () => {
    const naming = (pattern: RegExp) => files.filter((file) => pattern.test(source(file))).sort();
    expect(naming(/\bsessions\.(open|replace)\(/)).toEqual(['core/login/door']);
    expect(naming(/\bas Proof\b/)).toEqual(['core/login/proof']);
    expect(naming(/\binsertSession\(/)).toEqual([
      'core/sessions/impersonations',
      'core/sessions/openings',
      'core/sessions/store',
    ]);
    // A session without a refresh token, which allows nothing: no proof of its owner opens it.
    expect(naming(/\bsessions\.impersonate\(/)).toEqual(['features/impersonations/service']);
    expect(source('core/login/proof')).not.toMatch(/export .*\bPROVEN\b.*unique symbol/);
  });

  it('password hashes are read by the modules that compare, make or move them, and UserRecord holds none', () => {
    const readers = files.filter((file) =>
      /find(Credential|CredentialByEmail)\(|everyCredential\(/.test(source(file)),
    );
    expect(readers.sort()).toEqual([
      'core/login/ownership',
      'core/login/service',
      'core/passwords/service',
      'core/passwords/store',
      'features/transfers/service',
    ]);
    const record = /export interface UserRecord \{[\s\S]*?\n\}/.exec(source('core/users/store'))?.[0];
    expect(record).toContain('credentialVersion');
    expect(record).not.toContain('Hash');
  });

  it('macs are compared through one function, in constant time (KEY-6)', () => {
    // The throttles make keys of macs, and compare none.
    const makers = files.filter((file) => source(file).includes('createHmac('));
    const comparing = makers.filter((file) => file !== 'core/rate-limits/limits');
    expect(comparing.sort()).toEqual([
      'core/audit/chain',
      'core/audit/event-proof',
      'core/one-time-tokens/hashes',
      'crypto/mac-token',
    ]);
    for (const file of comparing) expect(source(file)).toContain('constantTimeEqual(');
    expect(files.filter((file) => source(file).includes('timingSafeEqual('))).toEqual(['crypto/digest']);
  });

  it.each([
    { concept: 'a bearer header', spelling: /\^Bearer/, file: 'platform/bearer' },
    { concept: 'the name of this machine', spelling: /'loopback'|127\\\./, file: 'platform/loopback' },
    { concept: 'an email address', spelling: /domainToASCII\(|\^\[[^/]*@\[/, file: 'platform/email-address' },
    { concept: 'a database URL', spelling: /\^postgres/, file: 'platform/database-url' },
    { concept: 'a CIDR block', spelling: /split\('\/'\)/, file: 'platform/network' },
  ])('the spelling of $concept is known to one file', ({ spelling, file }) => {
    expect(files.filter((other) => spelling.test(source(other)))).toEqual([file]);
  });

  it('the source has no default exports, no index files and no classes but errors', () => {
    const text = files.map((file) => [file, source(file)] as const);
    expect(text.filter(([, code]) => /^export default/m.test(code))).toEqual([]);
    expect(files.filter((file) => file.endsWith('index'))).toEqual([]);
    expect(text.filter(([, code]) => /^(export )?class (?!\w+ extends \w*Error)/m.test(code))).toEqual([]);
  });
});

describe('the schema', () => {
  const schema = buildASTSchema(parse(readTypeDefs()));

  it('the public fields of the schema are exactly the ones in this list (GQL-8)', () => {
    expect(publicFields(schema)).toEqual([
      'Mutation.completeExternalLogin',
      'Mutation.completeExternalRegistration',
      'Mutation.completeMfaLogin',
      'Mutation.confirmEmailChange',
      'Mutation.login',
      'Mutation.loginWithEmailCode',
      'Mutation.loginWithMagicLink',
      'Mutation.loginWithPasskey',
      'Mutation.logout',
      'Mutation.refreshToken',
      'Mutation.register',
      'Mutation.requestEmailVerification',
      'Mutation.requestExternalRegistration',
      'Mutation.requestFactorReset',
      'Mutation.requestMagicLink',
      'Mutation.requestPasswordReset',
      'Mutation.resetPassword',
      'Mutation.startExternalLogin',
      'Mutation.startPasskeyChallenge',
      'Mutation.startPasskeyLogin',
      'Mutation.undoEmailChange',
      'Mutation.verifyEmail',
      'Query.externalProviders',
    ]);
  });

  it('the fields of the schema that check a credential are exactly the ones in this list (GQL-1)', () => {
    expect(markedFields(schema, 'credential').map(({ path }) => path)).toEqual([
      'Mutation.changePassword',
      'Mutation.completeExternalLogin',
      'Mutation.completeExternalRegistration',
      'Mutation.completeMfaLogin',
      'Mutation.confirmEmailChange',
      'Mutation.deleteMe',
      'Mutation.login',
      'Mutation.loginWithEmailCode',
      'Mutation.loginWithMagicLink',
      'Mutation.loginWithPasskey',
      'Mutation.reauthenticate',
      'Mutation.refreshToken',
      'Mutation.register',
      'Mutation.removePassword',
      'Mutation.requestEmailChange',
      'Mutation.requestEmailVerification',
      'Mutation.requestExternalRegistration',
      'Mutation.requestFactorReset',
      'Mutation.requestMagicLink',
      'Mutation.requestPasswordReset',
      'Mutation.resetPassword',
      'Mutation.startExternalLogin',
      'Mutation.startPasskeyChallenge',
      'Mutation.startPasskeyLogin',
      'Mutation.undoEmailChange',
      'Mutation.verifyEmail',
    ]);
  });

  it('every public mutation counts as a check of a credential, unless its description says why not (GQL-1)', () => {
    const isCredential = new Set(markedFields(schema, 'credential').map(({ path }) => path));
    const others = markedFields(schema, 'public').filter(
      ({ path }) => path.startsWith('Mutation.') && !isCredential.has(path),
    );
    expect(others.map(({ path }) => path)).toEqual(['Mutation.logout']);
    for (const { field } of others) expect(field.description).toContain('Not a `@credential` field:');
  });

  it('every list field of the schema says how long it can be, and no other field does (GQL-2)', () => {
    const wrong = Object.values(schema.getTypeMap())
      .filter(isObjectType)
      .filter(({ name }) => !name.startsWith('__'))
      .flatMap((type) => Object.values(type.getFields()).map((field) => ({ type, field })))
      .filter(({ field }) => {
        const isList = isListType(getNullableType(field.type));
        return isList !== (numberOf(field, 'listSize', 'assumedSize') !== undefined);
      })
      .map(({ type, field }) => `${type.name}.${field.name}`);
    expect(wrong).toEqual([]);
  });

  it('the schema publishes every error code, and no other', () => {
    const type = schema.getType('ErrorCode');
    const values = isEnumType(type) ? type.getValues().map(({ name }) => name) : [];
    expect(values.sort()).toEqual(Object.keys(ERRORS).sort());
  });

  it('every type, field and enum value of the schema has a description', () => {
    const silent: string[] = [];
    for (const type of Object.values(schema.getTypeMap())) {
      if (type.name.startsWith('__')) continue;
      if (!type.description) silent.push(type.name);
      if (isObjectType(type) || isInputObjectType(type)) {
        for (const field of Object.values(type.getFields()))
          if (!field.description) silent.push(`${type.name}.${field.name}`);
      }
      if (isEnumType(type)) {
        for (const value of type.getValues())
          if (!value.description) silent.push(`${type.name}.${value.name}`);
      }
    }
    const builtIn = ['String', 'Boolean', 'Int', 'Float', 'ID'];
    expect(silent.filter((name) => !builtIn.includes(name))).toEqual([]);
  });
});
