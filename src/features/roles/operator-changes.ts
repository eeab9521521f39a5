import { type ChangeOfUser, forbidden } from '../../core/operators/service.ts';
import type { Roles } from '../../core/roles/service.ts';
import * as store from '../../core/roles/store.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import { writeMetadata } from '../../core/users/store.ts';
import type { Transaction } from '../../database/database.ts';
import { wordsOf } from '../../platform/words.ts';
import { assertMetadata } from './metadata.ts';
import { unknownRole } from './role-grants.ts';

const MOST_ROLES = 100;

export interface OperatorChangesOptions {
  readonly roles: Pick<Roles, 'names' | 'defaults' | 'scopesOf'>;
  readonly sessions: Pick<Sessions, 'rolesChanged' | 'ownerChanged'>;
}

/** What operators give to accounts by the API; each inside a transaction that was opened for it. */
export function createOperatorChanges({ roles, sessions }: OperatorChangesOptions) {
  return {
    /**
     * Gives an account these roles and no others. Whoever gives or takes a role has all that it allows: a role that an
     * operator could not give back is not theirs to take.
     *
     * @throws AuthError `BAD_USER_INPUT` for a role that is not defined; `FORBIDDEN` with the reason `OUTRANKED`.
     */
    async setRoles(
      tx: Transaction,
      { user: { id: userId }, givenRoles, operator, now, record }: ChangeOfUser,
      names: readonly string[],
    ): Promise<void> {
      const unknown = names.find((name) => !roles.names.includes(name));
      if (unknown !== undefined || names.length > MOST_ROLES) throw unknownRole(unknown ?? '', roles.names);
      const wanted = new Set(names.filter((name) => !roles.defaults.includes(name)));
      const had = wordsOf(givenRoles);
      const granted = [...wanted].filter((role) => !had.includes(role));
      const revoked = had.filter((role) => !wanted.has(role));
      const mayChange = (role: string) => roles.scopesOf(role).every((scope) => operator.scope.has(scope));
      if (![...granted, ...revoked].every(mayChange)) throw forbidden('OUTRANKED');
      for (const role of granted) await store.insertRole(tx, { userId, role, now });
      for (const role of revoked) await store.deleteRole(tx, { userId, role });
      await sessions.rolesChanged(tx, { userId, roles: await store.readRoles(tx, userId) });
      const changed = { ...(granted.length > 0 && { granted }), ...(revoked.length > 0 && { revoked }) };
      if (granted.length + revoked.length > 0) await record('authz_change', userId, changed);
    },

    /** Sets the metadata of an account, all of it. @throws AuthError `BAD_USER_INPUT` */
    async setMetadata(tx: Transaction, { user, record }: ChangeOfUser, metadata: unknown): Promise<void> {
      assertMetadata(metadata);
      const text = JSON.stringify(metadata);
      if (text === user.metadata) return;
      await writeMetadata(tx, { id: user.id, metadata: text });
      sessions.ownerChanged(tx, user.id);
      await record('authz_change', user.id, { fields: ['metadata'] });
    },
  };
}
