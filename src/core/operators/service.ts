import type { Database, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { isId } from '../../platform/id.ts';
import type { OwnScope } from '../../platform/scopes.ts';
import { wordsOf } from '../../platform/words.ts';
import type { AuditEvent, EventName, RecordEvent } from '../audit/store.ts';
import { NETWORK_WINDOW_MS, type RateLimits } from '../rate-limits/service.ts';
import type { Roles } from '../roles/service.ts';
import { readRoles } from '../roles/store.ts';
import type { MachineViewer } from '../service-accounts/service.ts';
import { hasEnded, type Sessions } from '../sessions/service.ts';
import type { AccessToken } from '../tokens/access-token.ts';
import { type OwnSession, refusedMachine, type Viewer } from '../users/service.ts';
import { lockUser, type UserRecord } from '../users/store.ts';
import { createAdministrators, forbidden, ownScopesOf } from './administrators.ts';
import { lockAdministrators } from './store.ts';

/** Changes that one operator may make in five minutes: each is an event of the audit trail, and some are a mail. */
const MOST_CHANGES = 60;

export { forbidden } from './administrators.ts';
export type * from './views.ts';

export interface OperatorsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly rateLimits: Pick<RateLimits, 'failures'>;
  readonly roles: Pick<Roles, 'rightsOf' | 'granting'>;
  readonly sessions: Pick<Sessions, 'readFreshness'>;
}

/** What comes with a request: the context of GraphQL is one. */
export interface Operation {
  readonly bearer: AccessToken | AuthError;
  /** As the guard in front of the field found them. */
  readonly viewer?: Viewer | MachineViewer;
  readonly caller: Caller;
}

/** Who acts on other accounts. A program has its service account as `userId`, and its key as `sessionId`: it only reads. */
export interface Operator extends OwnSession {
  /** What the access token says and the roles of its owner allow now. */
  readonly scope: ReadonlySet<string>;
  readonly caller: Caller;
}

/** A change that was let through, inside its transaction. */
export interface Change {
  readonly operator: Operator;
  /** The moment of the change, in ms since 1970. */
  readonly now: number;
  /**
   * Writes the event of the change: who did it, from where and in which session is there already.
   *
   * @param userId the account that the event is about.
   */
  readonly record: (
    name: EventName,
    userId: string | undefined,
    details: AuditEvent['details'],
  ) => Promise<void>;
}

/** A change of one account. */
export interface ChangeOfUser extends Change {
  /** The account, whose row is locked until the end of the transaction. */
  readonly user: UserRecord;
  /** The roles that it was given, as `user_roles` has them. */
  readonly givenRoles: string;
}

export type Operators = ReturnType<typeof createOperators>;

/** Lets operators do what the `latchkey:` scopes allow. Every field of theirs goes through one of these functions. */
export function createOperators(options: OperatorsOptions) {
  const { database, clock, recordEvent, roles, sessions } = options;
  const administrators = createAdministrators(options);
  const changes = options.rateLimits.failures({ name: 'operator-changes', windowMs: NETWORK_WINDOW_MS });

  function allowedNow(
    token: AccessToken,
    session: { roles: string; narrowedTo: string | null },
  ): Set<string> {
    const now = new Set(roles.rightsOf(session).scope);
    return new Set(wordsOf(token.scope).filter((scope) => now.has(scope)));
  }

  /**
   * Lets an operator see something. What the roles of the operator allow may be a second old, as everywhere (AT-9).
   *
   * @param scopes of which one is enough.
   * @throws AuthError `UNAUTHENTICATED`; `FORBIDDEN` with the reason `INSUFFICIENT_SCOPE`.
   */
  function authorize({ bearer, viewer, caller }: Operation, ...scopes: readonly OwnScope[]): Operator {
    if (bearer instanceof AuthError) throw bearer;
    if (viewer === undefined) throw hasEnded();
    const scope = viewer.kind === 'machine' ? new Set(viewer.scope) : allowedNow(bearer, viewer);
    if (!scopes.some((name) => scope.has(name))) throw forbidden('INSUFFICIENT_SCOPE');
    const { userId, sessionId } = bearer;
    return { userId, sessionId, scope, caller };
  }

  /**
   * Who acts, by the rows as they are in the transaction: the cache of sessions is a second old (AT-9).
   *
   * @param self the row of the operator, locked.
   */
  async function readOperator(
    tx: Transaction,
    { bearer, viewer, caller }: Operation,
    { scope, self }: { scope: OwnScope; self: UserRecord | undefined },
  ): Promise<Operator> {
    if (bearer instanceof AuthError) throw bearer;
    if (viewer?.kind !== 'user' || self === undefined || self.disabledAt !== null) throw hasEnded();
    const { session, isFreshlyProven } = await sessions.readFreshness(tx, viewer, self);
    const { narrowedTo } = session;
    const allowed = allowedNow(bearer, { roles: await readRoles(tx, viewer.userId), narrowedTo });
    if (!allowed.has(scope)) throw forbidden('INSUFFICIENT_SCOPE');
    // The scope comes first: who is no operator does not learn what operators have to do.
    if (!isFreshlyProven) throw new AuthError('REAUTHENTICATION_REQUIRED');
    return { userId: viewer.userId, sessionId: viewer.sessionId, scope: allowed, caller };
  }

  function changeOf(tx: Transaction, operator: Operator): Change {
    const { userId: actor, sessionId, caller } = operator;
    const now = clock.now();
    return {
      operator,
      now,
      record: (name, userId, details) =>
        recordEvent(tx, {
          name,
          outcome: 'success',
          at: now,
          userId,
          sessionId,
          caller,
          details: { by: 'operator', actor, ...details },
        }),
    };
  }

  /** What is cheap to refuse, before a transaction begins. */
  async function beforeChange(operation: Operation, scope: OwnScope): Promise<Operator> {
    if (operation.viewer?.kind === 'machine') throw refusedMachine();
    const operator = authorize(operation, scope);
    const source = [{ name: operator.userId, most: MOST_CHANGES }];
    await changes.count(source, operation.caller);
    return operator;
  }

  /**
   * Opens a change that concerns no other account, or one that is not there yet. `prepare` does what is dear and may not
   * happen inside the transaction: only for who may try, and counted.
   *
   * The operator's token has the scope, and the roles of its owner allow it now; its session lives, and was proven in the
   * last ten minutes with all that a login needs. All of that is read in the transaction of the change, with the row of
   * the operator locked. So a demotion, a disabling or a logout comes before the change or after it.
   *
   * @throws AuthError `UNAUTHENTICATED`, `REAUTHENTICATION_REQUIRED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`; `FORBIDDEN` with
   * the reason `INSUFFICIENT_SCOPE`.
   */
  async function change<Result, Prepared = undefined>(
    operation: Operation,
    scope: OwnScope,
    work: (tx: Transaction, change: Change, prepared: Prepared | undefined) => Promise<Result>,
    prepare?: () => Promise<Prepared>,
  ): Promise<Result> {
    const { userId } = await beforeChange(operation, scope);
    const prepared = await prepare?.();
    return database.before(operation.caller.deadline).transaction(async (tx) => {
      const self = await lockUser(tx, userId);
      return work(tx, changeOf(tx, await readOperator(tx, operation, { scope, self })), prepared);
    });
  }

  /**
   * Opens a change of one account, as `change` does. Nobody acts on themselves, nor on an account with a `latchkey:` scope
   * that their token lacks. The rows of both are locked, so of two operators who act on each other one is refused.
   *
   * So an operator who takes an administrator away remains one: the token has all that the other account has. A `deleteMe`
   * of the operator waits for the change, as `assertOther` says.
   *
   * @param target.takesRights whether the account may have less rights afterwards.
   * @throws AuthError the same, `NOT_FOUND`; `FORBIDDEN` also with `SELF`, `OUTRANKED` and `LAST_ADMINISTRATOR`.
   */
  async function changeUser<Result>(
    operation: Operation,
    { scope, userId, takesRights = false }: { scope: OwnScope; userId: string; takesRights?: boolean },
    work: (tx: Transaction, change: ChangeOfUser) => Promise<Result>,
  ): Promise<Result> {
    const { userId: ownId } = await beforeChange(operation, scope);
    return database.before(operation.caller.deadline).transaction(async (tx) => {
      // First, as `assertOther` locks it before the row of its account.
      if (takesRights) await lockAdministrators(tx);
      const locked = await lockUsers(tx, isId(userId) ? [ownId, userId] : [ownId]);
      const operator = await readOperator(tx, operation, { scope, self: locked.get(ownId) });
      const user = locked.get(userId);
      if (user === undefined) throw new AuthError('NOT_FOUND');
      if (userId === ownId) {
        if (takesRights) await administrators.assertOther(tx, ownId);
        throw forbidden('SELF');
      }
      const givenRoles = await readRoles(tx, userId);
      if (ownScopesOf(roles, givenRoles).some((name) => !operator.scope.has(name)))
        throw forbidden('OUTRANKED');
      return work(tx, { ...changeOf(tx, operator), user, givenRoles });
    });
  }

  return { authorize, change, changeUser, ...administrators };
}

/** In the order of their ids, so that two operators who act on each other do not wait for each other. */
async function lockUsers(tx: Transaction, ids: readonly string[]): Promise<Map<string, UserRecord>> {
  const locked = new Map<string, UserRecord>();
  for (const id of [...new Set(ids)].sort()) {
    const user = await lockUser(tx, id);
    if (user !== undefined) locked.set(id, user);
  }
  return locked;
}
