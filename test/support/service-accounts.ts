import { crc32 } from 'node:zlib';
import { login, register } from './documents.ts';
import { rolesFile } from './roles.ts';
import type { Answer, Sender, startApp, TestApp } from './start-app.ts';

export const OPERATOR = 'ada@example.com';

export const CREATE_ACCOUNT = `mutation ($input: AdminCreateServiceAccountInput!) {
  adminCreateServiceAccount(input: $input) {
    id name description scope createdBy createdAt disabledAt keys { id }
  }
}`;
export const CREATE_KEY = `mutation ($input: AdminCreateApiKeyInput!) {
  adminCreateApiKey(input: $input) {
    key apiKey { id name scope createdBy createdAt lastUsedAt expiresAt revokedAt }
  }
}`;
export const REVOKE_KEY = `mutation ($input: AdminRevokeApiKeyInput!) {
  adminRevokeApiKey(input: $input) { id revokedAt }
}`;
export const DISABLE = `mutation ($input: AdminDisableServiceAccountInput!) {
  adminDisableServiceAccount(input: $input) { id disabledAt keys { id } }
}`;
export const ENABLE = `mutation ($input: AdminEnableServiceAccountInput!) {
  adminEnableServiceAccount(input: $input) { id disabledAt }
}`;
export const LIST = `query ($first: Int, $after: String) {
  admin { serviceAccounts(first: $first, after: $after) {
    edges { cursor node { id name createdBy keys { id name scope createdAt lastUsedAt expiresAt revokedAt createdBy } } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  } }
}`;

/** An app with an operator, a service account and a key of it. */
export interface MachineApp {
  readonly app: TestApp;
  /** The operator's access token. */
  readonly token: string;
  readonly operatorId: string;
  readonly accountId: string;
  readonly keyId: string;
  readonly key: string;
  createKey(input?: object): Promise<Answer>;
  /** The answer of `/token` to a key in the form. */
  exchange(form?: Record<string, string>, app?: TestApp): ReturnType<typeof exchange>;
  /** An access token of the key. */
  machineToken(form?: Record<string, string>): Promise<string>;
}

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function base62(number: bigint, length: number): string {
  let text = '';
  for (let rest = number; rest > 0n; rest /= 62n) text = ALPHABET.charAt(Number(rest % 62n)) + text;
  return text.padStart(length, '0');
}

/** The key with its id, another secret and a right checksum: what a stranger can make who knows the id. */
export function withOtherSecret(key: string, step = 1): string {
  const body = [...key.slice(4, 69)].reduce((n, c) => n * 62n + BigInt(ALPHABET.indexOf(c)), 0n);
  // The secret is the last 256 bits.
  const unchecked = `lka_${base62((body & ~0xffn) | ((body + BigInt(step)) & 0xffn), 65)}`;
  return unchecked + base62(BigInt(crc32(unchecked)), 6);
}

/** Sends a form to `/token`. */
export async function postToken(
  app: Pick<TestApp, 'server'>,
  payload: Record<string, string> | string | Buffer,
  headers: Record<string, string> = {},
) {
  const isText = typeof payload === 'string' || Buffer.isBuffer(payload);
  const {
    statusCode,
    headers: answered,
    body,
  } = await app.server.inject({
    method: 'POST',
    url: '/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: isText ? payload : new URLSearchParams(payload).toString(),
  });
  return { status: statusCode, headers: answered, body: JSON.parse(body) };
}

function exchange(app: Pick<TestApp, 'server'>, form: Record<string, string>) {
  return postToken(app, { grant_type: 'client_credentials', ...form });
}

/** @param roles of the operator. */
export async function startWithKey(
  start: (options?: Omit<Parameters<typeof startApp>[0], 'engine'>) => Promise<TestApp>,
  {
    roles = ['admin'],
    scope = ['posts:read', 'latchkey:users:read'],
    ...options
  }: Omit<Parameters<typeof startApp>[0], 'engine'> & {
    roles?: readonly string[];
    scope?: readonly string[];
  } = {},
): Promise<MachineApp> {
  const { config, ...others } = options;
  const app = await start({ ...others, config: { rolesFile: rolesFile(), ...config } });
  const { user } = await register(app);
  await app.roles.grant(OPERATOR, roles);
  const { accessToken: token } = await login(app);
  const sender: Sender = { token };
  const account = await app.send(CREATE_ACCOUNT, { input: { name: 'billing' } }, sender);
  const accountId = account.data?.adminCreateServiceAccount.id;
  const createKey = (input: object = {}) =>
    app.send(CREATE_KEY, { input: { serviceAccountId: accountId, scope, ...input } }, sender);
  const { data } = await createKey();
  const { key, apiKey } = data.adminCreateApiKey;
  const send = (form: Record<string, string> = {}, at: TestApp = app) =>
    exchange(at, { client_id: accountId, client_secret: key, ...form });
  return {
    app,
    token,
    operatorId: user.id,
    accountId,
    keyId: apiKey.id,
    key,
    createKey,
    exchange: send,
    async machineToken(form) {
      const { status, body } = await send(form);
      if (status !== 200) throw new Error(`the exchange failed: ${body.error}`);
      return body.access_token;
    },
  };
}
