import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ROOT, readPages } from '../support/pages.ts';
import { cleanEnvironment, type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { useBuild } from '../support/setup.ts';

const ACCOUNTS = join(ROOT, 'test/support/accounts.ts');

const build = useBuild();
const folder = mkdtempSync(join(tmpdir(), 'latchkey-snippets-'));
let server: ServerProcess;
/** As the issuer of a server on any free port cannot be known before, the snippets get it from the key set's address. */
let origin: string;

beforeAll(async () => {
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  server = await startServerProcess([process.execPath, build.cli, 'serve'], { cwd: folder });
  ({ origin } = new URL(server.url));
}, 60_000);
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

/** What a browser adds to a request of a page, and what it keeps of the answer. */
const BROWSER = `
const passOn = globalThis.fetch;
let jar = new Map();
globalThis.fetch = async (url, init) => {
  const headers = { ...init.headers, origin: ISSUER, cookie: [...jar].map((pair) => pair.join('=')).join('; ') };
  const response = await passOn(url, { ...init, headers });
  if (init.credentials === 'include')
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value === '') jar.delete(name); else jar.set(name, value);
    }
  return response;
};
`;

it.each(['README.md', 'docs/verify/javascript.md'])(
  'the verifier of %s takes a token of the server and refuses an altered one',
  async (page) => {
    const printed = await runSnippet(page, 'export async function handle', {
      // The name of the issuer is this one, wherever the server is.
      prepare: (text) =>
        text
          .replace("'@latchkey/verify'", `'${join(ROOT, 'packages/verify/src/verifier.ts')}'`)
          .replace("issuer: 'http", `jwksUri: '${origin}/.well-known/jwks.json', issuer: 'http`),
      after: `
import { alter, registerAccount } from '${ACCOUNTS}';
const { id, accessToken } = await registerAccount('${origin}/graphql');
const ask = (token) => handle(new Request(ISSUER, { headers: { authorization: 'Bearer ' + token } }));
console.log((await (await ask(accessToken)).json()).hello === id);
const refused = await ask(alter(accessToken));
console.log(refused.status, refused.headers.get('www-authenticate'), (await refused.json()).reason);
`,
    });
    expect(printed).toEqual(['true', '401 Bearer error="invalid_token" TOKEN_INVALID']);
  },
);

it.each(['README.md', 'docs/clients/javascript.md'])(
  'the sign-in of %s signs a user in and leaves the refresh token in a cookie',
  async (page) => {
    const printed = await runSnippet(page, 'export async function logIn', {
      prepare: (text) =>
        BROWSER +
        text
          .replace("'@latchkey/client'", `'${join(ROOT, 'packages/client/src/client.ts')}'`)
          .replace('http://localhost:4000', origin),
      after: `
import { registerAccount } from '${ACCOUNTS}';
const { email } = await registerAccount('${origin}/graphql');
console.log(await logIn(email, 'wrong').catch(({ code }) => code));
await logIn(email, 'correct horse battery staple');
console.log(auth.state.user.email === email, (await auth.getAccessToken()).slice(0, 3));
console.log([...jar.keys()].filter((name) => name.includes('refresh')).length);
await auth.logout();
console.log([...jar.keys()].filter((name) => name.includes('refresh')).length);
`,
    });
    // One of the pages prints each change of the state besides.
    const answers = printed.filter((line) => !/^(loading|signed)/.test(line));
    expect(answers).toEqual(['INVALID_CREDENTIALS', 'true eyJ', '1', '0']);
  },
);

it('the code of the page about servers that render signs a visitor in, knows them and signs them out', async () => {
  const printed = await runSnippet('docs/clients/ssr.md', 'export async function signOut', {
    prepare: (text) =>
      text
        .replace("'@latchkey/client/server'", `'${join(ROOT, 'packages/client/src/server.ts')}'`)
        .replace('http://localhost:4000', origin),
    after: `
import { registerAccount } from '${ACCOUNTS}';
const { email } = await registerAccount('${origin}/graphql');
const ask = (method, answer, cookies = [], fields = {}) => answer(new Request('https://app.example.com/', {
  method,
  headers: { host: 'app.example.com', cookie: cookies.map((line) => line.split(';')[0]).join('; ') },
  ...(method === 'POST' && { body: new URLSearchParams(fields) }),
}));
const wrong = await ask('POST', signIn, [], { email, password: 'wrong' });
console.log(wrong.headers.get('location'));
const entered = await ask('POST', signIn, [], { email, password: 'correct horse battery staple' });
const cookies = entered.headers.getSetCookie();
console.log(entered.headers.get('location'), (await (await ask('GET', handle, cookies)).text()) === 'Hello, ' + email);
const left = await ask('POST', signOut, cookies);
console.log(left.status, left.headers.getSetCookie().filter((line) => line.includes('Max-Age=0')).length);
console.log(await (await ask('GET', handle, cookies)).text());
`,
  });
  expect(printed).toEqual(['/login?problem=INVALID_CREDENTIALS', '/ true', '303 2', 'Hello, stranger']);
});

it('the code of the cookies page logs in, refreshes after a reload and logs out', async () => {
  const printed = await runSnippet('docs/clients/cookies.md', 'export async function refresh', {
    prepare: (text) => BROWSER + text.replace('http://localhost:4000', origin),
    after: `
import { registerAccount } from '${ACCOUNTS}';
const { email } = await registerAccount('${origin}/graphql');
await logIn(email, 'correct horse battery staple');
const first = accessToken;
accessToken = undefined;
await refresh();
console.log(accessToken !== first && accessToken.startsWith('eyJ'));
await logOut();
console.log(await refresh().catch(({ message }) => message));
`,
  });
  expect(printed).toEqual(['true', 'INVALID_REFRESH_TOKEN']);
});

/** The lines that a snippet of a page prints with what follows it here. */
async function runSnippet(
  path: string,
  part: string,
  { prepare, after }: { prepare: (text: string) => string; after: string },
): Promise<string[]> {
  const blocks = readPages().find((page) => page.path === path)?.blocks ?? [];
  const found = blocks.find(({ language, text }) => language === 'ts' && text.includes(part));
  if (found === undefined) throw new Error(`${path} has no such block`);
  const text = prepare(found.text);
  if (text === found.text) throw new Error(`${path} names another server`);
  const file = join(folder, 'snippet.ts');
  writeFileSync(file, `const ISSUER = 'http://localhost:4000';\n${text}\n${after}`);
  const args = ['--import', import.meta.resolve('tsx'), file];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: cleanEnvironment() });
  return stdout.trimEnd().split('\n');
}
