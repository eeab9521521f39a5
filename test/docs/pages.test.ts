import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** The first and the second column of the tables below a heading of a page. */
function rowsBelow(heading: string, page: string): [string, string][] {
  const [, section = ''] = new RegExp(`^## ${heading}\\n((?:(?!^## )[\\s\\S])*)`, 'm').exec(page) ?? [];
  return [...section.matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)].map(([, name = '', text = '']) => [name, text]);
}

describe('the page of the dependencies', () => {
  const page = read('docs/dependencies.md');
  const root = JSON.parse(read('package.json'));
  const docs = JSON.parse(read('docs/package.json'));
  const verify = JSON.parse(read('packages/verify/package.json'));

  it.each<[string, object]>([
    ['In production', { ...root.dependencies, ...root.optionalDependencies }],
    ['In development', root.devDependencies],
    ['In `@latchkey/verify` alone', verify.dependencies],
    ['In the pages alone', JSON.parse(read('web/package.json')).devDependencies],
    ['In the docs alone', { ...docs.dependencies, ...docs.devDependencies }],
  ])('the page of the dependencies has one row with a sentence for each package: %s', (heading, packages) => {
    const rows = rowsBelow(heading, page);
    expect(rows.map(([name]) => name)).toEqual(Object.keys(packages).sort());
    expect(rows.filter(([, reason]) => !/^(It|The|`).{10,}\.$/.test(reason))).toEqual([]);
  });
});

describe('the page of the architecture', () => {
  const rows = rowsBelow('The tree', read('docs/architecture.md'));

  it('the page of the architecture has one row with a sentence for each folder of the source', () => {
    const foldersIn = (path: string) =>
      readdirSync(join(ROOT, path), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => `${path}${name}/`);
    const folders = ['src/', ...['src/', 'src/core/', 'src/features/'].flatMap(foldersIn)];
    const named = rows.map(([name]) => name);
    expect(folders.filter((folder) => !named.includes(folder))).toEqual([]);
    expect(named.filter((name) => name.startsWith('src/') && !existsSync(join(ROOT, name)))).toEqual([]);
    expect(rows.filter(([, sentence]) => !/^[A-Z].{10,}\.$/.test(sentence))).toEqual([]);
  });

  it('the page of the architecture lists the modules of core in the order in which they may import each other', () => {
    const [, order = ''] = /const CORE = \[([^\]]+)\]/.exec(read('test/architecture.test.ts')) ?? [];
    const modules = [...order.matchAll(/'([\w-]+)'/g)].map(([, name]) => `src/core/${name}/`);
    expect(modules.length).toBeGreaterThan(5);
    expect(rows.map(([name]) => name).filter((name) => /^src\/core\/./.test(name))).toEqual(modules);
  });
});

describe('the page of the security decisions', () => {
  it('the page of the security decisions says of each decision what it leaves open', () => {
    const decisions = read('docs/security-decisions.md').split(/^### /m).slice(1);
    expect(decisions.length).toBeGreaterThan(15);
    const silent = decisions.filter((text) => !/\n\n\*\*Leaves open:\*\* .{20,}\n/.test(text));
    expect(silent.map((text) => text.split('\n', 1)[0])).toEqual([]);
  });
});
