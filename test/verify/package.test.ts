import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from '@jest/globals';
import { cleanEnvironment } from '../support/server-process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SRC = join(ROOT, 'packages/verify/src');
const readManifest = (path: string) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'));

/** What the adapters import beside the rest of the package. Each is an optional peer. */
const ADAPTERS: Readonly<Record<string, readonly string[]>> = {
  'express.ts': [],
  'fastify.ts': ['fastify'],
  'graphql-context.ts': ['graphql'],
  'mercurius.ts': ['mercurius'],
  'nest.ts': ['@nestjs/common'],
};

const folder = mkdtempSync(join(tmpdir(), 'latchkey-verify-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A snippet as the handler of a request. */
function asHandler(snippet: string): string {
  const [imports, lines] = [/^import /, /^(?!import )/].map((pattern) =>
    snippet.split('\n').filter((line) => pattern.test(line)),
  );
  const body = [...(lines ?? []), 'return undefined;'];
  return [
    ...(imports ?? []),
    'export async function handle(request: Request) {',
    'void request;',
    ...body,
    '}',
  ].join('\n');
}

describe('the package of the verifier', () => {
  const manifest = readManifest('packages/verify/package.json');
  const server = readManifest('package.json');
  const sources = readdirSync(SRC).map((name) => [name, readFileSync(join(SRC, name), 'utf8')] as const);

  it('the package has the version of the server, and what else both say is the same', () => {
    const shared = ['version', 'license', 'type', 'engines', 'bugs'] as const;
    for (const name of shared) expect(manifest[name]).toEqual(server[name]);
    expect(manifest.repository).toEqual({ ...server.repository, directory: 'packages/verify' });
    expect(manifest.dependencies).toEqual({ jose: server.devDependencies.jose });
    const peers = [...new Set(Object.values(ADAPTERS).flat())].sort();
    expect(Object.keys(manifest.peerDependencies).sort()).toEqual(peers);
    expect(manifest.peerDependenciesMeta).toEqual(
      Object.fromEntries(peers.map((name) => [name, { optional: true }])),
    );
  });

  it('every entry of the package is made of a source', () => {
    const entries = Object.values<string | Record<string, string>>(manifest.exports).flatMap((entry) =>
      typeof entry === 'string' ? [] : Object.values(entry),
    );
    expect(entries.length).toBeGreaterThan(4);
    const files = sources.map(([name]) => name.replace(/\.ts$/, ''));
    for (const entry of entries)
      expect(files).toContain(/^\.\/dist\/([\w-]+)\.(?:js|d\.ts)$/.exec(entry)?.[1]);
  });

  it('the package stands on jose and the platform of the Web, and an adapter on its own server beside them', () => {
    const wrong = sources.flatMap(([name, text]) => {
      const specifiers = [...text.matchAll(/\bfrom '([^']+)'|import\('([^']+)'\)/g)].map(
        ([, one, two]) => one ?? two ?? '',
      );
      const allowed = new Set(['jose', ...(ADAPTERS[name] ?? [])]);
      const own = /^\.\/([\w-]+\.ts)$/;
      const foreign = specifiers.filter((specifier) => {
        const file = own.exec(specifier)?.[1];
        return file === undefined ? !allowed.has(specifier) : file in ADAPTERS && !(name in ADAPTERS);
      });
      const globals = /\b(Buffer|process|require|__dirname|setImmediate)\b/.exec(
        text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, ''),
      );
      return [...foreign, ...(globals ?? [])].map((fault) => `${name}: ${fault}`);
    });
    expect(wrong).toEqual([]);
  });

  it('the snippets of its README compile, where nothing of Node.js is known', async () => {
    const readme = readFileSync(join(ROOT, 'packages/verify/README.md'), 'utf8');
    const snippets = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
    expect(snippets.length).toBeGreaterThan(1);
    for (const [index, text] of snippets.entries())
      writeFileSync(join(folder, `${index}.ts`), asHandler(text));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const paths = Object.fromEntries(
      Object.entries<{ types?: string }>(manifest.exports)
        .filter(([, { types }]) => types !== undefined)
        .map(([entry, { types = '' }]) => [
          join(manifest.name, entry),
          [types.replace(/^\.\/dist\/(.+)\.d\.ts$/, join(SRC, '$1.ts'))],
        ]),
    );
    const compilerOptions = { noEmit: true, noUnusedLocals: false, lib: ['es2023', 'dom'], types: [], paths };
    const config = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: ['*.ts'] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    const compiled = promisify(execFile)(process.execPath, [compiler, '-p', folder], {
      env: cleanEnvironment(),
    }).catch(({ stdout }) => ({ stdout }));
    expect((await compiled).stdout).toBe('');
  });
});
