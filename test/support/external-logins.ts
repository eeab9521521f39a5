import { AUTH, type Auth, REQUEST_VERIFICATION, register, VERIFY_EMAIL } from './documents.ts';
import type { EvilProvider, Person } from './evil-provider.ts';
import { mailedToken } from './letters.ts';
import type { Answer, Sender, TestApp } from './start-app.ts';

export const START_EXTERNAL = `mutation ($input: StartExternalLoginInput!) {
  startExternalLogin(input: $input) { authorizationUrl verifier expiresAt } }`;
export const COMPLETE_EXTERNAL = `mutation ($input: CompleteExternalLoginInput!) {
  completeExternalLogin(input: $input) { registrationToken email auth { ${AUTH} } } }`;
export const REQUEST_EXTERNAL_REGISTRATION = `mutation ($input: RequestExternalRegistrationInput!) {
  requestExternalRegistration(input: $input) { expiresIn } }`;
export const COMPLETE_EXTERNAL_REGISTRATION = `mutation ($input: CompleteExternalRegistrationInput!) {
  completeExternalRegistration(input: $input) { ${AUTH} } }`;
export const LINK_EXTERNAL = `mutation ($input: LinkExternalLoginInput!) {
  linkExternalLogin(input: $input) { authorizationUrl verifier expiresAt } }`;
export const COMPLETE_LINK = `mutation ($input: CompleteExternalLinkInput!) {
  completeExternalLink(input: $input) { id externalLogins { id provider displayName email linkedAt lastUsedAt } } }`;
export const UNLINK_EXTERNAL = `mutation ($input: UnlinkExternalLoginInput!) {
  unlinkExternalLogin(input: $input) { id externalLogins { id } } }`;
export const EXTERNAL_LOGINS =
  '{ me { externalLogins { id provider displayName email linkedAt lastUsedAt } } }';

/** The page that logins begin on and come back to. */
export const PAGE = 'https://app.example.com/signed-in';

export interface Begun {
  readonly authorizationUrl: string;
  readonly verifier: string;
  readonly provider: string;
}

/** Begins a login; throws when it does not work. */
export async function begin(
  app: TestApp,
  provider = 'work',
  input: object = {},
  sender?: Sender,
): Promise<Begun> {
  const answer = await app.send(START_EXTERNAL, { input: { provider, redirectTo: PAGE, ...input } }, sender);
  if (!answer.data?.startExternalLogin) throw new Error(`startExternalLogin answered ${answer.body}`);
  return { ...answer.data.startExternalLogin, provider };
}

/** Begins a link with the session of `token`; throws when it does not work. */
export async function beginLink(app: TestApp, token: string, provider = 'work'): Promise<Begun> {
  const { data, body } = await app.send(LINK_EXTERNAL, { input: { provider, redirectTo: PAGE } }, { token });
  if (!data?.linkExternalLogin) throw new Error(`linkExternalLogin answered ${body}`);
  return { ...data.linkExternalLogin, provider };
}

/** What the callback answered, and what it hands to the page in the fragment. */
export interface CameBack {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
  readonly code: string | undefined;
  readonly reason: string | undefined;
  readonly words: string | undefined;
}

/** The browser comes back from the provider. */
export async function comeBack(
  app: TestApp,
  provider: string,
  parameters: Record<string, string> | string,
  how: 'GET' | 'POST' = 'GET',
): Promise<CameBack> {
  const text = String(new URLSearchParams(parameters));
  const url = `/external/callback/${provider}`;
  const response = await app.server.inject(
    how === 'GET'
      ? { method: 'GET', url: `${url}?${text}` }
      : {
          method: 'POST',
          url,
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          payload: text,
        },
  );
  const { location } = response.headers as { location?: string };
  const fragment = new URLSearchParams(location?.split('#')[1] ?? '');
  return {
    status: response.statusCode,
    location,
    body: response.body,
    code: fragment.get('code') ?? undefined,
    reason: fragment.get('reason') ?? undefined,
    words: fragment.get('error_description') ?? undefined,
  };
}

/** A person logs in at the provider, and comes back. */
export function visit(app: TestApp, evil: EvilProvider, begun: Begun, person: Person): Promise<CameBack> {
  return comeBack(app, begun.provider, evil.authorize(begun.authorizationUrl, person));
}

export function complete(
  app: TestApp,
  code = '',
  verifier: string | null = '',
  sender?: Sender,
): Promise<Answer> {
  return app.send(COMPLETE_EXTERNAL, { input: { code, verifier } }, sender);
}

/** All of a login, as far as it goes. */
export async function loginBy(
  app: TestApp,
  evil: EvilProvider,
  person: Person,
  { provider = 'work', ...input }: { provider?: string } & Record<string, unknown> = {},
): Promise<Answer> {
  const begun = await begin(app, provider, input);
  const { code } = await visit(app, evil, begun, person);
  return complete(app, code, begun.verifier);
}

/** The session of a login; throws when it opens none. */
export function authOf({ data, body }: Answer): Auth {
  const auth = data?.completeExternalLogin?.auth;
  if (!auth) throw new Error(`no session was opened: ${body}`);
  return auth;
}

/** The token of a registration; throws when there is none. */
export function registrationOf({ data, body }: Answer): string {
  const token = data?.completeExternalLogin?.registrationToken;
  if (!token) throw new Error(`no registration was begun: ${body}`);
  return token;
}

/** Links a person's account at the provider to the account of `token`. */
export async function linkTo(
  app: TestApp,
  evil: EvilProvider,
  token: string,
  person: Person,
): Promise<Answer> {
  const begun = await beginLink(app, token);
  const { code } = await visit(app, evil, begun, person);
  return app.send(COMPLETE_LINK, { input: { code, verifier: begun.verifier } }, { token });
}

/** The code of a refusal, and its reason. */
export function refusalOf({ code, errors }: Answer): string {
  const reason = errors?.[0]?.extensions.reason;
  return reason === undefined ? code : `${code} ${reason}`;
}

/** How many rows there are of what a login could write. */
export async function writtenIn(app: TestApp): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of ['users', 'sessions', 'external_logins', 'mfa_challenges', 'mails']) {
    const row = await app.database.get<{ count: number }>(
      `SELECT CAST(COUNT(*) AS INTEGER) AS count FROM ${table}`,
    );
    counts[table] = row?.count ?? 0;
  }
  return counts;
}

/** An account with a verified address and a password. */
export async function registerVerified(app: TestApp, email = 'ada@example.com'): Promise<Auth> {
  const auth = await register(app, email);
  await app.send(REQUEST_VERIFICATION, { input: { email } });
  const input = { token: await mailedToken(app, '/verify-email', email) };
  const answer = await app.send(VERIFY_EMAIL, { input }, { token: auth.accessToken });
  if (answer.code !== 'OK') throw new Error(`verifyEmail answered ${answer.body}`);
  return auth;
}
