import type { RunningServer } from './servers.ts';

export const PASSWORD = 'correct horse battery staple';
export const ME = { query: '{ me { id email name createdAt updatedAt } }' };

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

export const loginWith = (email: string, password = PASSWORD) => ({
  query: 'mutation L($input: LoginInput!) { login(input: $input) { accessToken refreshToken } }',
  variables: { input: { email, password } },
});

export const refreshWith = (refreshToken: string) => ({
  query: 'mutation R($input: RefreshTokenInput) { refreshToken(input: $input) { accessToken refreshToken } }',
  variables: { input: { refreshToken } },
});

/** The data of one request; throws on any refusal. */
export async function ask<Data>(server: RunningServer, body: object): Promise<Data> {
  const response = await fetch(server.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const { data, errors } = (await response.json()) as { data: Data; errors?: unknown };
  if (errors !== undefined) throw new Error(JSON.stringify(errors));
  return data;
}

export async function register(server: RunningServer, email: string): Promise<Tokens> {
  const { register } = await ask<{ register: { auth: Tokens } }>(server, {
    query:
      'mutation R($input: RegisterInput!) { register(input: $input) { auth { accessToken refreshToken } } }',
    variables: { input: { email, password: PASSWORD } },
  });
  return register.auth;
}

export async function login(server: RunningServer, email: string): Promise<Tokens> {
  return (await ask<{ login: Tokens }>(server, loginWith(email))).login;
}

export function print(what: string, figure: string, goal: string): void {
  console.log(`${what.padEnd(48)} ${figure.padEnd(32)} ${goal}`);
}
