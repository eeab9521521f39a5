import { createHmac } from 'node:crypto';
import { AUTH, type Auth, LOGIN } from './documents.ts';
import { type Answer, PASSWORD, type Sender, type TestApp } from './start-app.ts';

export const START_TOTP = `mutation ($input: StartTotpEnrolmentInput) {
  startTotpEnrolment(input: $input) { secret otpauthUri qrCode expiresAt } }`;
export const CONFIRM_TOTP = `mutation ($input: ConfirmTotpEnrolmentInput!) {
  confirmTotpEnrolment(input: $input) {
    factor { id kind name createdAt lastUsedAt } recoveryCodes auth { ${AUTH} } } }`;
export const COMPLETE_MFA = `mutation ($input: CompleteMfaLoginInput!) {
  completeMfaLogin(input: $input) { ${AUTH} } }`;
export const MFA =
  '{ me { mfa { enabled recoveryCodesLeft factors { id kind name createdAt lastUsedAt } } } }';
export const REGENERATE = 'mutation { regenerateRecoveryCodes { recoveryCodes } }';
export const REMOVE_FACTOR = `mutation ($input: RemoveFactorInput!) {
  removeFactor(input: $input) { id mfa { enabled recoveryCodesLeft factors { id } } } }`;
export const RENAME_FACTOR =
  'mutation ($input: RenameFactorInput!) { renameFactor(input: $input) { id name } }';

/** An authenticator app, written anew from RFC 4226 §5.3 and RFC 6238 §4. */
export interface Authenticator {
  /** The code at a moment, in ms since 1970. */
  codeAt(at: number): string;
}

export function authenticatorOf(secret: string): Authenticator {
  const key = Buffer.from(base32Bytes(secret));
  return {
    codeAt(at) {
      const counter = Buffer.alloc(8);
      counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
      const mac = createHmac('sha1', key).update(counter).digest();
      const offset = mac.readUInt8(19) & 15;
      return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
    },
  };
}

function base32Bytes(text: string): number[] {
  const bits = [...text].map((character) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(character).toString(2).padStart(5, '0'),
  );
  return (bits.join('').match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2));
}

/** An account with an app: what the enrolment answered, and the app, whose next code is of the next time step. */
export interface Enrolled {
  readonly auth: Auth;
  readonly factorId: string;
  readonly recoveryCodes: readonly string[];
  readonly secret: string;
  /** The code of now. Travels to the next time step first, because each works once. */
  nextCode(): string;
}

/** Enrols an app with the session of `token`, which must be fresh. */
export async function enrol(app: TestApp, token: string): Promise<Enrolled> {
  const started = await app.send(START_TOTP, {}, { token });
  if (!started.data?.startTotpEnrolment) throw new Error(`startTotpEnrolment answered ${started.body}`);
  const { secret } = started.data.startTotpEnrolment;
  const authenticator = authenticatorOf(secret);
  const nextCode = () => {
    app.clock.travel(30_000);
    return authenticator.codeAt(app.clock.now());
  };
  const { data, body } = await app.send(CONFIRM_TOTP, { input: { code: nextCode() } }, { token });
  if (!data?.confirmTotpEnrolment) throw new Error(`confirmTotpEnrolment answered ${body}`);
  const { auth, factor, recoveryCodes } = data.confirmTotpEnrolment;
  return { auth, factorId: factor.id, recoveryCodes, secret, nextCode };
}

/** The token of an answer that asks for a second factor; throws when it does not. */
export function mfaTokenOf({ errors, body }: Answer): string {
  const token = errors?.[0]?.extensions.mfaToken;
  if (typeof token !== 'string') throw new Error(`no second factor was asked for: ${body}`);
  return token;
}

/** Sends a code of a second factor. */
export function complete(
  app: TestApp,
  mfaToken: string,
  code: { totpCode: string } | { recoveryCode: string },
  sender?: Sender,
): Promise<Answer> {
  return app.send(COMPLETE_MFA, { input: { mfaToken, ...code } }, sender);
}

/** Logs in with both factors; throws when it does not work. */
export async function loginWithBoth(
  app: TestApp,
  account: Enrolled,
  email = 'ada@example.com',
): Promise<Auth> {
  const token = mfaTokenOf(await app.send(LOGIN, { input: { email, password: PASSWORD } }));
  const { data, body } = await complete(app, token, { totpCode: account.nextCode() });
  if (!data?.completeMfaLogin) throw new Error(`completeMfaLogin answered ${body}`);
  return data.completeMfaLogin;
}

/** A code of the app that is wrong now and in the steps beside it. */
export function wrongCode(app: TestApp, { secret }: Enrolled): string {
  const near = [-1, 0, 1].map((step) => authenticatorOf(secret).codeAt(app.clock.now() + step * 30_000));
  return ['111111', '222222', '333333', '444444'].find((code) => !near.includes(code)) ?? '';
}
