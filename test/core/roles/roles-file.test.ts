import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { ConfigError } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { ROLES_FILE } from '../../support/roles.ts';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-roles-'));
afterAll(() => rmSync(folder, { recursive: true }));

function written(content: string | Buffer): string {
  const path = join(folder, 'file.json');
  writeFileSync(path, content);
  return path;
}

const ENVIRONMENT = { LATCHKEY_SECRET: randomBytes(32).toString('hex') };

/** What is wrong with the environment. */
function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    loadConfig({ ...ENVIRONMENT, ...environment });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

const rolesProblems = (content: string | Buffer) => problemsOf({ LATCHKEY_ROLES_FILE: written(content) });

describe('LATCHKEY_ROLES_FILE', () => {
  it('a file is read in the order of its roles, the highest first', () => {
    const path = written(JSON.stringify(ROLES_FILE));
    const { rolesFile } = loadConfig({ ...ENVIRONMENT, LATCHKEY_ROLES_FILE: path });
    expect(rolesFile?.content.roles.map(({ name }) => name)).toEqual(['admin', 'editor', 'member']);
    expect(rolesFile?.content.default).toEqual(['member']);
  });

  it.each([
    [
      'a role that is included and not defined',
      { roles: { a: { includes: ['b'] } } },
      'roles.a.includes[0] names a role that the file does not define',
    ],
    [
      'a default role that is not defined',
      { default: ['x'], roles: {} },
      'default[0] names a role that the file does not define',
    ],
    [
      'a role that includes itself',
      { roles: { a: { includes: ['a'] } } },
      'roles.a.includes leads back to the role itself: a → a',
    ],
    [
      'a longer cycle',
      { roles: { a: { includes: ['b'] }, b: { includes: ['c'] }, c: { includes: ['b'] } } },
      'roles.b.includes leads back to the role itself: b → c → b',
    ],
    [
      'a scope with a space',
      { roles: { a: { scopes: ['ok', 'posts read'] } } },
      'roles.a.scopes[1] is no scope: 1 to 128 visible ASCII characters without a quote or a backslash',
    ],
    [
      'a scope that is not ASCII',
      { roles: { a: { scopes: ['p\u00f6st'] } } },
      'roles.a.scopes[0] is no scope: 1 to 128 visible ASCII characters without a quote or a backslash',
    ],
    [
      'an unknown scope of this server',
      { roles: { a: { scopes: ['latchkey:everything'] } } },
      /^roles\.a\.scopes\[0\] is no scope of this server; they are latchkey:users:read/,
    ],
    ['a role that is a number', { roles: { 7: {} } }, /^roles\["7"\] is no name of a role/],
    ['a role with a space', { roles: { 'a b': {} } }, /^roles\["a b"\] is no name of a role/],
    [
      'an unknown key',
      { roles: { a: { scope: [] } } },
      'roles.a.scope is unknown; what can be here is includes, scopes, export',
    ],
    [
      'an unknown key of the file',
      { roles: {}, rolls: {} },
      'rolls is unknown; what can be here is default, roles',
    ],
    ['no roles', {}, 'roles is missing'],
    ['scopes that are no list', { roles: { a: { scopes: 'x' } } }, 'roles.a.scopes must be a list of texts'],
    ['a scope that is no text', { roles: { a: { scopes: [1] } } }, 'roles.a.scopes[0] must be a text'],
    ['a scope twice', { roles: { a: { scopes: ['x', 'x'] } } }, 'roles.a.scopes[1] is there twice'],
    ['an export that is a word', { roles: { a: { export: 'yes' } } }, 'roles.a.export must be true or false'],
    ['a list', [], 'the file must be an object'],
  ])('%s is refused with its path', (_what, file, problem) => {
    const [first, ...others] = rolesProblems(JSON.stringify(file));
    const said = first?.replace(/^LATCHKEY_ROLES_FILE: /, '');
    expect(said).not.toBe(first);
    if (typeof problem === 'string') expect(said).toBe(problem);
    else expect(said).toMatch(problem);
    expect(others.filter((other) => !other.startsWith('LATCHKEY_ROLES_FILE: '))).toEqual([]);
  });

  it('every problem of a file is listed', () => {
    const file = { default: ['x'], roles: { a: { includes: ['b'], scopes: [' '] }, 1: {} } };
    expect(rolesProblems(JSON.stringify(file))).toHaveLength(4);
  });

  it.each([
    ['no JSON', '{ "roles": }', /^LATCHKEY_ROLES_FILE: the file is no JSON/],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'LATCHKEY_ROLES_FILE: the file is no UTF-8'],
    [
      '1 MB',
      ' '.repeat(1_000_000),
      'LATCHKEY_ROLES_FILE: the file must have at most 262144 bytes, and has 1000000',
    ],
  ])('a file that is %s is refused', (_what, content, problem) => {
    const problems = rolesProblems(content);
    expect(problems).toEqual([typeof problem === 'string' ? problem : expect.stringMatching(problem)]);
    expect(problems.join()).not.toContain('"roles"');
  });

  it('a file that is not there is refused, and a folder', () => {
    expect(problemsOf({ LATCHKEY_ROLES_FILE: join(folder, 'none') })).toEqual([
      'LATCHKEY_ROLES_FILE: the file cannot be read (ENOENT)',
    ]);
    expect(problemsOf({ LATCHKEY_ROLES_FILE: folder })).toEqual(['LATCHKEY_ROLES_FILE: it is no file']);
  });
});

describe('LATCHKEY_CLAIMS and LATCHKEY_CLAIMS_FILE', () => {
  it('a preset is one of two words, and several have commas between them', () => {
    expect(loadConfig({ ...ENVIRONMENT, LATCHKEY_CLAIMS: 'hasura, postgrest' }).claims).toEqual([
      'hasura',
      'postgrest',
    ]);
    expect(problemsOf({ LATCHKEY_CLAIMS: 'hasura,supabase' })).toEqual([
      'LATCHKEY_CLAIMS: must be one of hasura, postgrest, or several with commas between them',
    ]);
  });

  it('a template that sets a claim of this server, or of a preset that is on, stops the start', () => {
    const path = written(JSON.stringify({ sub: 'x', role: 'y' }));
    expect(problemsOf({ LATCHKEY_CLAIMS_FILE: path })).toEqual([
      'LATCHKEY_CLAIMS_FILE: sub is a claim that this server sets itself',
    ]);
    const other = written(JSON.stringify({ role: 'y' }));
    expect(problemsOf({ LATCHKEY_CLAIMS_FILE: other })).toEqual([]);
    expect(problemsOf({ LATCHKEY_CLAIMS_FILE: other, LATCHKEY_CLAIMS: 'postgrest' })).toEqual([
      'LATCHKEY_CLAIMS_FILE: role is a claim that LATCHKEY_CLAIMS=postgrest sets',
    ]);
  });
});
