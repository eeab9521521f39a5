import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { createRecoveryCode, recoveryCodeHash } from '../../src/crypto/recovery-code.ts';
import { base32Of, createTotpSeed, totpCode, totpStepOf } from '../../src/crypto/totp.ts';
import { authenticatorOf } from '../support/authenticator.ts';
import { cleanEnvironment } from '../support/server-process.ts';

/** RFC 6238 Appendix B, SHA-1, of which the last six of the eight digits are the code of six. */
const VECTORS = [
  { seconds: 59, digits: '94287082' },
  { seconds: 1_111_111_109, digits: '07081804' },
  { seconds: 1_111_111_111, digits: '14050471' },
  { seconds: 1_234_567_890, digits: '89005924' },
  { seconds: 2_000_000_000, digits: '69279037' },
  { seconds: 20_000_000_000, digits: '65353130' },
];
const SEED = Buffer.from('12345678901234567890');
const AT = 1_111_111_111_000;
const STEP = Math.floor(AT / 30_000);

describe('codes of an authenticator app', () => {
  it.each(VECTORS)('the code at $seconds s is the one of RFC 6238', ({ seconds, digits }) => {
    const code = digits.slice(2);
    expect(totpCode(SEED, Math.floor(seconds / 30))).toBe(code);
    expect(totpStepOf(code, { seed: SEED, lastStep: 0, at: seconds * 1_000 })).toBe(Math.floor(seconds / 30));
    expect(authenticatorOf(base32Of(SEED)).codeAt(seconds * 1_000)).toBe(code);
  });

  it('a seed has 160 bits, and no two are alike (MFA-1)', () => {
    const seeds = Array.from({ length: 100 }, createTotpSeed);
    expect(new Set(seeds.map((seed) => seed.toString('hex'))).size).toBe(100);
    expect(seeds.every((seed) => seed.length === 20)).toBe(true);
  });

  it('the code of the step before and of the step after count, and no others (MFA-1)', () => {
    const accepted = [-2, -1, 0, 1, 2].filter(
      (offset) =>
        totpStepOf(totpCode(SEED, STEP + offset), { seed: SEED, lastStep: 0, at: AT }) !== undefined,
    );
    expect(accepted).toEqual([-1, 0, 1]);
  });

  it('no code of a spent step, or of one before it, counts again (MFA-1)', () => {
    const check = (step: number, lastStep: number) =>
      totpStepOf(totpCode(SEED, step), { seed: SEED, lastStep, at: AT });
    expect(check(STEP, STEP - 1)).toBe(STEP);
    expect(check(STEP, STEP)).toBeUndefined();
    expect(check(STEP - 1, STEP)).toBeUndefined();
    expect(check(STEP + 1, STEP)).toBe(STEP + 1);
  });

  it.each(['', '05047', '0504711', '０５０４７１', '05047x', '-50471', '50471 ', '5e4710'])(
    'what has not the shape of a code is wrong: %j',
    (code) => {
      expect(totpStepOf(code, { seed: SEED, lastStep: 0, at: AT })).toBeUndefined();
    },
  );

  it('oathtool computes the same codes, where it is there', () => {
    const seed = createTotpSeed();
    const tool = spawnSync(
      'oathtool',
      ['--totp', '--base32', '--now', '2033-05-18 03:33:20 UTC', base32Of(seed)],
      {
        env: cleanEnvironment(),
        encoding: 'utf8',
      },
    );
    // The vectors of the RFC hold everywhere; this is one implementation more.
    if (tool.error !== undefined) return;
    expect(tool.stdout.trim()).toBe(totpCode(seed, Math.floor(2_000_000_000 / 30)));
  });
});

describe('recovery codes', () => {
  it('a code has 125 random bits in groups for reading (MFA-3)', () => {
    const codes = Array.from({ length: 1_000 }, createRecoveryCode);
    expect(new Set(codes).size).toBe(1_000);
    for (const code of codes) expect(code).toMatch(/^[0-9a-hjkmnp-tv-z]{5}(-[0-9a-hjkmnp-tv-z]{5}){4}$/);
    const characters = new Set(codes.join('').replaceAll('-', ''));
    expect(characters.size).toBe(32);
  });

  it('case, spaces and hyphens do not matter, and letters that look like digits are digits', () => {
    const code = '01abc-defgh-jkmnp-qrstv-wxyz2';
    const hash = recoveryCodeHash(code);
    expect(hash).toBeDefined();
    for (const typed of [
      code.toUpperCase(),
      code.replaceAll('-', ' '),
      ` ${code} `,
      code.replaceAll('-', '–'),
      `Ol${code.slice(2)}`,
    ])
      expect(recoveryCodeHash(typed)).toBe(hash);
    expect(recoveryCodeHash('01abc-defgh-jkmnp-qrstv-wxyz3')).not.toBe(hash);
  });

  it.each(['', '01abc', '01abc-defgh-jkmnp-qrstv-wxyzu', '01abc-defgh-jkmnp-qrstv-wxyz22'])(
    'what has not the shape of a code has no hash: %j',
    (text) => {
      expect(recoveryCodeHash(text)).toBeUndefined();
    },
  );
});
