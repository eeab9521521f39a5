import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SRC = join(ROOT, 'packages/verify/src');
const readManifest = (path: string) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'));

describe('the package of the verifier', () => {
  const manifest = readManifest('packages/verify/package.json');
  const server = readManifest('package.json');
  const sources = readdirSync(SRC).map((name) => [name, readFileSync(join(SRC, name), 'utf8')] as const);

  it('the package has the version of the server, and what else both say is the same', () => {
    const shared = ['version', 'license', 'type', 'engines', 'bugs'] as const;
    for (const name of shared) expect(manifest[name]).toEqual(server[name]);
    expect(manifest.repository).toEqual({ ...server.repository, directory: 'packages/verify' });
    expect(manifest.dependencies).toEqual({ jose: server.devDependencies.jose });
  });

  it('every entry of the package is made of a source', () => {
    const entries = Object.values<string | Record<string, string>>(manifest.exports).flatMap((entry) =>
      typeof entry === 'string' ? [] : Object.values(entry),
    );
    expect(entries.length).toBe(4);
    const files = sources.map(([name]) => name.replace(/\.ts$/, ''));
    for (const entry of entries)
      expect(files).toContain(/^\.\/dist\/([\w-]+)\.(?:js|d\.ts)$/.exec(entry)?.[1]);
  });

  it('the package stands on jose and the platform of the Web, so that it runs on edge runtimes', () => {
    const wrong = sources.flatMap(([name, text]) => {
      const specifiers = [...text.matchAll(/\bfrom '([^']+)'|import\('([^']+)'\)/g)].map(
        ([, one, two]) => one ?? two,
      );
      const foreign = specifiers.filter((specifier) => !/^(jose$|\.\/[\w-]+\.ts$)/.test(specifier ?? ''));
      const globals = /\b(Buffer|process|require|__dirname|setImmediate)\b/.exec(
        text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, ''),
      );
      return [...foreign, ...(globals ?? [])].map((fault) => `${name}: ${fault}`);
    });
    expect(wrong).toEqual([]);
  });
});
