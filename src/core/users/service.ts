import { z } from 'zod';
import type { Database, Sql } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { asciiAddress, parseEmailAddress } from '../../platform/email-address.ts';
import { findUser, listUsers, type UserRecord } from './store.ts';

/** An address without the spaces around it. */
export const Email = z
  .string()
  .trim()
  .refine((text) => parseEmailAddress(text) !== undefined);

const PAGE = 500;

/** Who asks: the owner of a live session. */
export interface Viewer {
  readonly userId: string;
  readonly sessionId: string;
  /** As they were when the session was found alive: at most a second ago. */
  readonly user?: UserView | undefined;
}

/** A user as the API shows it, with the session that the request came with. */
export interface UserView extends UserRecord {
  readonly currentSessionId: string;
}

export type Users = ReturnType<typeof createUsers>;

/** The people who have accounts. */
export function createUsers({ database }: { database: Database }) {
  async function readView(viewer: Viewer): Promise<UserView> {
    const user = await findUser(database, viewer.userId);
    // The account went between the check of the session and this read.
    if (user === undefined) throw new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_INVALID' });
    return { ...user, currentSessionId: viewer.sessionId };
  }

  return {
    /** The viewer's own user. */
    view(viewer: Viewer): UserView | Promise<UserView> {
      return viewer.user ?? readView(viewer);
    },
  };
}

/** The form in which addresses are compared and throttled: trimmed, ASCII, lower case. No other field has it (LOG-5). */
export function canonicalEmail(email: string): string {
  const address = email.trim();
  return (asciiAddress(address) ?? address).normalize('NFKC').toLowerCase();
}

/** Every user, by id, read a page at a time. */
export function everyUser(sql: Sql): AsyncGenerator<UserRecord> {
  return everyRow(
    (page) => listUsers(sql, page),
    ({ id }) => id,
  );
}

/** Every row of what is read a page of 500 at a time, in the order of ids. */
export async function* everyRow<Row>(
  readPage: (page: { afterId: string; limit: number }) => Promise<readonly Row[]>,
  idOf: (row: Row) => string,
): AsyncGenerator<Row> {
  for (let afterId = ''; ; ) {
    const page = await readPage({ afterId, limit: PAGE });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    afterId = idOf(last);
  }
}
