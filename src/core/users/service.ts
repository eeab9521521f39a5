import { z } from 'zod';
import type { Database, Sql } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { asciiAddress, parseEmailAddress } from '../../platform/email-address.ts';
import { findUser, listUsers, type UserRecord, type UserWithRoles } from './store.ts';

/** An address without the spaces around it. */
export const Email = z
  .string()
  .trim()
  .refine((text) => parseEmailAddress(text) !== undefined);

const PAGE = 500;

/** The owner of a session, and the session. */
export interface OwnSession {
  readonly userId: string;
  readonly sessionId: string;
}

/** What a session allows, as its row has it: texts with spaces between their words. */
export interface SessionRights {
  /** The roles that its owner was given. */
  readonly roles: string;
  /** The scopes that its login asked for; null is all. */
  readonly narrowedTo: string | null;
  /** How strong the authentication was; `aal2` is one with a second factor. */
  readonly acr: string;
}

/** Who asks: the owner of a live session. */
export interface Viewer extends OwnSession, SessionRights {
  readonly kind: 'user';
  /** What the owner has to do before anything else; none where they may go on. */
  readonly owed: Owed | undefined;
  /** As they were when the session was found alive: at most a second ago. */
  readonly user?: UserView | undefined;
}

/** To a program, where the field is for people. */
export function refusedMachine(): AuthError {
  return new AuthError('FORBIDDEN', {
    reason: 'MACHINE',
    hint: 'The access token is that of a service account. Only fields that name a scope are open to it.',
  });
}

/**
 * Lets a viewer do what concerns the whole of their account.
 *
 * @throws AuthError `FORBIDDEN` when the session was narrowed: it was opened for less.
 */
export function assertWide({ narrowedTo }: Pick<Viewer, 'narrowedTo'>): void {
  if (narrowedTo !== null) throw new AuthError('FORBIDDEN', { reason: 'NARROWED_SESSION' });
}

/**
 * Why a session is refused where every account has to have a second factor: the account has none, or the session began
 * without it. Such a session may be older than the enrolment, and be that of a thief of the password.
 */
export type Owed = 'ENROLMENT_REQUIRED' | 'FACTOR_REQUIRED';

/**
 * Lets a viewer do more than enrol or show a second factor.
 *
 * @throws AuthError `FORBIDDEN` when one of them is owed.
 */
export function assertNothingOwed({ owed }: Pick<Viewer, 'owed'>): void {
  if (owed !== undefined) throw new AuthError('FORBIDDEN', { reason: owed });
}

/** A user as the API shows it, with the session that the request came with. */
export interface UserView extends UserRecord, SessionRights, Pick<Viewer, 'owed'> {
  readonly currentSessionId: string;
}

/** A user's row, as the viewer sees it. */
export function viewOf(
  user: UserRecord,
  { sessionId, roles, narrowedTo, acr, owed }: Omit<Viewer, 'kind' | 'user'>,
): UserView {
  return { ...user, currentSessionId: sessionId, roles, narrowedTo, acr, owed };
}

export type Users = ReturnType<typeof createUsers>;

/**
 * The people who have accounts.
 *
 * @param options.requiresFactor whether every account has to have a second factor.
 */
export function createUsers({ database, requiresFactor }: { database: Database; requiresFactor: boolean }) {
  /** Computed from the setting, the factors and the session, and never stored: each of them can change. */
  function owedBy(
    { secondFactors }: Pick<UserRecord, 'secondFactors'>,
    { acr }: Pick<SessionRights, 'acr'>,
  ): Owed | undefined {
    if (!requiresFactor) return undefined;
    if (secondFactors === '') return 'ENROLMENT_REQUIRED';
    return acr === 'aal2' ? undefined : 'FACTOR_REQUIRED';
  }

  async function readView(session: OwnSession & SessionRights): Promise<UserView> {
    const user = await findUser(database, session.userId);
    // The account went between the check of the session and this read.
    if (user === undefined) throw new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_INVALID' });
    return viewOf(user, { ...session, owed: owedBy(user, session) });
  }

  return {
    requiresFactor,
    owedBy,

    /** @throws AuthError `FORBIDDEN` when the session that asks was narrowed: it does not show how to get in. */
    hasPassword(user: UserView): boolean {
      assertWide(user);
      return user.hasPassword === 1;
    },

    /** The owner of a session, as they see themselves. */
    view(session: OwnSession & SessionRights & Pick<Viewer, 'user'>): UserView | Promise<UserView> {
      return session.user ?? readView(session);
    },
  };
}

/** The form in which addresses are compared and throttled: trimmed, ASCII, lower case. No other field has it (LOG-5). */
export function canonicalEmail(email: string): string {
  const address = email.trim();
  return (asciiAddress(address) ?? address).normalize('NFKC').toLowerCase();
}

/** Every user, by id, read a page at a time. */
export function everyUser(sql: Sql): AsyncGenerator<UserWithRoles> {
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
