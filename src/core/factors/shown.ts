import { recoveryCodeHash } from '../../crypto/recovery-code.ts';
import { AuthError } from '../../errors.ts';
import type { PasskeyAnswer } from '../passkeys/service.ts';

/** A second factor, as an input has it: one of the three. */
export interface FactorInput {
  readonly totpCode?: string | null | undefined;
  readonly recoveryCode?: string | null | undefined;
  readonly passkey?: PasskeyAnswer | null | undefined;
}

/** A code, read. */
export type ShownCode =
  | { readonly kind: 'TOTP'; readonly code: string }
  /** No hash for what has not the shape of a recovery code. */
  | { readonly kind: 'RECOVERY_CODE'; readonly codeHash: string | undefined };

/** A second factor, read. */
export type ShownFactor = ShownCode | { readonly kind: 'PASSKEY'; readonly answer: PasskeyAnswer };

/**
 * The one factor of an input; none where there is none.
 *
 * @throws AuthError `BAD_USER_INPUT` when there are several.
 */
export function readFactor({ totpCode, recoveryCode, passkey }: FactorInput): ShownFactor | undefined {
  const given = [totpCode, recoveryCode, passkey].filter((factor) => factor != null);
  if (given.length > 1) throw new AuthError('BAD_USER_INPUT', { field: 'input' });
  if (totpCode != null) return { kind: 'TOTP', code: totpCode.replaceAll(/\s/g, '') };
  if (recoveryCode != null) return { kind: 'RECOVERY_CODE', codeHash: recoveryCodeHash(recoveryCode) };
  if (passkey != null) return { kind: 'PASSKEY', answer: passkey };
  return undefined;
}

/** @throws AuthError `BAD_USER_INPUT` unless there is exactly one. */
export function requireFactor(input: FactorInput): ShownFactor {
  const shown = readFactor(input);
  if (shown === undefined) throw new AuthError('BAD_USER_INPUT', { field: 'input' });
  return shown;
}
