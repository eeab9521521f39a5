import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import {
  buildASTSchema,
  isTypeSystemDefinitionNode,
  isTypeSystemExtensionNode,
  parse,
  validate,
} from 'graphql';
import { parseDocument } from 'yaml';
import { renderPage } from '../../scripts/reference-pages.ts';
import type { Setting } from '../../src/config/setting.ts';
import { SETTINGS } from '../../src/config/settings.ts';
import { AUDIT_EVENTS } from '../../src/core/audit/store.ts';
import { readProviders } from '../../src/core/external-logins/providers-file.ts';
import { ERRORS } from '../../src/errors.ts';
import { readTypeDefs } from '../../src/graphql/type-defs.ts';
import {
  anchorsOf,
  type Block,
  localLinks,
  type Page,
  proseOf,
  ROOT,
  readPages,
  resolveLink,
} from '../support/pages.ts';
import { claimsFile, rolesFile } from '../support/roles.ts';
import { cleanEnvironment } from '../support/server-process.ts';

/** Blocks that no test runs or compiles, by page and first line, each with its reason. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'CONTRIBUTING.md npm ci': 'It starts a server that restarts on change and never ends.',
  'CONTRIBUTING.md TEST_POSTGRES=off npm test -- test/core/login/login.test.ts':
    'It runs the tests themselves.',
  'docs/operations.md docker build': 'Docker is not on every machine, and the image takes minutes.',
  'docs/operations.md docker exec': 'It needs the container of the block before it.',
  ...Object.fromEntries(
    ['apollo-express', 'fastify-yoga', 'mercurius', 'nest', 'nextjs', 'ssr-node', 'sveltekit'].map((name) => [
      `examples/${name}/README.md npm run build:packages`,
      'It starts a server that never ends. `npm run test:examples` does what it can of it.',
    ]),
  ),
  'docs/verify/javascript.md npm pack': 'A test of the packages does it.',
  'docs/verify/javascript.md npm install': 'A test of the packages does it, in an empty project.',
  'docs/verify/go.md // Package auth':
    'Go is not on every machine, and the code needs a package from elsewhere.',
  'docs/verify/postgrest.md curl': 'It tells a PostgREST to read its keys, and there is none.',
  'docs/postgresql.md postgres://user:password@host:port/database?parameter=value&…':
    'It is a form, not a value.',
};

/** Compiles what comes in, and leaves no file behind. */
const COMPILE = 'import sys; compile(sys.stdin.read(), "block", "exec")';
const inPython = spawnSync('python3', ['--version']).status === 0 ? it : it.skip;

const pages = readPages();
const blocks = pages.flatMap((page) => page.blocks);
const of = (language: string) => blocks.filter((block) => block.language === language);
const where = ({ page, line }: Block) => `${page}:${line}`;
const schema = buildASTSchema(parse(readTypeDefs()));

function reasonOf({ page, text }: Block): string | undefined {
  return Object.entries(NOT_RUN).find(([begin]) => `${page} ${text}`.startsWith(begin))?.[1];
}

/** What a JSON block holds: one value, or one in each line. */
function valuesOf({ text }: Block): unknown[] {
  try {
    return [JSON.parse(text)];
  } catch {
    return text.split('\n').map((line) => JSON.parse(line));
  }
}

/** What an error says; nothing where there is none. */
function problemOf(work: () => unknown): string {
  try {
    work();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('the README', () => {
  const readme = pages.find(({ path }) => path === 'README.md') as Page;

  it('the README has at most 150 lines, and its paragraphs have at most 60 words', () => {
    expect(readme.text.split('\n').length).toBeLessThanOrEqual(151);
    const paragraphs = proseOf(readme)
      .split(/\n\n+|\n- /)
      .filter((text) => !text.startsWith('|'));
    const long = paragraphs.filter((text) => text.split(/\s+/).length > 60);
    expect(long).toEqual([]);
  });

  it('the README leads to every page of docs/', () => {
    const reached = new Set(['README.md']);
    const open = [readme];
    for (let page = open.pop(); page !== undefined; page = open.pop()) {
      for (const link of localLinks(page)) {
        const { path } = resolveLink(link);
        const next = pages.find((other) => other.path === path);
        if (next === undefined || reached.has(path)) continue;
        reached.add(path);
        open.push(next);
      }
    }
    // The home page of the site is a way in of its own.
    const lost = pages
      .map(({ path }) => path)
      .filter((path) => /^docs\/(?!index\.md)/.test(path) && !reached.has(path));
    expect(lost).toEqual([]);
  });
});

describe('the links of the pages', () => {
  const links = pages.flatMap(localLinks);

  it('the links of the pages lead to files and headings that exist', () => {
    expect(links.length).toBeGreaterThan(100);
    const broken = links.filter((link) => {
      const { path, anchor } = resolveLink(link);
      if (!existsSync(join(ROOT, path))) return true;
      const page = pages.find((other) => other.path === path);
      return anchor !== '' && !(page && anchorsOf(page).includes(anchor));
    });
    expect(broken).toEqual([]);
  });
});

describe('the blocks of the pages', () => {
  it('each block of a page is in a language that a test checks', () => {
    const checked = [
      ...['sh', 'text', 'ts', 'graphql', 'json', 'ini', 'console', 'sql'],
      ...['js', 'yaml', 'toml', 'python', 'go'],
    ];
    expect(blocks.filter(({ language }) => !checked.includes(language)).map(where)).toEqual([]);
    expect(blocks.length).toBeGreaterThan(60);
  });

  it('each console block and Go block of a page is run, or listed with a reason', () => {
    const isJq = ({ text }: Block) => text.startsWith('jq ');
    expect(
      [...of('console'), ...of('go')]
        .filter((block) => !isJq(block) && reasonOf(block) === undefined)
        .map(where),
    ).toEqual([]);
    const unused = Object.keys(NOT_RUN).filter(
      (begin) => !blocks.some(({ page, text }) => `${page} ${text}`.startsWith(begin)),
    );
    expect(unused).toEqual([]);
  });

  it('shell blocks are well-formed', () => {
    for (const { text } of [...of('sh'), ...of('console')])
      expect({ text, problems: spawnSync('bash', ['-n', '-c', text], { encoding: 'utf8' }).stderr }).toEqual({
        text,
        problems: '',
      });
  });

  it('text blocks are the output of the shell block before them, or the address of a database', () => {
    const addresses = of('text').filter(({ text }) => text.startsWith('postgres://'));
    const loose = of('text').filter((block) => {
      const all = pages.find(({ path }) => path === block.page)?.blocks ?? [];
      return all[all.indexOf(block) - 1]?.language !== 'sh' && !addresses.includes(block);
    });
    expect(loose.map(where)).toEqual([]);
    const isRead = ({ text }: Block) => SETTINGS.databaseUrl.value.safeParse(text).success;
    expect(addresses.filter((block) => !isRead(block) && reasonOf(block) === undefined).map(where)).toEqual(
      [],
    );
  });

  it('JSON blocks parse, whole or line by line', () => {
    expect(of('json').length).toBeGreaterThan(5);
    for (const block of of('json')) expect(() => valuesOf(block)).not.toThrow();
  });

  it('JSON blocks that define roles or hold placeholders are what the server reads', () => {
    const values = of('json').flatMap(valuesOf) as object[];
    const definitions = values.filter((value) => 'default' in value && 'roles' in value);
    const templates = values.filter((value) => JSON.stringify(value).includes('{{'));
    expect([definitions.length > 2, templates.length > 1]).toEqual([true, true]);
    for (const definition of definitions) expect(() => rolesFile(definition)).not.toThrow();
    for (const template of templates) expect(() => claimsFile(template)).not.toThrow();
  });

  it('JSON blocks that define providers are what the server reads', () => {
    const files = (of('json').flatMap(valuesOf) as object[]).filter((value) => 'providers' in value);
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) {
      const problems: string[] = [];
      readProviders(file, (path, problem) => problems.push(`${path} ${problem}`));
      expect(problems).toEqual([]);
    }
  });

  it('the guide of roles names every placeholder and every claim that no template sets', () => {
    const page = pages.find(({ path }) => path === 'docs/guides/roles.md')?.text ?? '';
    const problem = problemOf(() => claimsFile({ a: '{{none}}' }));
    const placeholders = /none of (.+)$/.exec(problem)?.[1]?.split(', ') ?? [];
    expect(placeholders.length).toBeGreaterThan(5);
    expect(placeholders.filter((name) => !page.includes(`| \`{{${name}}}\` |`))).toEqual([]);
    const [, listed = ''] = /a claim that the server sets itself \(([^)]+)\)/.exec(page) ?? [];
    const claims = [...listed.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
    expect(claims).toHaveLength(16);
    expect(claims.filter((claim) => problemOf(() => claimsFile({ [claim]: 1 })) === '')).toEqual([]);
  });

  it('blocks of settings name settings and give them good values', () => {
    const settings = new Map<string, Setting>(
      Object.values(SETTINGS).map((setting) => [setting.name, setting]),
    );
    const given = of('ini').flatMap(({ text }) => Object.entries(parseEnv(text)));
    expect(given.length).toBeGreaterThan(5);
    const wrong = given.filter(([name, value = '']) => {
      // The files are the operator's, and not here.
      const { secretFile, rolesFile, claimsFile, providersFile, appLogo, appStyles } = SETTINGS;
      const files = [secretFile, rolesFile, claimsFile, providersFile, appLogo, appStyles];
      if (files.some((file) => file.name === name)) return false;
      return settings.get(name)?.value.safeParse(value).success !== true;
    });
    expect(wrong).toEqual([]);
  });

  it('GraphQL blocks fit the schema, and every root field is in one', () => {
    const documents = of('graphql').map(({ text }) => text);
    // The schema of another server has no operation.
    const isSchema = (text: string) =>
      parse(text).definitions.every(
        (node) => isTypeSystemDefinitionNode(node) || isTypeSystemExtensionNode(node),
      );
    expect(
      documents.filter((text) => !isSchema(text)).flatMap((text) => validate(schema, parse(text))),
    ).toEqual([]);
    const roots = [schema.getQueryType(), schema.getMutationType()];
    const fields = roots.flatMap((type) => Object.keys(type?.getFields() ?? {}));
    expect(fields.filter((field) => !documents.some((text) => text.includes(`  ${field}`)))).toEqual([]);
  });

  it('JavaScript blocks are well-formed', () => {
    const check = ({ text }: Block) =>
      spawnSync(process.execPath, ['--check', '--input-type=module', '-'], { input: text, encoding: 'utf8' });
    expect(of('js').map((block) => check(block).stderr)).toEqual(of('js').map(() => ''));
    expect(of('js').length).toBeGreaterThan(1);
  });

  it('YAML blocks parse, and say no key twice', () => {
    expect(of('yaml').flatMap(({ text }) => parseDocument(text, { uniqueKeys: true }).errors)).toEqual([]);
    expect(of('yaml').length).toBeGreaterThan(0);
  });

  it('TOML blocks hold keys with values of one line', () => {
    const lines = of('toml')
      .flatMap(({ text }) => text.split('\n'))
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines.filter((line) => !/^[a-z-]+ = ("[^"\\]*"|\d+|true|false)$/.test(line))).toEqual([]);
    expect(lines.length).toBeGreaterThan(0);
  });

  inPython('Python blocks compile', () => {
    const check = ({ text }: Block) =>
      spawnSync('python3', ['-c', COMPILE], { input: text, encoding: 'utf8' });
    expect(of('python').map((block) => check(block).stderr)).toEqual(of('python').map(() => ''));
    expect(of('python').length).toBeGreaterThan(1);
  });

  it('TypeScript blocks compile', () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-docs-'));
    try {
      expect(compile(folder, of('ts'))).toBe('');
      expect(of('ts').filter(({ shown }) => shown === undefined).length).toBeGreaterThan(4);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 60_000);
});

describe('the pages that the code writes', () => {
  const written = pages.filter(({ text }) => /^<!-- (generated|file|part): /m.test(text));

  it.each(written.map(({ path }) => path))('%s is what the code says (npm run docs:reference)', (path) => {
    const text = readFileSync(join(ROOT, path), 'utf8');
    expect(text).toBe(renderPage(path, text));
  });

  it('the code writes the five pages of the reference and parts of those that show examples', () => {
    const paths = written.map(({ path }) => path);
    expect(paths.filter((path) => path.startsWith('docs/reference/'))).toHaveLength(5);
    expect(paths.length).toBeGreaterThan(8);
  });

  it('the reference lists no audit event that the code never records', () => {
    const folder = join(ROOT, 'src');
    const texts = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('audit/store.ts'))
      .map((name) => readFileSync(join(folder, name), 'utf8'));
    const unused = Object.keys(AUDIT_EVENTS).filter(
      (name) => !texts.some((text) => text.includes(`'${name}'`)),
    );
    expect(unused).toEqual([]);
  });

  it('the reference names every setting, error code and audit event', () => {
    const read = (name: string) => readFileSync(join(ROOT, `docs/reference/${name}.md`), 'utf8');
    const lost = [
      ...Object.values(SETTINGS).filter(({ name }) => !read('configuration').includes(`| \`${name}\` |`)),
      ...Object.keys(ERRORS).filter((name) => !read('errors').includes(`| \`${name}\` |`)),
      ...Object.keys(AUDIT_EVENTS).filter((name) => !read('events').includes(`| \`${name}\` |`)),
    ];
    expect(lost).toEqual([]);
  });
});

/** What the compiler complains of, in blocks that stand beside the files which their page shows. */
function compile(folder: string, all: readonly Block[]): string {
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: { lib: ['es2023', 'dom'], typeRoots: [join(ROOT, 'node_modules/@types')] },
    include: ['**/*.ts'],
    exclude: ['node_modules'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  for (const block of all.filter(({ shown }) => shown === undefined)) {
    const place = join(folder, `${basename(dirname(block.page))}-${basename(block.page)}-${block.line}`);
    mkdirSync(place);
    // An unused example is no mistake of a page.
    const names = [...block.text.matchAll(/^(?:const|let|async function|function) (\w+)/gm)].map(
      ([, name]) => name,
    );
    writeFileSync(join(place, 'block.ts'), `${block.text}\nexport { ${names.join(', ')} };\n`);
    for (const { page, shown } of all)
      if (page === block.page && shown !== undefined) cpSync(join(ROOT, shown), join(place, basename(shown)));
  }
  try {
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    execFileSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8', env: cleanEnvironment() });
    return '';
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}
