import type { ChangeOfUser, Operation, Operator, Operators } from '../../core/operators/service.ts';
import type { UserWithRoles } from '../../core/users/store.ts';
import type { Transaction } from '../../database/database.ts';
import type { OwnScope } from '../../platform/scopes.ts';
import { findUserWithRoles } from './account-store.ts';

/** An account after a change, and who changed it: what they may see of it depends on their token. */
export interface Changed {
  readonly user: UserWithRoles;
  readonly operator: Operator;
}

export interface OfUser {
  readonly userId: string;
}

/** Opens a change of one account and answers the account as it is then. */
export function changeAccount(
  operators: Pick<Operators, 'changeUser'>,
  operation: Operation,
  {
    userId,
    scope = 'latchkey:users:write',
    takesRights = false,
  }: OfUser & { readonly scope?: OwnScope; readonly takesRights?: boolean },
  work: (tx: Transaction, opened: ChangeOfUser) => Promise<unknown>,
): Promise<Changed> {
  return operators.changeUser(operation, { scope, userId, takesRights }, async (tx, opened) => {
    await work(tx, opened);
    return { user: await readAccount(tx, userId), operator: opened.operator };
  });
}

/** An account whose row the transaction has locked. */
export async function readAccount(tx: Transaction, userId: string): Promise<UserWithRoles> {
  const user = await findUserWithRoles(tx, userId);
  if (user === undefined) throw new Error('the row of the account was locked and is gone');
  return user;
}
