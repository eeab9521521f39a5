import { randomBytes } from 'node:crypto';
import type { ApolloServerPlugin } from '@apollo/server';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';

const REGISTER = `# One operation at a time: place the cursor in it and press Run. Start with Register.

mutation Register($account: RegisterInput!) {
  register(input: $account) {
    auth {
      accessToken
      refreshToken
      expiresIn
    }
    verificationRequired
  }
}
`;

const WITH_COOKIES = `# The browser keeps the refresh token, in a cookie that RefreshToken exchanges.
mutation Login($credentials: LoginInput!) {
  login(input: $credentials) {
    accessToken
    expiresAt
    refreshExpiresAt
    user {
      id
      email
    }
  }
}

mutation RefreshToken {
  refreshToken {
    accessToken
    expiresAt
  }
}
`;

const WITHOUT_COOKIES = `mutation Login($credentials: LoginInput!) {
  login(input: $credentials) {
    accessToken
    refreshToken
    expiresAt
    refreshExpiresAt
    user {
      id
      email
    }
  }
}

# Put the refreshToken of an answer above into the variable.
mutation RefreshToken($refresh: RefreshTokenInput!) {
  refreshToken(input: $refresh) {
    accessToken
    refreshToken
    expiresAt
  }
}
`;

const ME = `# Put the accessToken of an answer above into the Authorization header, under Headers.
query Me {
  me {
    id
    email
    name
    sessions {
      deviceName
      lastUsedAt
      current
    }
  }
}
`;

/**
 * Apollo's Sandbox with the first story typed in (WEB-4). The account is another one for each process, so that
 * its registration succeeds at the first click; its password opens nothing else. A refresh token cannot be known
 * before the login, so where there are cookies the login leaves it in one.
 */
export function sandboxPlugin({ cookies }: { cookies: boolean }): ApolloServerPlugin {
  const email = `ada+${randomBytes(4).toString('hex')}@example.com`;
  const password = randomBytes(18).toString('base64url');
  return ApolloServerPluginLandingPageLocalDefault({
    embed: { runTelemetry: false },
    document: [REGISTER, cookies ? WITH_COOKIES : WITHOUT_COOKIES, ME].join('\n'),
    variables: {
      account: { email, password, name: 'Ada Lovelace' },
      credentials: { email, password, deviceName: 'Sandbox', ...(cookies && { delivery: 'COOKIE' }) },
      ...(!cookies && { refresh: { refreshToken: 'PASTE_REFRESH_TOKEN' } }),
    },
    headers: { Authorization: 'Bearer PASTE_ACCESS_TOKEN' },
    includeCookies: cookies,
  });
}

/**
 * The Content-Security-Policy of one landing page: Apollo's CDN, the fonts it asks for, and the two inline
 * scripts and styles that carry this page's own nonce.
 */
export function sandboxPolicy(html: string): string {
  const [, nonce] = /<script nonce="([0-9a-f]+)"/.exec(html) ?? [];
  const ownNonce = nonce === undefined ? '' : `'nonce-${nonce}' `;
  return [
    "default-src 'none'",
    `script-src ${ownNonce}https://embeddable-sandbox.cdn.apollographql.com`,
    `style-src ${ownNonce}https://embeddable-sandbox.cdn.apollographql.com https://fonts.googleapis.com`,
    'font-src https://fonts.gstatic.com',
    'img-src https://apollo-server-landing-page.cdn.apollographql.com',
    'manifest-src https://apollo-server-landing-page.cdn.apollographql.com',
    'frame-src https://sandbox.embed.apollographql.com',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
