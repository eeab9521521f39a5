import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { Command } from 'commander';
import { addDoctor } from '../../src/cli/doctor.ts';
import { freePort } from '../faults/support/server.ts';
import { startEvilProvider } from '../support/evil-provider.ts';
import { ROLES_FILE } from '../support/roles.ts';
import { cleanEnvironment } from '../support/server-process.ts';

const environment = process.env;
beforeEach(() => {
  process.env = {
    ...cleanEnvironment(),
    DATABASE_URL: 'file::memory:',
    LATCHKEY_SECRET: randomBytes(32).toString('hex'),
  };
});
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  process.env = environment;
});

/** The lines that `latchkey doctor` prints under these settings. */
async function doctor(settings: Record<string, string>): Promise<string[]> {
  Object.assign(process.env, settings);
  const lines: string[] = [];
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((text, ...rest) => {
    for (const done of rest) if (typeof done === 'function') done();
    return lines.push(String(text)) > 0;
  });
  try {
    const program = new Command();
    addDoctor(program);
    await program.parseAsync(['doctor'], { from: 'user' });
  } finally {
    write.mockRestore();
  }
  return lines.join('').split('\n');
}

it('doctor explains what a trusted proxy must write (LOG-4)', async () => {
  const lines = await doctor({ LATCHKEY_TRUST_PROXY: '10.0.0.0/8,::1' });
  const notes = lines.filter((line) => line.startsWith('note: '));
  expect(notes).toHaveLength(1);
  expect(notes[0]).toMatch(/10\.0\.0\.0\/8 or ::1.*X-Forwarded-For.*Ports, brackets and quotes.*"unknown"/);
  expect(lines).toContain('Nothing is wrong.');
  expect((await doctor({ LATCHKEY_TRUST_PROXY: '' })).join()).not.toContain('X-Forwarded-For');
});

it('doctor asks whether production has a proxy in front, unless a setting names it', async () => {
  const production = {
    NODE_ENV: 'production',
    LATCHKEY_ISSUER: 'https://id.example.com',
    LATCHKEY_SECRET: randomBytes(32).toString('hex'),
  };
  const questions = async (settings: Record<string, string>) =>
    (await doctor(settings)).filter((line) => /^note: Is there a proxy/.test(line));
  expect(await questions(production)).toEqual([expect.stringContaining('LATCHKEY_TRUST_PROXY must name')]);
  expect(await questions({ ...production, LATCHKEY_TRUST_PROXY: '10.0.0.0/8' })).toEqual([]);
});

/** A file of JSON in a folder of its own. */
function jsonFile(content: unknown): string {
  const path = join(mkdtempSync(join(tmpdir(), 'latchkey-doctor-')), 'file.json');
  folders.push(dirname(path));
  writeFileSync(path, JSON.stringify(content));
  return path;
}

it('doctor renders the claims of a sample user, and says how large their token is', async () => {
  const lines = await doctor({
    LATCHKEY_ROLES_FILE: jsonFile(ROLES_FILE),
    LATCHKEY_CLAIMS: 'postgrest',
    LATCHKEY_CLAIMS_FILE: jsonFile({ mail: '{{user.email}}' }),
  });
  expect(lines).toContain(
    'note: The claims of a sample user with every role: {"role":"editor","mail":"ada.lovelace@example.com"}',
  );
  expect(lines.join()).toMatch(
    /note: The access token of a sample user with every role has \d{3,4} characters of 4096/,
  );
  expect(lines).toContain('Nothing is wrong.');
});

it('doctor calls tokens that are too large a problem', async () => {
  const lines = await doctor({ LATCHKEY_CLAIMS_FILE: jsonFile({ long: 'x'.repeat(4_000) }) });
  expect(lines.join()).toMatch(
    /problem: The access token of a sample user with every role has \d+ characters, and 4096/,
  );
  expect(process.exitCode).toBe(1);
  process.exitCode = 0;
});

it('doctor does not ask about a proxy in development', async () => {
  expect((await doctor({})).filter((line) => line.startsWith('note: '))).toEqual([]);
});

it('doctor says that there are no passkeys where the issuer has no domain, and nothing of them otherwise', async () => {
  const notes = async (settings: Record<string, string>) =>
    (await doctor(settings)).filter((line) => line.includes('passkeys'));
  expect(await notes({ LATCHKEY_ISSUER: 'http://127.0.0.1:4000' })).toEqual([
    expect.stringContaining('note: There are no passkeys'),
  ]);
  expect(await notes({ LATCHKEY_ISSUER: 'http://localhost:4000' })).toEqual([]);
});

it('doctor asks each provider for its discovery document, and says what is wrong and what to register', async () => {
  const good = await startEvilProvider(Date.now);
  const bad = await startEvilProvider(Date.now);
  bad.state.twist = { document: { issuer: 'https://evil.example' } };
  const client = { clientId: 'latchkey', clientSecretEnv: 'PROVIDER_SECRET' };
  const providers = {
    good: { ...client, issuer: good.origin },
    bad: { ...client, issuer: bad.origin },
    away: { ...client, issuer: `http://127.0.0.1:${await freePort()}` },
    github: client,
  };
  try {
    const lines = await doctor({
      LATCHKEY_PROVIDERS_FILE: jsonFile({ providers }),
      PROVIDER_SECRET: 'planted',
    });
    expect(lines.filter((line) => line.includes('redirect URI'))).toEqual(
      Object.keys(providers).map(
        (name) =>
          `note: The redirect URI to register at the provider ${name} is http://localhost:4000/external/callback/${name}.`,
      ),
    );
    const problems = lines.filter((line) => line.startsWith('problem: '));
    expect(problems).toEqual([
      'problem: The provider bad cannot be used: its answer names another issuer or subject than was asked for.',
      'problem: The provider away cannot be used: nothing listens at its address (ECONNREFUSED).',
    ]);
    expect(lines.join()).not.toContain('planted');
    expect(process.exitCode).toBe(1);
  } finally {
    process.exitCode = undefined;
    await Promise.all([good.close(), bad.close()]);
  }
});
