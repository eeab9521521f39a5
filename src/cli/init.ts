import { lstatSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { generateSecret } from '../config/master-secret.ts';
import { makePrivateFolder } from '../platform/folder.ts';
import { ENTRY, withExamples } from './help.ts';
import { COMPOSE_FILE, envFile, SECRET_PATH } from './init-files.ts';
import { writeNewFile } from './new-file.ts';
import { confirm } from './output.ts';

/** `latchkey init`: what a deployment begins with, in files that are then the operator's own. */
export function addInit(program: Command): void {
  const init = program
    .command('init')
    .summary('write a commented .env, a secret and a compose file')
    .description(
      'write a commented .env with every setting, a secret that its owner alone can read, and a compose file; overwrites nothing',
    )
    .argument('[folder]', 'where to; made if it is not there', '.')
    .action(async (folder: string) => {
      const root = resolve(folder);
      await writeAll(root, [
        { path: '.env', text: envFile(), mode: 0o600 },
        { path: SECRET_PATH, text: `${generateSecret().toString('hex')}\n`, mode: 0o600 },
        // Without it the secret is one `git add .` away from everybody.
        { path: join(dirname(SECRET_PATH), '.gitignore'), text: '*\n', mode: 0o644 },
        { path: 'compose.yaml', text: COMPOSE_FILE, mode: 0o644 },
      ]);
      await confirm(
        [
          `Made .env, ${SECRET_PATH} and compose.yaml in ${root}.`,
          '',
          'Next:',
          `  cd ${root}`,
          `  ${ENTRY} serve --env-file .env`,
          '',
          'Give --env-file .env to every other command here, too: the file names the secret.',
          '',
          'Keep .env out of version control, and a copy of the secret in a safe place:',
          'without it no token can be signed and no queued mail be sent.',
          'For production, set NODE_ENV and LATCHKEY_ISSUER in .env; compose.yaml runs it in a container.',
        ].join('\n'),
      );
    });
  withExamples(init, 'latchkey init', 'latchkey init my-server');
}

interface NewFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/** Writes all of them or none. @throws Error that names the first one that is there already. */
async function writeAll(root: string, files: readonly NewFile[]): Promise<void> {
  const taken = files.find(
    ({ path }) => lstatSync(join(root, path), { throwIfNoEntry: false }) !== undefined,
  );
  if (taken !== undefined)
    throw new Error(`${join(root, taken.path)} is there already: remove it, or name another folder.`);
  const made: string[] = [];
  try {
    for (const { path, text, mode } of files) {
      const file = join(root, path);
      makePrivateFolder(dirname(file));
      await writeNewFile(file, text, { mode });
      made.push(file);
    }
  } catch (error) {
    for (const file of made) await rm(file, { force: true });
    throw error;
  }
}
