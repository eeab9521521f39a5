import { execFile } from 'node:child_process';
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
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cleanEnvironment } from './support/server-process.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PATIENCE_MS = 120_000;
/** SUP-1: packages that production installs, theirs and builds for other platforms included. SECURITY.md says so. */
const MOST_RUNTIME_PACKAGES = 294;

interface LockEntry {
  /** Where the package is installed under another name than its own. */
  readonly name?: string;
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly inBundle?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

interface Lockfile {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, LockEntry>>;
}

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly optionalDependencies: Record<string, string>;
  readonly overrides: Record<string, string>;
  readonly allowScripts: Record<string, boolean>;
}

interface KnownBad {
  readonly compiledOn: string;
  readonly packages: readonly { name: string; range: string; example: string; why: string }[];
}

const manifest: Manifest = readJson('package.json');
const lockfile: Lockfile = readJson('package-lock.json');
const knownBad: KnownBad = readJson('.ci/known-bad-versions.json');
const reached = reachedFrom('', new Set());
/** The packages of this repository, by their folders. */
const workspaces = [...readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}`), 'web'];
const locked = Object.entries(lockfile.packages).filter(
  ([path, entry]) => path !== '' && !workspaces.includes(path) && !isWorkspaceLink([path, entry]),
);
/** What production installs. The flags of the lockfile speak of all workspaces, and of their optional peers, too. */
const runtime = Object.entries(lockfile.packages).filter(([path]) => reached.has(path));

const folder = mkdtempSync(join(tmpdir(), 'latchkey-supply-chain-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the lockfile', () => {
  it('the lockfile pins every package by its integrity and takes all of them from the registry (SUP-1)', () => {
    expect(lockfile.lockfileVersion).toBe(3);
    expect(locked.length).toBeGreaterThan(500);
    expect(locked.flatMap(faultsOf)).toEqual([]);
  });

  it.each<[string, LockEntry]>([
    ['a package without an integrity', { version: '1.0.0' }],
    ['a package with a weak integrity', { version: '1.0.0', integrity: 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=' }],
    [
      'a package of another host',
      { version: '1.0.0', integrity: 'sha512-x', resolved: 'http://example.com/a.tgz' },
    ],
    [
      'a package of a Git repository',
      { integrity: 'sha512-x', resolved: 'git+ssh://git@example.com/a.git#1' },
    ],
    ['a link to a folder', { link: true, resolved: '../a' }],
    [
      'a package whose version is an address',
      { version: 'https://example.com/a.tgz', integrity: 'sha512-x' },
    ],
  ])('the check of the lockfile refuses %s (control)', (_, entry) => {
    expect(faultsOf(['node_modules/a', entry])).not.toEqual([]);
  });

  it('the lockfile holds the versions of package.json, each of them exact (SUP-1)', () => {
    const { dependencies, devDependencies, optionalDependencies, overrides } = manifest;
    const wanted = { ...dependencies, ...devDependencies, ...optionalDependencies };
    const versions = Object.entries({ ...wanted, ...overrides });
    const exact = /^(npm:@?[\w./-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/;
    expect(versions.filter(([, version]) => !exact.test(version))).toEqual([]);
    const found = Object.keys(wanted).map((alias) => {
      const { name, version } = lockfile.packages[`node_modules/${alias}`] ?? {};
      return [alias, name === undefined ? version : `npm:${name}@${version}`];
    });
    expect(Object.fromEntries(found)).toEqual(wanted);
  });

  it('the lockfile holds no more packages for production than SECURITY.md states (SUP-1)', () => {
    expect(runtime.length).toBeLessThanOrEqual(MOST_RUNTIME_PACKAGES);
    expect(readFileSync(join(ROOT, 'SECURITY.md'), 'utf8')).toContain(`${MOST_RUNTIME_PACKAGES} packages`);
  });

  it(
    'npm ci installs the lockfile without a warning',
    async () => {
      const cwd = join(folder, 'install');
      mkdirSync(cwd);
      for (const name of ['package.json', 'package-lock.json', '.npmrc'])
        cpSync(join(ROOT, name), join(cwd, name));
      const options = { cwd, env: cleanEnvironment(), maxBuffer: 64 * 1024 * 1024 };
      const args = ['ci', '--dry-run', '--offline', '--no-audit', '--no-fund'];
      expect((await promisify(execFile)('npm', args, options)).stderr).toBe('');
    },
    PATIENCE_MS,
  );

  it('each package with an install script has a decision, and one of the scripts runs (SUP-3)', () => {
    const withScript = locked
      .filter(([, { hasInstallScript }]) => hasInstallScript)
      .map(([path]) => nameOf(path));
    expect(Object.keys(manifest.allowScripts).sort()).toEqual([...new Set(withScript)].sort());
    const allowed = Object.entries(manifest.allowScripts).filter(([, allow]) => allow);
    expect(allowed.map(([name]) => name)).toEqual(['better-sqlite3']);
    expect(readFileSync(join(ROOT, '.npmrc'), 'utf8')).toContain('\nstrict-allow-scripts=true\n');
  });
});

describe('the files beside the code', () => {
  it.each([
    ['Dockerfile', /^COPY (?!--from)(.+) \S+$/gm],
    ['.ci/run', /\b(test\/[\w/-]+\.test\.ts)\b/g],
  ])('%s names only files that are there', (script, pattern) => {
    const named = [...readFileSync(join(ROOT, script), 'utf8').matchAll(pattern)].flatMap(([, names = '']) =>
      names.split(' '),
    );
    expect(named.length).toBeGreaterThan(1);
    expect(named.filter((name) => !existsSync(join(ROOT, name)))).toEqual([]);
  });
});

/** The folders that are installed by themselves. */
const alone = ['docs', ...readdirSync(join(ROOT, 'examples')).map((name) => `examples/${name}`)].filter(
  (path) => existsSync(join(ROOT, path, 'package.json')),
);

describe.each(alone)('the lockfile of %s', (path) => {
  it(`the lockfile of ${path} pins every package by its integrity and takes all of them from the registry (SUP-1)`, () => {
    const { packages }: Lockfile = readJson(`${path}/package-lock.json`);
    const own = workspaces.map((workspace) => `file:../../${workspace}`);
    const foreign = Object.entries(packages).filter(
      ([name, { resolved = '' }]) => name !== '' && !own.includes(resolved),
    );
    expect(foreign.length).toBeGreaterThan(20);
    expect(foreign.flatMap(faultsOf)).toEqual([]);
    const { dependencies, devDependencies }: Partial<Manifest> = readJson(`${path}/package.json`);
    const wanted = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([, version]) => !own.includes(version),
    );
    expect(wanted.map(([name]) => [name, packages[`node_modules/${name}`]?.version])).toEqual(wanted);
  });
});

describe('the scripts of the docs', () => {
  const docs: Lockfile = readJson('docs/package-lock.json');
  const packages = Object.entries(docs.packages).filter(([path]) => path !== '');

  it('no install script of a package of the docs runs (SUP-3)', () => {
    const { allowScripts }: Manifest = readJson('docs/package.json');
    const withScript = packages.filter(([, { hasInstallScript }]) => hasInstallScript);
    expect(withScript.map(([path]) => [nameOf(path), allowScripts[nameOf(path)]])).toEqual([
      ['esbuild', false],
    ]);
    expect(readFileSync(join(ROOT, 'docs/.npmrc'), 'utf8')).toContain('\nstrict-allow-scripts=true\n');
  });
});

describe('the list of known bad versions', () => {
  it(
    'no lockfile holds a version that is known to be bad (SUP-2)',
    async () => {
      expect(knownBad.compiledOn).toMatch(/^20\d\d-\d\d-\d\d$/);
      expect(await findKnownBad(ROOT)).toEqual([]);
      for (const path of alone) expect(await findKnownBad(join(ROOT, path))).toEqual([]);
    },
    PATIENCE_MS,
  );

  it(
    'the search for known bad versions finds each of them (SUP-2, control)',
    async () => {
      const examples = knownBad.packages.map(({ name, example }) => [name, example] as const);
      const project = { name: 'control', version: '1.0.0', dependencies: Object.fromEntries(examples) };
      const packages = examples.map(([name, version]) => [`node_modules/${name}`, { version }]);
      writeFileSync(join(folder, 'package.json'), JSON.stringify(project));
      writeFileSync(
        join(folder, 'package-lock.json'),
        JSON.stringify({
          ...project,
          lockfileVersion: 3,
          packages: { '': project, ...Object.fromEntries(packages) },
        }),
      );
      expect((await findKnownBad(folder)).sort()).toEqual(examples.map((pair) => pair.join('@')).sort());
    },
    PATIENCE_MS,
  );
});

describe('a release', () => {
  const clone = join(folder, 'clone');
  let packed: string[];

  beforeAll(async () => {
    const files = [
      'package.json',
      'tsconfig.json',
      'tsconfig.build.json',
      'src',
      'schema',
      'test',
      '.ci',
      'web',
      'packages',
    ];
    for (const name of [...files, 'README.md', 'SECURITY.md', 'LICENSE', 'biome.json', 'jest.config.js']) {
      cpSync(join(ROOT, name), join(clone, name), { recursive: true });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
    await run('npm', ['run', 'build'], clone);
    const answer: unknown = JSON.parse(await run('npm', ['pack', '--dry-run', '--json'], clone));
    // A list up to npm 11, by name after it.
    const [report] = Object.values(answer as Record<string, { files: { path: string }[] }>);
    packed = report?.files.map(({ path }) => path) ?? [];
  }, PATIENCE_MS);

  it('a release holds the program, the schema, the migrations, the mails, the manual and the licence (SUP-3)', () => {
    const texts = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      /\.(sql|txt|html)$/.test(file),
    );
    expect(packed).toEqual(
      expect.arrayContaining([
        ...['package.json', 'README.md', 'SECURITY.md', 'LICENSE', 'dist/main.js', 'dist/cli/latchkey.cjs'],
        ...['schema/base.graphql', 'dist/database/migrations/0001_initial.sql'],
        'dist/core/passwords/templates/reset-password.html',
        ...texts.map((file) => `dist/${file}`),
        ...['react.js', 'react-dom.js', 'graphiql.js', 'graphiql.css', 'LICENSE'].map(
          (name) => `dist/http/doors/graphiql/${name}`,
        ),
        'dist/http/doors/assets/start-page.html',
        'dist/http/doors/account/index.html',
      ]),
    );
  });

  it('a release packs the server and every package beside it (SUP-3)', async () => {
    const pack = readJson<{ scripts: { release: string } }>('package.json')
      .scripts.release.split('&&')
      .at(-1);
    const answer: object = JSON.parse(await run('bash', ['-c', `${pack} --dry-run --json`], ROOT));
    const names = Object.values(answer).map(({ name }: { name: string }) => name);
    // The pages of accounts are in the server.
    const expected = ['.', ...workspaces.filter((path) => path !== 'web')].map(
      (path) => readJson<{ name: string }>(`${path}/package.json`).name,
    );
    expect(names.sort()).toEqual(expected.sort());
  });

  it('a release holds no tests, maps, sources or other files of development (SUP-3)', () => {
    const documents = ['package.json', 'README.md', 'SECURITY.md', 'LICENSE'];
    const runs =
      /^(dist\/[\w/-]+(\.d)?\.(js|ts)|dist\/cli\/latchkey\.(cjs|d\.cts)|schema\/[\w-]+\.graphql|dist\/database\/migrations\/\w+(\.(postgres|sqlite))?\.sql|dist\/(core|features)\/[\w-]+\/templates\/[\w-]+\.(txt|html)|dist\/http\/doors\/(assets\/[\w-]+\.(css|html)|account\/(index\.html|assets\/index-[\w-]+\.css)|graphiql\/(graphiql\.css|LICENSE)))$/;
    expect(packed.filter((path) => !documents.includes(path) && !runs.test(path))).toEqual([]);
    expect(
      packed.filter((path) => path.startsWith('dist') && path.endsWith('.ts') && !path.endsWith('.d.ts')),
    ).toEqual([]);
    expect(packed.filter((path) => /test|bench|example/.test(path))).toEqual([]);
  });

  it(
    'the CycloneDX bill of materials of a release lists all that production installs, and nothing else (SUP-1)',
    async () => {
      const bill: { bomFormat: string; components: { name: string; version: string }[] } = JSON.parse(
        await run('bash', ['.ci/sbom'], ROOT),
      );
      expect(bill.bomFormat).toBe('CycloneDX');
      const listed = bill.components.map(({ name, version }) => `${name}@${version}`);
      const installed = runtime.map(([path, { version }]) => `${nameOf(path)}@${version}`);
      expect([...new Set(listed)].sort()).toEqual([...new Set(installed)].sort());
    },
    PATIENCE_MS,
  );
});

/** Whether an entry leads to a package of this repository, under its own name. */
function isWorkspaceLink([path, { link, resolved }]: readonly [string, LockEntry]): boolean {
  const folder = workspaces.find((workspace) => workspace === resolved);
  if (!link || folder === undefined) return false;
  return path === `node_modules/${readJson<{ name: string }>(`${folder}/package.json`).name}`;
}

/** What is wrong with an entry of the lockfile. */
function faultsOf([path, { version, integrity, resolved, link, inBundle }]: readonly [
  string,
  LockEntry,
]): string[] {
  const faults = [
    !(integrity?.startsWith('sha512-') || inBundle) && 'no integrity',
    resolved !== undefined && 'from elsewhere',
    link && 'a link',
    !/^\d+\.\d+\.\d+(-[\w.-]+)?$/.test(version ?? '') && 'no version',
  ];
  return faults.filter((fault) => typeof fault === 'string').map((fault) => `${path}: ${fault}`);
}

/** By npm itself, which knows what a range means. */
async function findKnownBad(cwd: string): Promise<string[]> {
  const selector = knownBad.packages.map(({ name, range }) => `[name="${name}"]:semver(${range})`).join(', ');
  const stdout = await run('npm', ['query', selector, '--package-lock-only'], cwd);
  const found: { name: string; version: string }[] = JSON.parse(stdout);
  return found.map(({ name, version }) => `${name}@${version}`);
}

/** The name of the package that is installed at a path. */
/** The packages that one in the lockfile needs, by the rule by which Node.js finds them. */
function reachedFrom(path: string, found: Set<string>): Set<string> {
  const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } =
    lockfile.packages[path] ?? {};
  const names = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
  for (const name of names.filter((name) => peerDependenciesMeta?.[name]?.optional !== true)) {
    const next = foldersAbove(path)
      .map((folder) => `${folder}node_modules/${name}`)
      .find((candidate) => candidate in lockfile.packages);
    if (next === undefined || found.has(next)) continue;
    found.add(next);
    reachedFrom(next, found);
  }
  return found;
}

/** `a/node_modules/b`: `a/node_modules/b/`, `a/` and the root. */
function foldersAbove(path: string): string[] {
  if (path === '') return [''];
  const above = path.slice(0, path.lastIndexOf('node_modules/')).replace(/\/$/, '');
  return [`${path}/`, ...foldersAbove(above)];
}

function nameOf(path: string): string {
  return path.replace(/^.*node_modules\//, '');
}

async function run(command: string, args: string[], cwd: string): Promise<string> {
  const options = { cwd, env: cleanEnvironment(), maxBuffer: 64 * 1024 * 1024 };
  return (await promisify(execFile)(command, args, options)).stdout;
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as T;
}
