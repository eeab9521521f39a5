import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from '@jest/globals';
import { build } from 'esbuild';
import { cleanEnvironment } from '../support/server-process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SRC = join(ROOT, 'packages/client/src');
const MOST_BYTES = 8_192;

const readManifest = (path: string) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
const read = (name: string) => readFileSync(join(SRC, name), 'utf8');
const specifiersOf = (text: string) =>
  [...text.matchAll(/\bfrom '([^']+)'/g)].map(([, specifier = '']) => specifier);

const folder = mkdtempSync(join(tmpdir(), 'latchkey-client-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (args: readonly string[]) =>
  promisify(execFile)(process.execPath, [...args], { env: cleanEnvironment(), cwd: folder }).catch(
    ({ stdout, stderr }) => ({ stdout: `${stdout}${stderr}` }),
  );

/** A snippet as the handler of a request. */
function asHandler(snippet: string): string {
  const [imports, lines] = [/^import /, /^(?!import )/].map((pattern) =>
    snippet.split('\n').filter((line) => pattern.test(line)),
  );
  return [
    ...(imports ?? []),
    'export async function handle(request: Request) {',
    'void request;',
    ...(lines ?? []),
    '}',
  ].join('\n');
}

describe('the package of the client', () => {
  const manifest = readManifest('packages/client/package.json');
  const server = readManifest('package.json');
  const sources = readdirSync(SRC);

  it('the client has the version of the server, and what else both say is the same', () => {
    const shared = ['version', 'license', 'type', 'engines', 'bugs'] as const;
    for (const name of shared) expect(manifest[name]).toEqual(server[name]);
    expect(manifest.repository).toEqual({ ...server.repository, directory: 'packages/client' });
  });

  it('the client depends on nothing, and each peer is optional and tested', () => {
    expect(manifest.dependencies).toBeUndefined();
    const peers = Object.keys(manifest.peerDependencies);
    expect(Object.keys(manifest.peerDependenciesMeta)).toEqual(peers);
    for (const peer of peers) expect(manifest.peerDependenciesMeta[peer]).toEqual({ optional: true });
    for (const peer of peers) expect(server.devDependencies).toHaveProperty([peer]);
    const imported = sources
      .flatMap((name) => specifiersOf(read(name)))
      .filter((name) => !name.startsWith('.'));
    const nameOf = (specifier: string) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? '';
    const known = [...peers, 'rxjs', '@urql/core'];
    expect([...new Set(imported.map(nameOf))].filter((name) => !known.includes(name))).toEqual([]);
  });

  it('every entry of the client is made of a source', () => {
    const entries = Object.values<string | Record<string, string>>(manifest.exports).flatMap((entry) =>
      typeof entry === 'string' ? [] : Object.values(entry),
    );
    const files = sources.map((name) => name.replace(/\.ts$/, ''));
    for (const entry of entries)
      expect(files).toContain(/^\.\/dist\/([\w-]+)\.(?:js|d\.ts)$/.exec(entry)?.[1]);
  });

  it('no source of the client names a global of Node.js', () => {
    const wrong = sources.flatMap((name) => {
      const code = read(name).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
      return /\b(Buffer|process|require|__dirname|setImmediate)\b|'node:/.exec(code)?.[0] ?? [];
    });
    expect(wrong).toEqual([]);
  });

  it('the core of the client is small', async () => {
    const { outputFiles } = await build({
      entryPoints: [join(SRC, 'client.ts')],
      bundle: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      write: false,
    });
    const bytes = gzipSync(outputFiles[0]?.contents ?? '').length;
    console.info(`The core of @latchkey/client has ${bytes} bytes when bundled, minified and compressed.`);
    expect(bytes).toBeGreaterThan(1_000);
    expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
  });

  it('the snippets of its README compile', async () => {
    const readme = readFileSync(join(ROOT, 'packages/client/README.md'), 'utf8');
    const snippets = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
    expect(snippets.length).toBeGreaterThan(4);
    for (const [index, text] of snippets.entries())
      writeFileSync(join(folder, `${index}.ts`), asHandler(text));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const compilerOptions = {
      noEmit: true,
      noUnusedLocals: false,
      lib: ['es2023', 'dom', 'dom.iterable'],
      types: [],
    };
    const config = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: ['*.ts'] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    expect((await run([compiler, '-p', folder])).stdout).toBe('');
  });

  it('a client keeps no process of Node.js alive', async () => {
    const script = join(folder, 'script.ts');
    const source = `
      import { createAuthClient } from ${JSON.stringify(join(SRC, 'client.ts'))};
      const fetch = async () => Response.json({ errors: [{ extensions: { code: 'FORBIDDEN' } }] });
      const auth = createAuthClient({ url: 'https://auth.example.com/graphql', tokens: 'cookie', fetch });
      auth.subscribe(() => {});
      console.log(await auth.getAccessToken().catch(({ code }) => code), auth.state.status);
    `;
    writeFileSync(script, source);
    const { stdout } = await run(['--import', import.meta.resolve('tsx'), script]);
    expect(stdout).toBe('FORBIDDEN loading\n');
  });

  it('an early renewal that fails as the last act of a process is tried once, so the process ends', async () => {
    const script = join(folder, 'renewal.ts');
    const source = `
      import { createAuthClient } from ${JSON.stringify(join(SRC, 'client.ts'))};
      const id = { id: 'x' };
      const login = { accessToken: 'a', refreshToken: 'r', expiresIn: 600, expiresAt: '', user: id, session: id };
      let tries = 0;
      const fetch = async (_url, { body }) => {
        if (body.includes('mutation login')) return Response.json({ data: { login } });
        tries += 1;
        throw new TypeError('fetch failed');
      };
      const auth = createAuthClient({ url: 'https://auth.example.com/graphql', tokens: 'memory', fetch });
      await auth.login({ email: 'a', password: 'b' });
      const now = performance.now();
      performance.now = () => now + 590_000;
      console.log(await auth.getAccessToken());
      process.on('exit', () => console.log(tries));
    `;
    writeFileSync(script, source);
    const { stdout } = await run(['--import', import.meta.resolve('tsx'), script]);
    expect(stdout).toBe('a\n1\n');
  });
});
