/** Run it against a running server: `npx tsx examples/fetch/story.ts http://localhost:4000/graphql` */
const url = process.argv[2] ?? 'http://localhost:4000/graphql';

interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** One operation; throws its error code. */
async function send<Data>(query: string, variables: object = {}, accessToken?: string): Promise<Data> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(accessToken && { authorization: `Bearer ${accessToken}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  // As the page of a proxy in front.
  if (!response.headers.get('content-type')?.includes('json'))
    throw new Error(`The server answered ${response.status} and no JSON`);
  const { data, errors } = (await response.json()) as {
    data: Data;
    errors?: { extensions: { code: string } }[];
  };
  if (errors?.[0]) throw new Error(errors[0].extensions.code);
  return data;
}

async function refresh(refreshToken: string): Promise<Tokens> {
  const document = `mutation Refresh($input: RefreshTokenInput) {
    refreshToken(input: $input) { accessToken refreshToken }
  }`;
  return (await send<{ refreshToken: Tokens }>(document, { input: { refreshToken } })).refreshToken;
}

async function me(accessToken: string): Promise<string> {
  return (await send<{ me: { email: string } }>('{ me { email } }', {}, accessToken)).me.email;
}

const credentials = {
  email: `ada+${crypto.randomUUID()}@example.com`,
  password: 'correct horse battery staple',
};

const { register } = await send<{ register: { verificationRequired: boolean } }>(
  'mutation Register($input: RegisterInput!) { register(input: $input) { verificationRequired } }',
  { input: { ...credentials, name: 'Ada Lovelace' } },
);
console.log('registered, verification required:', register.verificationRequired);

const { login } = await send<{ login: Tokens }>(
  'mutation Login($input: LoginInput!) { login(input: $input) { accessToken refreshToken } }',
  { input: { ...credentials, deviceName: 'story' } },
);
console.log('logged in, is oneself:', (await me(login.accessToken)) === credentials.email);

const next = await refresh(login.refreshToken);
console.log('refreshed, is oneself:', (await me(next.accessToken)) === credentials.email);

const retried = await refresh(login.refreshToken);
console.log('the answer was lost, the retry gets the same:', retried.refreshToken === next.refreshToken);

const { logout } = await send<{ logout: { revokedSessions: number } }>(
  'mutation { logout { revokedSessions } }',
  {},
  next.accessToken,
);
console.log('logged out, sessions ended:', logout.revokedSessions);

console.log('the access token now:', await me(next.accessToken).catch((error: Error) => error.message));
console.log(
  'the refresh token now:',
  await refresh(next.refreshToken).catch((error: Error) => error.message),
);
