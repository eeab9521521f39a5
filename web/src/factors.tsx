import { AuthClientError, type FactorKind, type Mfa, type PendingLogin } from '@latchkey/client';
import { auth } from './auth.ts';
import type { OwnProblems } from './errors.ts';
import { CodeField, Field } from './form.tsx';
import { type Loaded, useLoaded } from './loading.tsx';
import { hasPasskeys } from './passkeys.tsx';
import { texts } from './texts/index.ts';

/** The second factors of who is signed in. */
export interface Factors extends Omit<Loaded<Mfa>, 'value'> {
  readonly mfa: Mfa | undefined;
}

export function useFactors(): Factors {
  const { value: mfa, ...others } = useLoaded(auth.mfa);
  return { mfa, ...others };
}

/** What would do as a second factor. */
export function kindsOf(mfa: Mfa | undefined): readonly FactorKind[] {
  const kinds = mfa?.factors.map(({ kind }) => kind) ?? [];
  return (mfa?.recoveryCodesLeft ?? 0) > 0 ? [...kinds, 'RECOVERY_CODE'] : kinds;
}

/** What a failure says is owed, where a second factor is. */
export function pendingOf(error: unknown): PendingLogin | undefined {
  return error instanceof AuthClientError ? error.mfa : undefined;
}

/** What a form says of a wrong code. */
export const WRONG_CODE: OwnProblems = {
  INVALID_CODE: { field: 'code', text: texts.errors.INVALID_CODE },
};

/** A kind of factor that is typed. */
export type TypedKind = Exclude<FactorKind, 'PASSKEY'>;

/** In this order people are asked for them. */
const ORDER: readonly FactorKind[] = ['PASSKEY', 'TOTP', 'RECOVERY_CODE'];

/** Those of some kinds that this browser can ask for. */
export function usable(kinds: readonly FactorKind[]): readonly FactorKind[] {
  return ORDER.filter((kind) => kinds.includes(kind) && (kind !== 'PASSKEY' || hasPasskeys));
}

/** The field of a code. Its name is that of the API's input. */
export function FactorField({ kind }: { kind: TypedKind }) {
  if (kind === 'TOTP') return <CodeField key={kind} name="totpCode" hint={texts.hints.totpCode} />;
  return (
    <Field
      key={kind}
      name="recoveryCode"
      label={texts.fields.recoveryCode}
      hint={texts.hints.recoveryCode}
      autoComplete="off"
      autoCapitalize="none"
      spellcheck={false}
    />
  );
}
