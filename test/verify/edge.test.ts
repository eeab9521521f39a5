import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EdgeVM } from '@edge-runtime/vm';
import { describe, expect, it } from '@jest/globals';
import { build } from 'esbuild';

const PACKAGE = new URL('../../packages/verify/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('package.json', PACKAGE), 'utf8'));
const entries = Object.entries<string | { default: string }>(manifest.exports).flatMap(([name, entry]) =>
  typeof entry === 'string' ? [] : [[name, sourceOf(entry.default)] as const],
);
/** The sources of the package, by the names that it is imported by. */
const alias = Object.fromEntries(
  entries.map(([name, source]) => [name.replace(/^\./, manifest.name), source]),
);

function sourceOf(built: string): string {
  return fileURLToPath(new URL(built.replace(/^\.\/dist\/(.+)\.js$/, 'src/$1.ts'), PACKAGE));
}

/** One script that assigns the exports to the global `bundle`, and what it leaves for the runtime to import. */
async function bundle(entryPoint: string): Promise<{ script: string; imports: string[] }> {
  const { outputFiles, metafile } = await build({
    entryPoints: [entryPoint],
    bundle: true,
    write: false,
    metafile: true,
    outdir: 'out',
    format: 'iife',
    globalName: 'bundle',
    platform: 'neutral',
    target: 'es2022',
    alias,
    external: ['node:*', ...Object.keys(manifest.peerDependencies ?? {})],
  });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
  return { script: outputFiles[0]?.text ?? '', imports };
}

describe('the verifier on an edge runtime', () => {
  it('the verifier needs nothing of Node.js: an edge runtime says the same of each token', async () => {
    const { script, imports } = await bundle(fileURLToPath(new URL('runtimes/verdicts.js', import.meta.url)));
    expect(imports).toEqual([]);
    const vm = new EdgeVM();
    expect(vm.evaluate('[typeof process, typeof require, typeof Buffer]')).toEqual(
      Array(3).fill('undefined'),
    );
    vm.evaluate(script);
    const verdicts = vm.evaluate(`
      let requests = 0;
      bundle.collectVerdicts(async (jwks) => ({
        async fetch() {
          requests += 1;
          return new Response(JSON.stringify(jwks));
        },
      })).then((verdicts) => JSON.stringify({ verdicts, expected: bundle.EXPECTED, requests }))
    `);
    const { expected, ...said } = JSON.parse(await verdicts);
    expect(expected).toContain('user-1');
    // One request for the first token, and one for the key of the stranger.
    expect(said).toEqual({ verdicts: expected, requests: 2 });
  });

  it.each(entries)(
    'the entry %s loads on an edge runtime, unless a peer of it does not',
    async (_, source) => {
      const { script, imports } = await bundle(source);
      expect(Object.keys(manifest.peerDependencies ?? {})).toEqual(expect.arrayContaining(imports));
      if (imports.length > 0) return;
      const vm = new EdgeVM();
      vm.evaluate(script);
      expect(vm.evaluate('Object.keys(bundle).length')).toBeGreaterThan(0);
    },
  );
});
