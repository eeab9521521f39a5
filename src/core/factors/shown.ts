import { recoveryCodeHash } from '../../crypto/recovery-code.ts';
import { AuthError } from '../../errors.ts';
import { typedCode } from '../../platform/typed-code.ts';

/** A code of a second factor, as an input has it: one of the two. */
export interface FactorInput {
  readonly totpCode?: string | null | undefined;
  readonly recoveryCode?: string | null | undefined;
}

/** The same, read. */
export type ShownCode =
  | { readonly kind: 'TOTP'; readonly code: string }
  /** No hash for what has not the shape of a recovery code. */
  | { readonly kind: 'RECOVERY_CODE'; readonly codeHash: string | undefined };

/**
 * The one code of an input; none where there is none.
 *
 * @throws AuthError `BAD_USER_INPUT` when there are two.
 */
export function readCode({ totpCode, recoveryCode }: FactorInput): ShownCode | undefined {
  if (totpCode != null && recoveryCode != null) throw new AuthError('BAD_USER_INPUT', { field: 'input' });
  if (totpCode != null) return { kind: 'TOTP', code: typedCode(totpCode) };
  if (recoveryCode != null) return { kind: 'RECOVERY_CODE', codeHash: recoveryCodeHash(recoveryCode) };
  return undefined;
}

/** @throws AuthError `BAD_USER_INPUT` unless there is exactly one. */
export function requireCode(input: FactorInput): ShownCode {
  const shown = readCode(input);
  if (shown === undefined) throw new AuthError('BAD_USER_INPUT', { field: 'input' });
  return shown;
}
