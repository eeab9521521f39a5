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
import { publicFields } from '../src/graphql/guard.ts';
import { markedFields, numberOf } from '../src/graphql/marks.ts';
import { readTypeDefs } from '../src/graphql/type-defs.ts';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));

/** Of `core`, from the lowest to the highest: each may know those before it. */
const CORE = [
  'audit',
  'rate-limits',
  'mail',
  'users',
  'tokens',
  'one-time-tokens',
  'passwords',
  'sessions',
  'login',
];

/** Features, which know no other feature. */
const FEATURES = [
  'account',
  'admin',
  'email-changes',
  'email-verifications',
  'housekeeping',
  'magic-links',
  'password-resets',
  'transfers',
];

/** What each folder may import beside itself, `platform` and the table of errors. */
const LAYERS: Readonly<Record<string, readonly RegExp[]>> = {
  platform: [],
  crypto: [],
  database: [],
  config: [/^crypto\//],
  metrics: [/^database\/database$/, /^http\/access-log$/],
  graphql: [/^core\/[^/]+\/service$/, /^core\/tokens\/access-token$/],
  http: [/^graphql\//, /^config\/config$/, /^core\/[^/]+\/service$/],
  cli: [/^(app|main)$/, /^(config|crypto|database)\//, /^features\/transfers\/(row|service)$/, /^core\//],
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

/** The rules of who may import what; `undefined` when an import is in order, else what is wrong with it. */
function verdictOn({ from, to }: Import): string | undefined {
  const isForAll = to.startsWith('platform/') || to === 'errors';
  const allowed = (...patterns: RegExp[]) =>
    isForAll || patterns.some((pattern) => pattern.test(to)) ? undefined : `${from} → ${to}`;

  const [own, other] = [moduleOf(from), moduleOf(to)];
  if (own !== undefined) {
    if (other !== undefined && other !== own && isHigher(other, own)) return `${from} ↑ ${to}`;
    if (from.endsWith('/resolvers')) return allowed(new RegExp(`^${own}/`), /^graphql\/(context|generated)$/);
    if (from.endsWith('/store')) return allowed(/^database\/database$/, /\/store$/);
    if (other === own) return to.endsWith('/resolvers') ? `${from} → ${to}` : undefined;
    return allowed(
      /^core\/[^/]+\/(service|store|access-token|refresh-token)$/,
      // What every way into a session stands on.
      /^core\/login\/(door|mailbox|ownership|proof)$/,
      /^crypto\//,
      /^database\/database$/,
    );
  }
  const [folder = ''] = from.split('/');
  const layer = LAYERS[folder];
  if (layer !== undefined) return allowed(new RegExp(`^${folder}/`), ...layer);
  if (from === 'app')
    return /^(main$|cli\/|database\/(sqlite|postgres|open))/.test(to) ? `${from} → ${to}` : undefined;
  if (from === 'main') return allowed(/^app$/, /^(config|database|metrics)\//, /^http\/connection-limit$/);
  return allowed();
}

describe('the architecture', () => {
  it('sees imports at all', () => {
    expect(imports.length).toBeGreaterThan(60);
    expect(imports).toContainEqual({
      from: 'core/login/resolvers',
      to: 'core/login/service',
    });
  });

  it('imports downwards only', () => {
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
    { from: 'app', to: 'main' },
    { from: 'errors', to: 'app' },
  ])('would refuse $from → $to', (wrong) => {
    expect(verdictOn(wrong)).toBeDefined();
  });

  it('knows the place of every module', () => {
    expect(readdirSync(join(SRC, 'core')).sort()).toEqual([...CORE].sort());
    expect(readdirSync(join(SRC, 'features')).sort()).toEqual(FEATURES);
    const folders = readdirSync(SRC, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).sort()).toEqual(
      ['core', 'features', ...Object.keys(LAYERS)].sort(),
    );
  });

  it('has no cycle of imports, types included', () => {
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

  it('says `process` in main and the commands only', () => {
    const others = files.filter((file) => file !== 'main' && !file.startsWith('cli/'));
    // The next tick is a place in the event loop, and no property of the environment.
    const mentions = /\bprocess\.[a-z]|(?<!^import \{ nextTick \} from ')node:process/m;
    expect(others.filter((file) => mentions.test(source(file)))).toEqual([]);
  });

  it('opens sessions through one door, for proofs that are made in one file', () => {
    const naming = (pattern: RegExp) => files.filter((file) => pattern.test(source(file))).sort();
    expect(naming(/\bsessions\.(open|replace)\(/)).toEqual(['core/login/door']);
    expect(naming(/\bas Proof\b/)).toEqual(['core/login/proof']);
    expect(naming(/\binsertSession\(/)).toEqual(['core/sessions/service', 'core/sessions/store']);
    expect(source('core/login/proof')).not.toMatch(/export .*\bPROVEN\b.*unique symbol/);
  });

  it('hands the hash of a password to what compares, makes and moves them, and to nothing that is shown or kept', () => {
    const readers = files.filter((file) =>
      /find(Credential|CredentialByEmail)\(|everyCredential\(/.test(source(file)),
    );
    expect(readers.sort()).toEqual([
      'core/login/ownership',
      'core/login/service',
      'core/users/service',
      'core/users/store',
      'features/transfers/service',
    ]);
    const record = /export interface UserRecord \{[\s\S]*?\n\}/.exec(source('core/users/store'))?.[0];
    expect(record).toContain('credentialVersion');
    expect(record).not.toContain('Hash');
  });

  it('compares macs through one function, in constant time (KEY-6)', () => {
    // What makes keys of a mac, as the throttles do, compares none.
    const makers = files.filter((file) => source(file).includes('createHmac('));
    const comparing = makers.filter((file) => file !== 'core/rate-limits/service');
    expect(comparing.sort()).toEqual([
      'core/audit/chain',
      'core/audit/event-proof',
      'core/one-time-tokens/service',
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
  ])('reads $concept in one place', ({ spelling, file }) => {
    expect(files.filter((other) => spelling.test(source(other)))).toEqual([file]);
  });

  it('has no default exports, no index files and no classes but errors', () => {
    const text = files.map((file) => [file, source(file)] as const);
    expect(text.filter(([, code]) => /^export default/m.test(code))).toEqual([]);
    expect(files.filter((file) => file.endsWith('index'))).toEqual([]);
    expect(text.filter(([, code]) => /^(export )?class (?!\w+ extends \w*Error)/m.test(code))).toEqual([]);
  });
});

describe('the schema', () => {
  const schema = buildASTSchema(parse(readTypeDefs()));

  it('has these open doors and no other (GQL-8)', () => {
    expect(publicFields(schema)).toEqual([
      'Mutation.confirmEmailChange',
      'Mutation.login',
      'Mutation.loginWithEmailCode',
      'Mutation.loginWithMagicLink',
      'Mutation.logout',
      'Mutation.refreshToken',
      'Mutation.register',
      'Mutation.requestEmailVerification',
      'Mutation.requestMagicLink',
      'Mutation.requestPasswordReset',
      'Mutation.resetPassword',
      'Mutation.undoEmailChange',
      'Mutation.verifyEmail',
    ]);
  });

  it('has these fields that check a credential and no other (GQL-1)', () => {
    expect(markedFields(schema, 'credential').map(({ path }) => path)).toEqual([
      'Mutation.changePassword',
      'Mutation.confirmEmailChange',
      'Mutation.deleteMe',
      'Mutation.login',
      'Mutation.loginWithEmailCode',
      'Mutation.loginWithMagicLink',
      'Mutation.reauthenticate',
      'Mutation.refreshToken',
      'Mutation.register',
      'Mutation.requestEmailChange',
      'Mutation.requestEmailVerification',
      'Mutation.requestMagicLink',
      'Mutation.requestPasswordReset',
      'Mutation.resetPassword',
      'Mutation.undoEmailChange',
      'Mutation.verifyEmail',
    ]);
  });

  it('counts every open mutation as a check of a credential, unless its description says why not (GQL-1)', () => {
    const isCredential = new Set(markedFields(schema, 'credential').map(({ path }) => path));
    const others = markedFields(schema, 'public').filter(
      ({ path }) => path.startsWith('Mutation.') && !isCredential.has(path),
    );
    expect(others.map(({ path }) => path)).toEqual(['Mutation.logout']);
    for (const { field } of others) expect(field.description).toContain('Not a `@credential` field:');
  });

  it('says how long every list can be, of which documents have a budget, and of nothing else (GQL-2)', () => {
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

  it('publishes every code there is, and no other', () => {
    const type = schema.getType('ErrorCode');
    const values = isEnumType(type) ? type.getValues().map(({ name }) => name) : [];
    expect(values.sort()).toEqual(Object.keys(ERRORS).sort());
  });

  it('describes every type, field, argument and value', () => {
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
