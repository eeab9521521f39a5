import { randomBytes } from 'node:crypto';
import { HOTP, Secret, TOTP } from 'otpauth';
import { constantTimeEqual } from './digest.ts';

/*
 * Codes of six digits that an authenticator app computes from a shared seed and the time (RFC 6238): SHA-1 and steps of
 * 30 seconds, because that is what every app can do.
 */

/** RFC 4226 §4 recommends 160 bits. */
const SEED_BYTES = 20;
const PERIOD_SECONDS = 30;
const DIGITS = 6;
const ALGORITHM = 'SHA1';
/** RFC 6238 §5.2: for the time on the way and clocks that are off, one step before and one after. */
const WINDOW = [-1, 0, 1];

const SHAPE = /^\d{6}$/;

/** A new seed. */
export function createTotpSeed(): Buffer {
  return randomBytes(SEED_BYTES);
}

/** The seed as people type it (RFC 4648 §6). */
export function base32Of(seed: Buffer): string {
  return secretOf(seed).base32;
}

/** What a QR code says to an authenticator app. */
export function otpauthUri(seed: Buffer, { issuer, label }: { issuer: string; label: string }): string {
  const config = { algorithm: ALGORITHM, digits: DIGITS, period: PERIOD_SECONDS };
  return new TOTP({ secret: secretOf(seed), issuer, label, ...config }).toString();
}

/**
 * The step that a code is of, among the present one and its neighbours, after the last one that was spent.
 *
 * @param at ms since 1970.
 */
export function totpStepOf(
  code: string,
  { seed, lastStep, at }: { seed: Buffer; lastStep: number; at: number },
): number | undefined {
  if (!SHAPE.test(code)) return undefined;
  const present = Math.floor(at / 1_000 / PERIOD_SECONDS);
  const given = Buffer.from(code);
  return WINDOW.map((offset) => present + offset).find(
    (step) => step > lastStep && constantTimeEqual(Buffer.from(totpCode(seed, step)), given),
  );
}

/** RFC 6238 §4. */
export function totpCode(seed: Buffer, step: number): string {
  return HOTP.generate({ secret: secretOf(seed), counter: step, digits: DIGITS, algorithm: ALGORITHM });
}

function secretOf(seed: Buffer): Secret {
  return new Secret({ buffer: Uint8Array.from(seed).buffer });
}
