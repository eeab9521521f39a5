import type { AuthPayload } from './auth-payload.ts';
import { fieldOf, type GraphQLAnswer } from './graphql.ts';
import { LOGOUT, REFRESH } from './operations.ts';
import { refreshInput } from './refresh.ts';
import { isUnauthenticated } from './refusal.ts';

/** What a session had before it ended here. */
export interface Spent {
  readonly accessToken?: string | undefined;
  readonly refreshToken?: string | null | undefined;
}

interface Request {
  readonly document: string;
  readonly input?: object | undefined;
  readonly accessToken?: string | undefined;
}

/** Tells the server that a session ended. */
export async function endAtServer(
  ask: (request: Request) => Promise<GraphQLAnswer>,
  scope: 'CURRENT' | 'ALL',
  tokens: Spent,
): Promise<GraphQLAnswer> {
  const end = ({ accessToken, refreshToken }: Spent) =>
    ask({ document: LOGOUT, input: { scope, refreshToken }, accessToken });
  if (scope === 'CURRENT') return end({ refreshToken: tokens.refreshToken });
  const answer = tokens.accessToken === undefined ? undefined : await end(tokens);
  if (answer !== undefined && !isUnauthenticated(answer.errors?.[0])) return answer;
  // All sessions take an access token that is good.
  const refreshed = await ask({ document: REFRESH, input: refreshInput(tokens.refreshToken) });
  return end(fieldOf<AuthPayload>(refreshed, 'refreshToken'));
}
