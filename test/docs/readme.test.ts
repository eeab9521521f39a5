import { execFile, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildASTSchema, isEnumType, parse, validate } from 'graphql';
import type { Setting } from '../../src/config/setting.ts';
import { SETTINGS } from '../../src/config/settings.ts';
import { ERRORS } from '../../src/errors.ts';
import { readTypeDefs } from '../../src/graphql/type-defs.ts';
import { cleanEnvironment, type ServerProcess, startServerProcess } from '../support/server-process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** What a clone holds and the README's commands use. */
const CLONED = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'src', 'schema', 'examples'];

interface Fence {
  readonly language: string;
  readonly text: string;
}

const fences: Fence[] = [...README.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(
  ([, language = '', text = '']) => ({ language, text: text.trimEnd() }),
);

/** What stands between `<!-- name -->` and the comment that closes it. */
function section(name: string): string {
  const [, text] = README.split(`<!-- ${name} -->\n`);
  return text?.split('\n<!-- /')[0] ?? '';
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const code = (text: string) => `\`${text}\``;

const schema = buildASTSchema(parse(readTypeDefs()));

describe('the README', () => {
  it('has one row per setting, as the server has it', () => {
    const rows = Object.values(SETTINGS).map((setting: Setting) => {
      const inDevelopment =
        setting.developmentDefault && `${code(setting.developmentDefault)} in development`;
      const defaults = [setting.default && code(setting.default), inDevelopment].filter(Boolean);
      return [code(setting.name), defaults.join(', ') || 'none', setting.description];
    });
    expect(section('configuration')).toBe(table(['variable', 'default', 'what it is'], rows));
  });

  it('has one row per error code, as the table and the schema have it', () => {
    const type = schema.getType('ErrorCode');
    const values = isEnumType(type) ? type.getValues() : [];
    const rows = values.map(({ name, description }) => [
      code(name),
      description?.replaceAll('\n', ' ') ?? '',
    ]);
    expect(values.map(({ name }) => name)).toEqual(Object.keys(ERRORS));
    expect(section('errors')).toBe(table(['code', 'when'], rows));
  });

  it('has one row with a reason per runtime dependency', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const names = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }).sort();
    const rows = [...section('dependencies').matchAll(/^\| `(.+)` \| (.{10,}) \|$/gm)];
    expect(rows.map(([, name]) => name)).toEqual(names);
  });

  it.each([
    ['examples/apollo-client/refresh-link.ts', 'ts'],
    ['examples/jsonwebtoken/verify.ts', 'ts'],
    ['examples/import/users.ndjson', 'json'],
  ])('shows %s as it is', (path, language) => {
    expect(section(path)).toBe(`\`\`\`${language}\n${readFileSync(join(ROOT, path), 'utf8')}\`\`\``);
  });

  it('has only documents that fit the schema, and every root field in them', () => {
    const documents = fences.filter(({ language }) => language === 'graphql').map(({ text }) => text);
    expect(documents.flatMap((text) => validate(schema, parse(text)))).toEqual([]);
    const roots = [schema.getQueryType(), schema.getMutationType()];
    const fields = roots.flatMap((type) => Object.keys(type?.getFields() ?? {}));
    expect(fields.filter((field) => !documents.some((text) => text.includes(`  ${field}`)))).toEqual([]);
  });

  it('links to files that exist', () => {
    const links = [...README.matchAll(/\]\(([^)]+)\)/g)].map(([, path = '']) => path);
    expect(links.length).toBeGreaterThan(3);
    expect(links.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

describe('the commands of the README, in a fresh copy', () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-readme-'));
  let server: ServerProcess;

  beforeAll(async () => {
    for (const name of CLONED) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    server = await startServerProcess(['npm', 'start'], { cwd: folder });
  }, 120_000);

  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 30_000);

  it('start a server that says where the Sandbox, the endpoint and the keys are', () => {
    const printed = server.lines.join('\n');
    const origin = new URL(server.url).origin;
    expect(printed).toContain(`Sandbox: ${origin}/graphql`);
    expect(printed).toContain(`GraphQL endpoint: ${origin}/graphql`);
    expect(printed).toContain(`JWKS: ${origin}/.well-known/jwks.json`);
    expect(printed).toContain('data/secret');
  });

  it('print what the README shows', async () => {
    const blocks = shellBlocks();
    const mark = '--- end of block ---';
    const script = blocks.map(({ command }) => `${command}\necho; echo '${mark}'`).join('\n');
    const { origin } = new URL(server.url);
    const stdout = await run('bash', [
      '-euo',
      'pipefail',
      '-c',
      script.replaceAll('http://localhost:4000', origin),
    ]);
    const outputs = stdout.split(`${mark}\n`).map((text) => text.trim().replace(/\n+/g, '\n'));
    for (const [index, { command, output }] of blocks.entries()) {
      expect({ command, output: outputs[index] }).toEqual({
        command,
        output: expect.stringMatching(pattern(output)),
      });
    }
    expect(blocks.length).toBeGreaterThan(8);
  }, 120_000);

  const withJq = isJqInstalled() ? it : skip('jq is not installed');
  withJq(
    'turn what Firebase and Keycloak export into accounts that an import takes',
    async () => {
      const created = 1_740_654_221_121;
      const exported = {
        'firebase.json': {
          users: [
            {
              localId: 'one',
              email: 'fred@jq.example',
              emailVerified: true,
              displayName: 'Fred',
              createdAt: String(created),
              disabled: false,
              passwordHash:
                'fV/XEWRchTnoSltlmguEOG2OEnoTPSD+yqtv3Dm1qFfNAiKUej6rf2pfQy00UndKiwbvkHugrcBRbgV5w8su4w==',
              salt: 'uIpJgVFx82XDvA==',
            },
            { localId: 'two', email: 'google@jq.example', createdAt: String(created) },
          ],
        },
        'keycloak-realm.json': {
          realm: 'example',
          users: [
            {
              ...{ id: randomUUID(), username: 'kim', email: 'kim@jq.example', emailVerified: true },
              ...{ createdTimestamp: created, enabled: true },
              credentials: [
                { type: 'otp', secretData: '{}', credentialData: '{}' },
                {
                  type: 'password',
                  secretData:
                    '{"value":"BruFLfFkjH/8erZ26NnrbkOrWiZuQyDRCHD9o0R6Scg=","salt":"Cf9AYCE5pAbb4CKEF0GUTA=="}',
                  credentialData:
                    '{"hashIterations":5,"algorithm":"argon2","additionalParameters":{"memory":["7168"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}',
                },
              ],
            },
            {
              id: randomUUID(),
              email: 'none@jq.example',
              createdTimestamp: created,
              enabled: true,
              credentials: [],
            },
            { id: randomUUID(), email: 'off@jq.example', createdTimestamp: created, enabled: false },
          ],
        },
      };
      for (const [name, text] of Object.entries(exported))
        writeFileSync(join(folder, name), JSON.stringify(text));

      const commands = fences
        .filter(({ language, text }) => language === 'console' && text.startsWith('jq '))
        .flatMap(({ text }) => text.split('\n'));
      const [firebase] = /^LATCHKEY_FIREBASE_SCRYPT='.*'/m.exec(README) ?? [];
      const printed: string[] = [];
      for (const command of commands) {
        const takeOver = `${firebase} node dist/cli/latchkey.cjs users import users.ndjson`;
        printed.push(await run('bash', ['-euc', `${command}\n${takeOver}`]));
      }
      expect(printed).toEqual([
        'Created 2 accounts; 0 were there already; refused 0 lines.\n',
        'Created 3 accounts; 0 were there already; refused 0 lines.\n',
      ]);
      const stdout = await run(process.execPath, [
        'dist/cli/latchkey.cjs',
        ...['users', 'export', '--with-password-hashes'],
      ]);
      const accounts = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .filter(({ email }) => email.endsWith('@jq.example'));
      const kinds = accounts.map(({ email, disabled, passwordHash }) => [
        email,
        disabled,
        passwordHash?.split('$')[1] ?? null,
      ]);
      expect(kinds.sort()).toEqual([
        ['fred@jq.example', false, 'firebase-scrypt'],
        ['google@jq.example', false, null],
        ['kim@jq.example', false, 'argon2id'],
        ['none@jq.example', false, null],
        ['off@jq.example', true, null],
      ]);
    },
    120_000,
  );

  it('include every command of the bin, with what its --help says', async () => {
    const rows = await commandsBelow([]);
    expect(section('commands')).toBe(table(['command', 'what it does'], rows));
  }, 120_000);

  async function run(command: string, args: string[]): Promise<string> {
    const options = { cwd: folder, env: cleanEnvironment() };
    return (await promisify(execFile)(command, args, options)).stdout;
  }

  /** The leaves of the tree of commands, with their descriptions. */
  async function commandsBelow(path: readonly string[]): Promise<string[][]> {
    const help = await run(process.execPath, ['dist/cli/latchkey.cjs', ...path, '--help']);
    const [, list] = help.split('Commands:\n');
    if (list === undefined) {
      const [usage = '', description = ''] = help.split('\n\n');
      const signature = usage
        .replace('Usage: latchkey ', '')
        .replace('[options] ', '')
        .replace(' [options]', '');
      return [[code(signature), description.replaceAll('\n', ' ')]];
    }
    const names = [...list.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = '']) => name);
    const below = names.filter((name) => name !== 'help').map((name) => commandsBelow([...path, name]));
    return (await Promise.all(below)).flat();
  }
});

function isJqInstalled(): boolean {
  return spawnSync('jq', ['--version'], { env: cleanEnvironment() }).status === 0;
}

function skip(reason: string): typeof it.skip {
  console.warn(`Skipped: ${reason}.`);
  return it.skip;
}

/** Every `sh` block but the two that a fresh clone begins with, and the output that follows it. */
function shellBlocks(): { command: string; output: string }[] {
  return fences.flatMap(({ language, text }, index) => {
    if (language !== 'sh' || text.startsWith('npm ci')) return [];
    const next = fences[index + 1];
    return [{ command: text, output: next?.language === 'text' ? next.text : '' }];
  });
}

/** `…` stands for what differs from run to run. */
function pattern(output: string): RegExp {
  const escaped = output.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('…', '.+')}$`);
}
