import { NETWORK_WINDOW_MS, type RateLimits } from '../../core/rate-limits/service.ts';
import type { Viewer } from '../../core/users/service.ts';
import type { Caller } from '../../platform/caller.ts';
import { createFactorChanges, type FactorChangesOptions } from './changes.ts';
import { createEnrolment, type EnrolmentOptions } from './enrolment.ts';
import { createFactorResets, type FactorResetsOptions } from './factor-resets.ts';

/** Changes of the factors of one account in five minutes. */
const MOST_CHANGES = 60;

export type MfaOptions = Omit<EnrolmentOptions & FactorChangesOptions, 'assertFewChanges'> &
  FactorResetsOptions & { readonly rateLimits: Pick<RateLimits, 'failures'> };

export type MfaService = ReturnType<typeof createMfaService>;

/** Second factors, as their owners see them. */
export function createMfaService(options: MfaOptions) {
  const changes = options.rateLimits.failures({ name: 'factor-changes', windowMs: NETWORK_WINDOW_MS });

  async function assertFewChanges({ userId }: Viewer, caller: Caller): Promise<void> {
    const source = [{ name: userId, most: MOST_CHANGES }];
    await changes.count(source, caller);
  }

  return {
    ...createEnrolment({ ...options, assertFewChanges }),
    ...createFactorChanges({ ...options, assertFewChanges }),
    ...createFactorResets(options),
  };
}
