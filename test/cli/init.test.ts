import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { readEnvFile } from '../../src/cli/env-file.ts';
import { COMPOSE_FILE, envFile, SECRET_PATH } from '../../src/cli/init-files.ts';
import { loadConfig } from '../../src/config/load.ts';
import { SETTINGS } from '../../src/config/settings.ts';
import { useCommands } from '../support/command.ts';
import { cleanEnvironment } from '../support/server-process.ts';
import { useBuild, useCleanups } from '../support/setup.ts';

const build = useBuild();
const commands = useCommands(build);
const cleanups = useCleanups();
/** Starting a process is slow where cores are few; nothing here is about how slow. */
const PATIENCE_MS = 120_000;

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-init-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe('the .env file of latchkey init', () => {
  it('the .env file of latchkey init sets only the file of the secret, and names every setting once', () => {
    expect(parseEnv(envFile())).toEqual({ LATCHKEY_SECRET_FILE: SECRET_PATH });
    const named = [...envFile().matchAll(/^(?:# )?([A-Z_]+)=/gm)].map(([, name]) => name);
    expect(named).toEqual(Object.values(SETTINGS).map(({ name }) => name));
  });

  it('the .env file of latchkey init shows defaults that work once they are uncommented', () => {
    const uncommented = envFile().replace(/^# (?=[A-Z_]+=)/gm, '');
    const { LATCHKEY_SECRET_FILE: _, ...settings } = parseEnv(uncommented);
    const inMemory = { DATABASE_URL: 'file::memory:' };
    const { secrets: _first, ...config } = loadConfig({
      ...settings,
      ...inMemory,
      LATCHKEY_COOKIES: '',
      LATCHKEY_INTROSPECTION: '',
    });
    const { secrets: _second, ...defaults } = loadConfig(inMemory);
    expect(config).toMatchObject({
      issuer: defaults.issuer,
      mailFrom: defaults.mailFrom,
      mode: 'development',
    });
    expect(Object.keys(settings)).toHaveLength(Object.keys(SETTINGS).length - 1);
  });
});

describe('latchkey init', () => {
  (process.platform === 'linux' ? it : it.skip)(
    'latchkey init and a server fail at once in a folder that takes no folders',
    async () => {
      const cwd = temporaryFolder();
      expect(await commands.run(['init', '/proc/latchkey'], { cwd })).toMatchObject({ exitCode: 1 });
      const environment = { DATABASE_URL: 'file:/proc/latchkey/accounts.db' };
      expect(await commands.run(['migrate'], { cwd, environment })).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('cannot be made (ENOENT)'),
      });
    },
    PATIENCE_MS,
  );

  (process.platform === 'linux' ? it : it.skip)(
    'latchkey init that runs out of room leaves no half of a file',
    () => {
      const folder = temporaryFolder();
      // A file of 512 bytes or 1 KiB is the longest, as the shell counts.
      const full = spawnSync('sh', ['-c', 'ulimit -f 1; exec "$0" "$1" init', process.execPath, build.cli], {
        cwd: folder,
        env: cleanEnvironment(),
      });
      expect(full.status).not.toBe(0);
      expect(readdirSync(folder).filter((name) => name !== 'secrets')).toEqual([]);
    },
    PATIENCE_MS,
  );

  it(
    'latchkey init makes a folder that a server starts in, with a secret that only its owner can read',
    async () => {
      const folder = temporaryFolder();
      const end = await commands.run(['init', 'server'], { cwd: folder });
      expect(end).toMatchObject({ exitCode: 0, stderr: '' });
      const made = join(folder, 'server');
      expect(end.stdout).toContain(made);
      expect(readdirSync(made, { recursive: true }).sort()).toEqual(
        ['.env', 'compose.yaml', 'secrets', 'secrets/.gitignore', SECRET_PATH].sort(),
      );
      for (const path of ['.env', SECRET_PATH]) expect(statSync(join(made, path)).mode & 0o777).toBe(0o600);
      const secret = readFileSync(join(made, SECRET_PATH), 'utf8');
      expect(secret).toMatch(/^[0-9a-f]{64}\n$/);
      expect(end.stdout).not.toContain(secret.trim());
      expect(readFileSync(join(made, 'compose.yaml'), 'utf8')).toBe(COMPOSE_FILE);

      const { child, printed, ended } = commands.start(['serve', '--env-file', '.env'], {
        cwd: made,
        environment: { PORT: '0' },
      });
      await printed(/JWKS: /);
      child.kill('SIGTERM');
      expect(await ended).toMatchObject({ exitCode: 0 });
      // The secret is the one that was made, so none was made beside the database.
      expect(readdirSync(join(made, 'data'))).not.toContain('secret');
    },
    PATIENCE_MS,
  );

  it.each(['.env', 'compose.yaml', SECRET_PATH])(
    'latchkey init makes nothing where %s is there already, and says so',
    async (path) => {
      const folder = temporaryFolder();
      await commands.run(['init'], { cwd: folder });
      for (const name of ['.env', 'compose.yaml', 'secrets'])
        if (!path.startsWith(name)) rmSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, path), 'mine');
      const before = readdirSync(folder);
      const end = await commands.run(['init'], { cwd: folder });
      expect(end).toEqual({
        exitCode: 1,
        stdout: '',
        stderr: expect.stringContaining(`${path} is there already`),
      });
      expect(readdirSync(folder)).toEqual(before);
      expect(readFileSync(join(folder, path), 'utf8')).toBe('mine');
    },
    PATIENCE_MS,
  );
});

describe('--env-file', () => {
  const file = [
    '# of dotenv, with a byte order mark before it',
    'LATCHKEY_MAIL_FROM="Acme, Inc. #1 <a@example.com>"',
    "LATCHKEY_AUDIENCE='from the file'",
    'export LATCHKEY_PASSWORD_MIN_LENGTH=20 # a comment',
    'DATABASE_URL=file:kept/accounts.db',
  ].join('\n');

  it(
    '--env-file gives settings to a command in the syntax of dotenv, and the environment overrides them',
    async () => {
      const cwd = temporaryFolder();
      writeFileSync(join(cwd, 'settings'), `\ufeff${file.replace('Acme, Inc. #1', 'Acme #1')}\n`);
      const environment = { LATCHKEY_AUDIENCE: 'from the environment', LATCHKEY_PASSWORD_MIN_LENGTH: '' };
      const run = (...args: string[]) =>
        commands.run([...args, '--env-file', 'settings'], { cwd, environment });
      expect(await run('migrate')).toMatchObject({ exitCode: 0 });
      expect(readdirSync(join(cwd, 'kept'))).toContain('accounts.db');
      const { settings } = JSON.parse((await run('doctor', '--json')).stdout);
      expect(settings).toMatchObject({
        LATCHKEY_MAIL_FROM: 'Acme #1 <a@example.com>',
        LATCHKEY_AUDIENCE: 'from the environment',
        LATCHKEY_PASSWORD_MIN_LENGTH: '20',
        DATABASE_URL: 'file:kept/accounts.db',
      });
    },
    PATIENCE_MS,
  );

  it(
    'a command says that the .env beside it is not read, where the file names the secret and nothing else does',
    async () => {
      const secret = randomBytes(32).toString('hex');
      const note = 'latchkey: .env here names a secret and is not read: add --env-file .env\n';
      const stderrOf = async (text: string, args: string[], environment = {}) => {
        const cwd = temporaryFolder();
        writeFileSync(join(cwd, '.env'), text);
        return (await commands.run(['keys', 'list', ...args], { cwd, environment })).stderr;
      };
      const file = `LATCHKEY_SECRET=${secret}\n`;
      expect(await stderrOf(file, [])).toBe(note);
      expect(await stderrOf(file, ['--env-file', '.env'])).toBe('');
      expect(await stderrOf(file, [], { LATCHKEY_SECRET: secret })).toBe('');
      expect(await stderrOf('# LATCHKEY_SECRET=\nPORT=4000\n', [])).toBe('');
    },
    PATIENCE_MS,
  );

  it('an --env-file that cannot be read fails in a sentence that says what to do', () => {
    expect(() => readEnvFile('/nowhere/settings', {})).toThrow(
      'The file of --env-file, /nowhere/settings, cannot be read (ENOENT): correct its path or its mode.',
    );
  });

  it.each(['serve', 'doctor'])(
    '--env-file stops %s if the file is missing or a setting in it is misspelt',
    async (command) => {
      const cwd = temporaryFolder();
      writeFileSync(join(cwd, 'settings'), 'LATCHKEY_ISUER=http://localhost:4000\n');
      // Node.js itself may have looked for the file first: it ends with 9.
      const missing = await commands.run([command, '--env-file', 'none'], { cwd });
      expect([1, 9]).toContain(missing.exitCode);
      expect(missing).toMatchObject({ stdout: '', stderr: expect.stringMatching(/^\S+: .*\bnone\b.*\n$/) });
      const misspelt = await commands.run(['--env-file', 'settings', command], { cwd });
      expect(misspelt).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('did you mean LATCHKEY_ISSUER?'),
      });
    },
    PATIENCE_MS,
  );
});
