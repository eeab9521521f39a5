/*
 * `npm run test:examples`: each API of examples/ that has a manifest of its own, installed as a reader would install it
 * and run beside a real server. It takes a minute and asks the registry of packages, so `npm test` leaves it out.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { alter, registerAccount } from '../support/accounts.ts';
import { authenticatorOf, CONFIRM_TOTP, START_TOTP } from '../support/authenticator.ts';
import { LOGIN } from '../support/documents.ts';
import { examplesOf, freePort, makeWorkshop, startExample } from '../support/examples.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { useBuild } from '../support/setup.ts';

const PATIENCE_MS = 180_000;
const ROLES = {
  default: ['editor'],
  roles: { editor: { scopes: ['posts:read', 'posts:write'] } },
};

const build = useBuild();
const { folder, buildPackage, install, remove } = makeWorkshop();
const names = examplesOf('@latchkey/verify');
let server: ServerProcess;
let issuer: string;
let userId: string;
/** Of all that the account may do, and of a login that asked for less. */
let tokens: { whole: string; narrowed: string };

beforeAll(async () => {
  await buildPackage('verify');
  writeFileSync(join(folder, 'roles.json'), JSON.stringify(ROLES));
  const port = await freePort();
  issuer = `http://localhost:${port}`;
  server = await startServerProcess([process.execPath, build.cli, 'serve'], {
    cwd: folder,
    env: {
      PORT: String(port),
      LATCHKEY_ISSUER: issuer,
      LATCHKEY_ROLES_FILE: join(folder, 'roles.json'),
    },
  });
  const { id, email, password, accessToken } = await registerAccount(server.url);
  const narrowed = await query(server.url, LOGIN, { input: { email, password, scope: ['posts:read'] } });
  userId = id;
  tokens = { whole: accessToken, narrowed: narrowed.data.login.accessToken };
}, PATIENCE_MS);
afterAll(async () => {
  await server?.stop();
  remove();
}, PATIENCE_MS);

it('there are the four examples of protected APIs', () => {
  expect(names).toEqual(['apollo-express', 'fastify-yoga', 'mercurius', 'nest']);
});

describe.each(names)('examples/%s', (name) => {
  let api: Awaited<ReturnType<typeof startExample>>;

  beforeAll(async () => {
    const copy = await install(name);
    api = await startExample(copy, { args: [issuer], env: { PORT: String(await freePort()) } });
  }, PATIENCE_MS);
  afterAll(() => api?.stop(), PATIENCE_MS);

  const ask = (token?: string) => query(api.url, '{ greeting viewerId drafts }', {}, token);
  const refusal = (field: string, code: string, reason: string) =>
    expect.objectContaining({ path: [field], extensions: { code, reason } });

  it(`${name} answers an account that may do all of it`, async () => {
    expect(await ask(tokens.whole)).toEqual({
      data: { greeting: `Hello, ${userId}`, viewerId: userId, drafts: [`A draft of ${userId}`] },
    });
  });

  it(`${name} refuses a narrowed login the field that it asked nothing for`, async () => {
    const { data, errors } = await ask(tokens.narrowed);
    expect(data).toEqual({ greeting: `Hello, ${userId}`, viewerId: userId, drafts: null });
    expect(errors).toEqual([refusal('drafts', 'FORBIDDEN', 'INSUFFICIENT_SCOPE')]);
  });

  it(`${name} answers a stranger the public field alone, and says why`, async () => {
    for (const [token, reason] of [
      [undefined, 'TOKEN_MISSING'],
      [alter(tokens.whole), 'TOKEN_INVALID'],
    ] as const) {
      const { data, errors } = await ask(token);
      expect(data).toEqual({ greeting: 'Hello, stranger', viewerId: null, drafts: null });
      // Nest's guards are asynchronous, so either field can be refused first.
      expect(errors).toHaveLength(2);
      expect(errors).toEqual(
        expect.arrayContaining([
          refusal('viewerId', 'UNAUTHENTICATED', reason),
          refusal('drafts', 'UNAUTHENTICATED', reason),
        ]),
      );
    }
    // A refusal is no fault of the server.
    expect(api.complaints()).toBe('');
  });

  if (name === 'apollo-express')
    it('a field that needs a second factor is refused to a password alone', async () => {
      const { accessToken } = await registerAccount(server.url);
      const { data, errors } = await query(api.url, '{ payouts }', {}, accessToken);
      expect(data).toEqual({ payouts: null });
      expect(errors[0].extensions).toEqual({ code: 'REAUTHENTICATION_REQUIRED' });
      const { secret } = (await query(server.url, START_TOTP, {}, accessToken)).data.startTotpEnrolment;
      const code = authenticatorOf(secret).codeAt(Date.now());
      const confirmed = await query(server.url, CONFIRM_TOTP, { input: { code } }, accessToken);
      const { auth } = confirmed.data.confirmTotpEnrolment;
      expect(await query(api.url, '{ payouts }', {}, auth.accessToken)).toEqual({
        data: { payouts: [`A payout to ${auth.user.id}`] },
      });
    });

  if (name === 'nest')
    it('the controller of examples/nest answers with a status and a challenge', async () => {
      const get = (token: string) =>
        fetch(new URL('/drafts', api.url), { headers: { authorization: `Bearer ${token}` } });
      expect(await (await get(tokens.whole)).json()).toEqual([`A draft of ${userId}`]);
      const refused = await get(tokens.narrowed);
      expect(refused.status).toBe(403);
      expect(refused.headers.get('www-authenticate')).toBe(
        'Bearer error="insufficient_scope", scope="posts:write"',
      );
    });
});

async function query(url: string, document: string, variables: object, token?: string) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query: document, variables }),
  });
  return response.json();
}
