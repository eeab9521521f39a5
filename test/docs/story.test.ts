import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { type Auth, LOGIN, LOGOUT, REFRESH, REGISTER } from '../support/documents.ts';
import { cleanEnvironment, startServerProcess } from '../support/server-process.ts';
import { useBuild, useCleanups } from '../support/setup.ts';
import { PASSWORD } from '../support/start-app.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));
const CREDENTIALS = { email: 'ada@example.com', password: PASSWORD };

const build = useBuild();
const cleanups = useCleanups();

describe('the story of examples/fetch', () => {
  it('the story of examples/fetch runs to its end, and accounts and sessions survive a restart (CR-1)', async () => {
    const folder = temporaryFolder();
    const first = await start(folder);
    expect(await runStory(first.url)).toEqual([
      'registered, verification required: false',
      'logged in, is oneself: true',
      'refreshed, is oneself: true',
      'the answer was lost, the retry gets the same: true',
      'logged out, sessions ended: 1',
      'the access token now: UNAUTHENTICATED',
      'the refresh token now: INVALID_REFRESH_TOKEN',
    ]);
    await send(first.url, REGISTER, { input: CREDENTIALS });
    const { login } = await send<{ login: Auth }>(first.url, LOGIN, { input: CREDENTIALS });
    const { login: gone } = await send<{ login: Auth }>(first.url, LOGIN, { input: CREDENTIALS });
    await send(first.url, LOGOUT, { input: { refreshToken: gone.refreshToken } });
    expect(await first.stop()).toBe(0);

    const second = await start(folder);
    const me = await send(second.url, '{ me { email } }', {}, login.accessToken);
    expect(me).toEqual({ me: { email: 'ada@example.com' } });
    const { refreshToken } = await send<{ refreshToken: Auth }>(second.url, REFRESH, {
      input: { refreshToken: login.refreshToken },
    });
    expect(refreshToken.session.id).toBe(login.session.id);
    const ended = { input: { refreshToken: gone.refreshToken } };
    expect(await codeOf(send(second.url, REFRESH, ended))).toBe('INVALID_REFRESH_TOKEN');
    expect(await codeOf(send(second.url, '{ me { id } }', {}, gone.accessToken))).toBe('UNAUTHENTICATED');
    expect(await second.stop()).toBe(0);
  });
});

/** The error code that a promise is rejected with. */
async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'OK',
    ({ message }: Error) => message,
  );
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-story-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The program itself, with its data in a folder. */
async function start(folder: string) {
  const server = await startServerProcess([process.execPath, build.cli, 'serve'], { cwd: folder });
  cleanups.push(() => server.stop());
  return server;
}

async function runStory(url: string): Promise<string[]> {
  const args = ['--import', import.meta.resolve('tsx'), join(EXAMPLES, 'fetch/story.ts'), url];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: cleanEnvironment() });
  return stdout.trimEnd().split('\n');
}

/** One operation by plain fetch; throws its error code. */
async function send<Data>(url: string, query: string, variables = {}, accessToken?: string): Promise<Data> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(accessToken && { authorization: `Bearer ${accessToken}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as {
    data: Data;
    errors?: { extensions: { code: string } }[];
  };
  if (errors?.[0]) throw new Error(errors[0].extensions.code);
  return data;
}
