import { hash, timingSafeEqual } from 'node:crypto';

/** SHA-256 (FIPS 180-4), base64url. */
export function sha256(input: string | Buffer): string {
  return hash('sha256', input, 'base64url');
}

/** Compares two digests in a time that does not depend on where they differ (ASVS 11.2.4). */
export function constantTimeEqual(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
