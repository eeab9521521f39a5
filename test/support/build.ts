import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Options, transformFile } from '@swc/core';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What tsconfig.json says, in the words of a compiler that does not check types and takes no time. */
const OPTIONS: Options & { readonly jsc: { readonly rewriteRelativeImportExtensions: boolean } } = {
  swcrc: false,
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript' },
    transform: { verbatimModuleSyntax: true },
    rewriteRelativeImportExtensions: true,
  },
  module: { type: 'es6' },
};

export interface Build {
  /** The command of the package, for `node` to run. */
  readonly cli: string;
  remove(): void;
}

/**
 * The server as plain JavaScript, in a folder of its own that looks like the package: it starts in half the time that
 * a loader needs, and nobody else's build can change it while processes come and go.
 */
export async function buildServer(): Promise<Build> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-build-'));
  for (const name of ['node_modules', 'package.json', 'schema'])
    symlinkSync(join(ROOT, name), join(folder, name));

  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
  await Promise.all(
    files.map(async (name) => {
      const source = join(ROOT, 'src', name);
      if (statSync(source).isDirectory()) return;
      const target = join(folder, 'dist', name);
      mkdirSync(dirname(target), { recursive: true });
      if (!/\.c?ts$/.test(name)) return copyFileSync(source, target);
      const { code } = await transformFile(source, OPTIONS);
      writeFileSync(target.replace(/ts$/, 'js'), code);
    }),
  );
  // The last build of the pages, which a run of the tests makes sure of.
  symlinkSync(join(ROOT, 'dist/http/doors/account'), join(folder, 'dist/http/doors/account'));
  return {
    cli: join(folder, 'dist', 'cli', 'latchkey.cjs'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
