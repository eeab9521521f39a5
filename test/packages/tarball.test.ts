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
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { publint } from 'publint';
import { cleanEnvironment } from '../support/server-process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const PATIENCE_MS = 120_000;

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

const folder = mkdtempSync(join(tmpdir(), 'latchkey-tarball-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
/** A copy of the packages and what they are built with. The projects are beside it, so they see none of that. */
const workshop = join(folder, 'workshop');

const workspaces = readdirSync(join(ROOT, 'packages'));
const manifestOf = (path: string): Manifest => JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
const sources = new Map(workspaces.map((name) => [manifestOf(join(ROOT, 'packages', name)).name, name]));

async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const options = { cwd, env: cleanEnvironment(), maxBuffer: 64 * 1024 * 1024 };
  return (await promisify(execFile)(command, args, options)).stdout;
}

interface Packed {
  readonly path: string;
  readonly files: readonly string[];
}

/** `npm pack`. No network: what is packed is on this machine. */
async function pack(path: string): Promise<Packed> {
  const args = ['pack', path, '--json', '--ignore-scripts', '--offline', '--pack-destination', folder];
  // A list up to npm 11, by name after it.
  const [report] = Object.values(JSON.parse(await run('npm', args, folder))) as [
    { filename: string; files: { path: string }[] },
  ];
  return {
    path: join(folder, report.filename.replace(/^@/, '').replace('/', '-')),
    files: report.files.map(({ path }) => path),
  };
}

/** The package and all that it depends on, as tarballs. Those of others are packed again from `node_modules`. */
async function tarballsOf(path: string, known = new Map<string, string>()): Promise<Map<string, string>> {
  const { name, dependencies = {} } = manifestOf(path);
  known.set(name, (await pack(path)).path);
  for (const dependency of Object.keys(dependencies)) {
    if (known.has(dependency)) continue;
    const source = sources.get(dependency);
    const from =
      source === undefined ? join(ROOT, 'node_modules', dependency) : join(workshop, 'packages', source);
    await tarballsOf(from, known);
  }
  return known;
}

/** The specifiers of a package's entries. */
function entriesOf({ name, exports }: Manifest): string[] {
  return Object.keys(exports).map((entry) => entry.replace(/^\./, name));
}

/** For each entry the number of its exports, or why it does not load. */
async function load(project: string, entries: readonly string[]): Promise<Record<string, number | string>> {
  const script = `
    const loaded = {};
    for (const entry of ${JSON.stringify(entries)}) {
      const attributes = entry.endsWith('.json') ? { with: { type: 'json' } } : {};
      loaded[entry] = await import(entry, attributes).then(
        (module) => Object.keys(module).length,
        (error) => error.message,
      );
    }
    console.log(JSON.stringify(loaded));`;
  return JSON.parse(await run(process.execPath, ['--input-type=module', '--eval', script], project));
}

/** The faults that a strict consumer sees, those in the declarations of the package's peers aside. */
async function compile(project: string, options: Record<string, unknown>): Promise<string[]> {
  const compilerOptions = {
    ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true },
    ...{ target: 'es2022', lib: ['es2023'], types: [], ...options },
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
  const compiled = run(process.execPath, [TSC, '-p', project], project);
  const output = await compiled.catch(({ stdout }: { stdout: string }) => stdout);
  // Peers are links, and TypeScript names what a link leads to. The lines of one message after its first are indented.
  return output
    .split(/\n(?=\S)/)
    .filter((message) => message !== '' && !/^\S*\.\.\/\S*\/node_modules\//.test(message));
}

beforeAll(async () => {
  // Apart from the working copy, so that no earlier build and no other test is in it.
  cpSync(join(ROOT, 'tsconfig.json'), join(workshop, 'tsconfig.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(workshop, 'node_modules'));
  for (const name of workspaces) {
    const copy = join(workshop, 'packages', name);
    const filter = (path: string) => !/\/packages\/[^/]+\/(dist|node_modules)$/.test(path);
    cpSync(join(ROOT, 'packages', name), copy, { recursive: true, filter });
    await run('npm', ['run', 'build'], copy);
  }
}, PATIENCE_MS);

describe.each(workspaces)('the tarball of packages/%s', (workspace) => {
  const source = join(ROOT, 'packages', workspace);
  const manifest = manifestOf(source);
  const entries = entriesOf(manifest);
  const modules = entries.filter((entry) => !entry.endsWith('.json'));
  const peers = Object.keys(manifest.peerDependencies ?? {});
  /** A project with nothing but the package, and one that has its peers, too. */
  const alone = join(folder, `${workspace}-alone`);
  const beside = join(folder, `${workspace}-with-peers`);
  let packed: Packed;

  beforeAll(async () => {
    packed = await pack(join(workshop, 'packages', workspace));
    mkdirSync(alone);
    writeFileSync(join(alone, 'package.json'), '{ "private": true, "type": "module" }');
    const tarballs = await tarballsOf(join(workshop, 'packages', workspace));
    const options = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--omit=peer'];
    await run('npm', ['install', ...options, ...tarballs.values()], alone);
    cpSync(alone, beside, { recursive: true });
    for (const peer of peers) {
      const link = join(beside, 'node_modules', peer);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules', peer), link);
    }
  }, PATIENCE_MS);

  it('the tarball holds what the sources compile to, the README and the licence, and nothing else', () => {
    const compiled = readdirSync(join(source, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => ['js', 'd.ts'].map((extension) => `dist/${file.replace(/ts$/, extension)}`));
    expect(compiled.length).toBeGreaterThan(0);
    expect([...packed.files].sort()).toEqual(['LICENSE', 'README.md', 'package.json', ...compiled].sort());
    const mapped = compiled.filter((file) =>
      readFileSync(join(workshop, 'packages', workspace, file), 'utf8').includes('sourceMappingURL'),
    );
    expect(mapped).toEqual([]);
  });

  it('every entry loads in an empty project, or says which optional peer it needs', async () => {
    const loaded = await load(alone, entries);
    const missing = peers
      .filter((peer) => manifest.peerDependenciesMeta?.[peer]?.optional === true)
      .map((peer) => `Cannot find package '${peer}'`);
    const wrong = Object.entries(loaded).filter(
      ([, answer]) => !(Number(answer) > 0 || missing.some((text) => String(answer).startsWith(text))),
    );
    expect(wrong).toEqual([]);
    expect(loaded[manifest.name]).toBeGreaterThan(0);
  });

  it('every entry loads beside the peers', async () => {
    const loaded = await load(beside, entries);
    expect(Object.entries(loaded).filter(([, answer]) => !(Number(answer) > 0))).toEqual([]);
  });

  it.each([
    { module: 'nodenext', types: ['node'] },
    { module: 'preserve', moduleResolution: 'bundler', types: ['node'] },
    { module: 'preserve', moduleResolution: 'bundler', lib: ['es2023', 'dom', 'dom.iterable'] },
  ])('a strict consumer compiles, with the types of old and new platforms: %j', async (options) => {
    const nodeTypes = options.types === undefined ? [undefined] : ['@types/node', 'types-node-newest'];
    for (const types of nodeTypes)
      for (const [project, used] of [
        [alone, [manifest.name]],
        [beside, modules],
      ] as const) {
        installTypes(project, types);
        const imports = used.map((entry, index) => `import * as entry${index} from '${entry}';`);
        const uses = used.map(
          (_, index) => `export const names${index}: string[] = Object.keys(entry${index});`,
        );
        writeFileSync(join(project, 'consumer.ts'), [...imports, ...uses].join('\n'));
        expect(await compile(project, options)).toEqual([]);
      }
  });

  it('a consumer sees the types of the exports, and an export that is not there', async () => {
    writeFileSync(
      join(beside, 'consumer.ts'),
      modules
        .flatMap((entry, index) => [
          `import * as entry${index} from '${entry}';`,
          `export const any${index}: 0 extends 1 & typeof entry${index} ? never : string = 'typed';`,
          `export { noSuchExport as missing${index} } from '${entry}';`,
        ])
        .join('\n'),
    );
    const faults = await compile(beside, { module: 'nodenext', lib: ['es2023', 'dom', 'dom.iterable'] });
    expect(faults.map((line) => /error (TS\d+)/.exec(line)?.[1])).toEqual(modules.map(() => 'TS2305'));
  });

  it('publint finds nothing to say about the tarball', async () => {
    const bytes = readFileSync(packed.path);
    const { messages } = await publint({ pack: { tarball: new Uint8Array(bytes).buffer }, strict: true });
    expect(messages).toEqual([]);
  });

  it('the types of every entry resolve in ESM, by the rules of Node.js and of bundlers', async () => {
    const result = await checkPackage(createPackageFromTarballData(readFileSync(packed.path)));
    if (!result.types) throw new Error('The tarball has no types');
    expect(Object.keys(result.entrypoints)).toEqual(Object.keys(manifest.exports));
    // The package is ESM only: require() and the resolution of Node.js 10 are no way into it.
    const problems = result.problems.filter(
      (problem) =>
        !('resolutionKind' in problem && ['node10', 'node16-cjs'].includes(problem.resolutionKind)),
    );
    expect(problems).toEqual([]);
  });
});

/** Puts types of Node.js in a project, or takes them away. */
function installTypes(project: string, name: string | undefined): void {
  const target = join(project, 'node_modules/@types/node');
  rmSync(target, { recursive: true, force: true });
  if (name === undefined) return;
  cpSync(join(ROOT, 'node_modules', name), target, { recursive: true });
  const shared = join(ROOT, 'node_modules/undici-types');
  const nested = join(target, 'node_modules/undici-types');
  if (!existsSync(nested)) cpSync(shared, nested, { recursive: true });
}
