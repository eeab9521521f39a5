import { randomBytes } from 'node:crypto';

/** The first story of an account: what the pages of development have typed in, each document with one operation. */
export const STORY = {
  register: `mutation Register($account: RegisterInput!) {
  register(input: $account) {
    auth {
      accessToken
      refreshToken
      expiresIn
    }
    verificationRequired
  }
}
`,
  login: `mutation Login($credentials: LoginInput!) {
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
`,
  me: `query Me {
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
`,
  refreshToken: `mutation RefreshToken($refresh: RefreshTokenInput!) {
  refreshToken(input: $refresh) {
    accessToken
    refreshToken
    expiresAt
  }
}
`,
  logout: `mutation Logout($session: LogoutInput) {
  logout(input: $session) {
    revokedSessions
  }
}
`,
} as const;

/** An account that nobody has registered, so that its registration succeeds. Its password opens nothing else. */
export function inventAccount(): { readonly email: string; readonly password: string } {
  return {
    email: `ada+${randomBytes(4).toString('hex')}@example.com`,
    password: randomBytes(18).toString('base64url'),
  };
}
