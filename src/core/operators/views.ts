import type { AuditEvent, EventRecord } from '../audit/store.ts';
import type { ExternalLoginRecord } from '../external-logins/service.ts';
import type { FactorRecord } from '../factors/service.ts';
import type { SessionView } from '../sessions/service.ts';
import type { UserWithRoles } from '../users/store.ts';

/** What is counted of wrong passwords and codes. */
export interface FailedLogins {
  readonly passwords: number;
  readonly passwordDisabled: boolean;
  readonly codes: number;
  readonly codesDisabled: boolean;
  /** Until when a stranger's try has to wait, in ms since 1970; 0 where none has. */
  readonly lockedUntil: number;
}

/** What belongs to the accounts of one page. Each kind is one statement for all of them. */
export interface UserDetails {
  readonly sessionsOf: (userId: string) => Promise<readonly SessionView[]>;
  readonly factorsOf: (userId: string) => Promise<readonly FactorRecord[]>;
  readonly codesLeftOf: (userId: string) => Promise<number>;
  readonly externalLoginsOf: (userId: string) => Promise<readonly ExternalLoginRecord[]>;
  readonly failedLoginsOf: (userId: string) => Promise<FailedLogins>;
}

/** An account as operators see it. What takes a statement of its own is read when it is asked for. */
export interface AdminUserView extends UserWithRoles {
  /** @throws AuthError `FORBIDDEN` for an operator who may not see what the owner does. */
  readonly more: () => UserDetails;
}

/** Where a page stands in its list. */
export interface PageInfo {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly startCursor: string | null;
  readonly endCursor: string | null;
}

/** A page of accounts. */
export interface UserConnection {
  readonly edges: readonly { readonly cursor: string; readonly node: AdminUserView }[];
  readonly pageInfo: PageInfo;
  /** Read when it is asked for: at most one above 10,000. */
  readonly count: () => Promise<number>;
}

/** An event of the audit trail as operators see it; `details` is JSON. */
export type EventView = Omit<EventRecord, 'outcome' | 'ownProof'> & Pick<AuditEvent, 'outcome'>;

/** What happened in one interval. */
export interface Bucket {
  readonly from: Date;
  readonly logins: number;
  readonly failures: number;
  readonly registrations: number;
}

export interface Stats {
  readonly intervals: readonly Bucket[];
  /** Read when it is asked for. */
  readonly countLiveSessions: () => Promise<number>;
}
