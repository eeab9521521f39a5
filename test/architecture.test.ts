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

/** From the lowest module to the highest: each may know those before it. */
const ORDER = [
  'audit',
  'rate-limits',
  'mail',
  'users',
  'tokens',
  'one-time-tokens',
  'passwords',
  'sessions',
  'login',
  'email-verifications',
  'account',
  'password-resets',
  'email-changes',
  'magic-links',
  'admin',
  'transfers',
  'housekeeping',
];

/** Leaves that anyone may import: they know nothing of the domain but its words. */
const LEAVES = [
  'errors',
  'client',
  'clock',
  'code-points',
  'deadline',
  'email-address',
  'html',
  'id',
  'label',
  'logger',
  'loopback',
  'mailer',
  'open-files',
  'sweep',
];

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.replace(/\.ts$/, ''));

function source(file: string): string {
  return readFileSync(join(SRC, `${file}.ts`), 'utf8');
}

function importsOf(file: string): Import[] {
  const found = source(file).matchAll(
    /(?:import|export)\s+(type\s)?(?:[^'"]*?\sfrom\s+)?['"](\.[^'"]+)['"]|import\(\s*['"](\.[^'"]+)['"]/g,
  );
  return [...found].map((match) => ({
    from: file,
    to: normalize(join(dirname(file), match[2] ?? match[3] ?? '')).replace(/\.ts$/, ''),
    typeOnly: match[1] !== undefined,
  }));
}

const imports = files.flatMap(importsOf);

function moduleOf(file: string): string | undefined {
  return /^modules\/([^/]+)\//.exec(file)?.[1];
}

/** The rules of who may import what; `undefined` when an import is in order, else what is wrong with it. */
function verdictOn({ from, to, typeOnly }: Import): string | undefined {
  const is = (pattern: RegExp) => pattern.test(to);
  const leaf = LEAVES.includes(to);
  const [ownModule, otherModule] = [moduleOf(from), moduleOf(to)];
  const allowed = (...patterns: RegExp[]) => (leaf || patterns.some(is) ? undefined : `${from} → ${to}`);

  if (ownModule !== undefined) {
    if (otherModule !== undefined && ORDER.indexOf(otherModule) > ORDER.indexOf(ownModule))
      return `${from} ↑ ${to}`;
    if (from.endsWith('/resolvers'))
      return allowed(new RegExp(`^modules/${ownModule}/`), /^context$/, /^graphql\/generated$/);
    if (from.endsWith('/store')) return allowed(/^database\/database$/, /\/store$/);
    if (otherModule === ownModule) return is(/\/resolvers$/) ? `${from} → ${to}` : undefined;
    return allowed(
      /^modules\/[^/]+\/(service|store|access-token|refresh-token)$/,
      // What every way into a session stands on.
      /^modules\/login\/(door|mailbox|ownership|proof)$/,
      /^crypto\//,
      /^database\/database$/,
    );
  }
  if (from.startsWith('crypto/') || from.startsWith('database/') || LEAVES.includes(from)) {
    return allowed(new RegExp(`^${dirname(from)}/`));
  }
  if (from === 'context') return allowed(/^modules\/[^/]+\/service$/, /^modules\/tokens\/access-token$/);
  if (from === 'graphql/generated') return typeOnly ? undefined : `${from} → ${to}`;
  if (from.startsWith('graphql/')) return allowed(/^graphql\//, /^context$/, /^modules\/[^/]+\/service$/);
  if (from.startsWith('http/')) {
    return allowed(/^http\//, /^graphql\//, /^context$/, /^config$/, /^modules\/[^/]+\/service$/);
  }
  if (from === 'app')
    return is(/^(main|cli\/|database\/(sqlite|postgres|open))/) ? `${from} → ${to}` : undefined;
  if (from === 'main' || from.startsWith('cli/'))
    return is(/^(modules\/[^/]+\/store|graphql)/) ? `${from} → ${to}` : undefined;
  return is(/^(app|main|cli\/|modules\/|http\/|graphql\/)/) ? `${from} → ${to}` : undefined;
}

describe('the architecture', () => {
  it('sees imports at all', () => {
    expect(imports.length).toBeGreaterThan(60);
    expect(imports).toContainEqual({
      from: 'modules/login/resolvers',
      to: 'modules/login/service',
      typeOnly: true,
    });
  });

  it('imports downwards only', () => {
    expect(imports.map(verdictOn).filter((verdict) => verdict !== undefined)).toEqual([]);
  });

  it.each([
    { from: 'modules/users/store', to: 'modules/users/service', typeOnly: false },
    { from: 'modules/users/service', to: 'modules/login/service', typeOnly: true },
    { from: 'modules/login/resolvers', to: 'modules/sessions/store', typeOnly: false },
    { from: 'crypto/seal', to: 'modules/tokens/service', typeOnly: false },
    { from: 'http/server', to: 'modules/users/store', typeOnly: false },
    { from: 'app', to: 'main', typeOnly: false },
  ])('would refuse $from → $to', (wrong) => {
    expect(verdictOn(wrong)).toBeDefined();
  });

  it('knows the place of every module', () => {
    const folders = readdirSync(join(SRC, 'modules'));
    expect(folders.sort()).toEqual([...ORDER].sort());
  });

  it('says `process` in main and the commands only', () => {
    const others = files.filter((file) => file !== 'main' && !file.startsWith('cli/'));
    // The next tick is a place in the event loop, and no property of the environment.
    const mentions = /\bprocess\.[a-z]|(?<!^import \{ nextTick \} from ')node:process/m;
    expect(others.filter((file) => mentions.test(source(file)))).toEqual([]);
  });

  it('opens sessions through one door, for proofs that are made in one file', () => {
    const naming = (pattern: RegExp) => files.filter((file) => pattern.test(source(file))).sort();
    expect(naming(/\bsessions\.(open|replace)\(/)).toEqual(['modules/login/door']);
    expect(naming(/\bas Proof\b/)).toEqual(['modules/login/proof']);
    expect(naming(/\binsertSession\(/)).toEqual(['modules/sessions/service', 'modules/sessions/store']);
    expect(source('modules/login/proof')).not.toMatch(/export .*\bPROVEN\b.*unique symbol/);
  });

  it('hands the hash of a password to what compares, makes and moves them, and to nothing that is shown or kept', () => {
    const readers = files.filter((file) =>
      /find(Credential|CredentialByEmail)\(|everyCredential\(/.test(source(file)),
    );
    expect(readers.sort()).toEqual([
      'modules/login/ownership',
      'modules/login/service',
      'modules/transfers/service',
      'modules/users/service',
      'modules/users/store',
    ]);
    const record = /export interface UserRecord \{[\s\S]*?\n\}/.exec(source('modules/users/store'))?.[0];
    expect(record).toContain('credentialVersion');
    expect(record).not.toContain('Hash');
  });

  it('compares macs through one function, in constant time (KEY-6)', () => {
    // What makes keys of a mac, as the throttles do, compares none.
    const makers = files.filter((file) => source(file).includes('createHmac('));
    const comparing = makers.filter((file) => file !== 'modules/rate-limits/service');
    expect(comparing.sort()).toEqual([
      'crypto/mac-token',
      'modules/audit/chain',
      'modules/audit/event-proof',
      'modules/one-time-tokens/service',
    ]);
    for (const file of comparing) expect(source(file)).toContain('constantTimeEqual(');
    expect(files.filter((file) => source(file).includes('timingSafeEqual('))).toEqual(['crypto/digest']);
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
