export interface BearerOptions {
  readonly getAccessToken: () => Promise<string | undefined>;
  readonly refresh: (spent: string) => Promise<string | undefined>;
  readonly userId: () => string | undefined;
}

export type WithBearer = ReturnType<typeof createWithBearer>;

/** Sends with the access token. What is refused as unauthenticated is sent again once, by the same user. */
export function createWithBearer({ getAccessToken, refresh, userId }: BearerOptions) {
  return async <Answer>(
    send: (accessToken: string | undefined) => Promise<Answer>,
    isRefused: (answer: Answer) => boolean | Promise<boolean>,
  ): Promise<Answer> => {
    const accessToken = await getAccessToken();
    const sender = userId();
    const answer = await send(accessToken);
    if (accessToken === undefined || !(await isRefused(answer))) return answer;
    const next = await refresh(accessToken);
    // Another user may have signed in meanwhile, and this is not their request.
    return next === undefined || userId() !== sender ? answer : send(next);
  };
}
