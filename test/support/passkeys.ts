import { AUTH, type Auth } from './documents.ts';
import {
  type CreationOptions,
  createSoftAuthenticator,
  type RequestOptions,
  type SoftAuthenticator,
  type SoftAuthenticatorOptions,
  type Tamper,
} from './soft-authenticator.ts';
import type { Answer, Sender, TestApp } from './start-app.ts';

const DESCRIPTOR = '{ id type transports }';
export const START_REGISTRATION = `mutation ($input: StartPasskeyRegistrationInput) {
  startPasskeyRegistration(input: $input) {
    challengeId expiresAt challenge timeout attestation hints
    rp { id name } user { id name displayName } pubKeyCredParams { type alg } excludeCredentials ${DESCRIPTOR}
    authenticatorSelection { residentKey requireResidentKey userVerification } } }`;
export const FINISH_REGISTRATION = `mutation ($input: FinishPasskeyRegistrationInput!) {
  finishPasskeyRegistration(input: $input) {
    factor { id kind name createdAt lastUsedAt passkey { backedUp transports authenticator } }
    recoveryCodes auth { ${AUTH} } } }`;
const OPTIONS = `challengeId expiresAt challenge timeout rpId allowCredentials ${DESCRIPTOR} userVerification`;
export const START_LOGIN = `mutation { startPasskeyLogin { ${OPTIONS} } }`;
export const START_CHALLENGE = `mutation ($input: StartPasskeyChallengeInput) {
  startPasskeyChallenge(input: $input) { ${OPTIONS} } }`;
export const LOGIN_WITH_PASSKEY = `mutation ($input: LoginWithPasskeyInput!) {
  loginWithPasskey(input: $input) { ${AUTH} } }`;

/** An account with a passkey: what the registration answered, and the authenticator. */
export interface Registered {
  readonly auth: Auth;
  readonly factorId: string;
  readonly recoveryCodes: readonly string[] | null;
  readonly authenticator: SoftAuthenticator;
}

/** The options of a registration; throws when it does not begin. */
export async function startRegistration(app: TestApp, token: string): Promise<CreationOptions> {
  const { data, body } = await app.send(START_REGISTRATION, {}, { token });
  if (!data?.startPasskeyRegistration) throw new Error(`startPasskeyRegistration answered ${body}`);
  return data.startPasskeyRegistration;
}

/** Registers a passkey with the session of `token`, which must be fresh. */
export async function registerPasskey(
  app: TestApp,
  token: string,
  options: SoftAuthenticatorOptions & { authenticator?: SoftAuthenticator } = {},
): Promise<Registered> {
  const authenticator = options.authenticator ?? createSoftAuthenticator(options);
  const input = authenticator.create(await startRegistration(app, token));
  const { data, body } = await app.send(FINISH_REGISTRATION, { input }, { token });
  if (!data?.finishPasskeyRegistration) throw new Error(`finishPasskeyRegistration answered ${body}`);
  const { auth, factor, recoveryCodes } = data.finishPasskeyRegistration;
  return { auth, factorId: factor.id, recoveryCodes, authenticator };
}

export async function startLogin(app: TestApp): Promise<RequestOptions> {
  return (await app.send(START_LOGIN)).data.startPasskeyLogin;
}

/** The options for an `mfaToken`, or for the session of a bearer; throws when there are none. */
export async function startChallenge(
  app: TestApp,
  from: { mfaToken: string } | { token: string },
): Promise<RequestOptions> {
  const [input, sender] = 'token' in from ? [{}, from] : [from, {}];
  const { data, body } = await app.send(START_CHALLENGE, { input }, sender);
  if (!data?.startPasskeyChallenge) throw new Error(`startPasskeyChallenge answered ${body}`);
  return data.startPasskeyChallenge;
}

/** Logs in with a passkey alone. */
export async function loginWithPasskey(
  app: TestApp,
  authenticator: SoftAuthenticator,
  {
    tamper,
    sender,
    ...input
  }: { tamper?: Tamper; sender?: Sender; scope?: string[]; deviceName?: string } = {},
): Promise<Answer> {
  const passkey = authenticator.get(await startLogin(app), tamper);
  return app.send(LOGIN_WITH_PASSKEY, { input: { passkey, ...input } }, sender);
}
