const PASSWORD = 'correct horse battery staple';

/** An account of its own on a running server, for a program that stands beside it. */
export interface Account {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  readonly accessToken: string;
}

/** Registers an account with an address that no other run has. */
export async function registerAccount(graphqlUrl: string): Promise<Account> {
  const email = `ada+${crypto.randomUUID()}@example.com`;
  const response = await fetch(graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      query: `mutation ($input: RegisterInput!) {
        register(input: $input) { auth { accessToken user { id } } }
      }`,
      variables: { input: { email, password: PASSWORD } },
    }),
  });
  const { data, errors } = (await response.json()) as {
    data?: { register: { auth: { accessToken: string; user: { id: string } } } };
    errors?: { extensions: { code: string } }[];
  };
  if (data === undefined || errors?.[0]) throw new Error(`register: ${errors?.[0]?.extensions.code}`);
  const { accessToken, user } = data.register.auth;
  return { id: user.id, email, password: PASSWORD, accessToken };
}

/** The same token with one byte of its claims changed. */
export function alter(token: string): string {
  const [header, claims = '', signature] = token.split('.');
  const text = Buffer.from(claims, 'base64url').toString().replace('"iss":"', '"iss":"x');
  return [header, Buffer.from(text).toString('base64url'), signature].join('.');
}
