import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { findUser, type UserRecord } from './store.ts';

/** Who asks: the owner of a live session. */
export interface Viewer {
  readonly userId: string;
  readonly sessionId: string;
  /** Their row, as it was when the session was found alive: at most a second ago. */
  readonly user?: UserRecord | undefined;
}

/** A user as the answer to somebody, whose own session is the current one. */
export interface UserView extends UserRecord {
  readonly currentSessionId: string;
}

export type Users = ReturnType<typeof createUsers>;

/** The people who have accounts. */
export function createUsers({ database }: { database: Database }) {
  return {
    /** The viewer's own user. */
    async view(viewer: Viewer): Promise<UserView> {
      const user = viewer.user ?? (await findUser(database, viewer.userId));
      // The account went between the check of the session and this read.
      if (user === undefined) throw new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_INVALID' });
      return { ...user, currentSessionId: viewer.sessionId };
    },
  };
}

/** What addresses are compared and throttled by: trimmed, NFKC, lower case; of no other field (LOG-5). */
export function canonicalEmail(email: string): string {
  return email.trim().normalize('NFKC').toLowerCase();
}
