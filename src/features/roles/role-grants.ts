import type { Roles } from '../../core/roles/service.ts';
import * as store from '../../core/roles/store.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import { countUsers } from '../../core/users/store.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { type ChangeRecordOptions, createChangeRecord, lockAccount } from './change.ts';

export interface RoleGrantsOptions extends ChangeRecordOptions {
  readonly database: Database;
  readonly roles: Pick<Roles, 'names' | 'defaults' | 'rolesOf' | 'scopesOf'>;
  readonly sessions: Pick<Sessions, 'rolesChanged'>;
}

/** A role as the operator sees it. */
export interface RoleSummary {
  readonly role: string;
  /** Null where it is not defined, and so allows nothing. */
  readonly scopes: readonly string[] | null;
  readonly accounts: number;
}

/** The roles that operators give to accounts. */
export function createRoleGrants({ database, roles, sessions, ...options }: RoleGrantsOptions) {
  const { clock } = options;
  const record = createChangeRecord(options);

  /** Changes roles one by one, and all sessions with them. The roles that the account has then, the highest first. */
  function change(
    email: string,
    names: readonly string[],
    {
      how,
      one,
    }: {
      how: 'granted' | 'revoked';
      one: (tx: Transaction, userId: string, role: string) => Promise<number>;
    },
  ): Promise<string[]> {
    return database.transaction(async (tx) => {
      const { id: userId } = await lockAccount(tx, email);
      const changed: string[] = [];
      for (const role of new Set(names)) if ((await one(tx, userId, role)) > 0) changed.push(role);
      const given = await store.readRoles(tx, userId);
      // Where nothing changed, too: the version before opens sessions without roles.
      await sessions.rolesChanged(tx, { userId, roles: given });
      if (changed.length > 0) await record(tx, userId, { [how]: changed });
      return roles.rolesOf(given);
    });
  }

  function assertDefined(names: readonly string[]): void {
    for (const name of names) if (!roles.names.includes(name)) throw unknownRole(name, roles.names);
  }

  return {
    /** @throws AuthError `BAD_USER_INPUT` for a role that is not defined. */
    assertDefined,

    /**
     * Gives roles to an account. Its sessions have them with their next tokens. A default role is never stored.
     *
     * @returns the roles that it has then, the highest first.
     * @throws AuthError `NOT_FOUND`; `BAD_USER_INPUT` for a role that is not defined.
     */
    async grant(email: string, names: readonly string[]): Promise<string[]> {
      assertDefined(names);
      const stored = names.filter((name) => !roles.defaults.includes(name));
      const now = clock.now();
      return change(email, stored, {
        how: 'granted',
        one: (tx, userId, role) => store.insertRole(tx, { userId, role, now }),
      });
    },

    /**
     * Takes roles away, those that are not defined any more, too. Every session loses them within a second here, and
     * elsewhere with its next token.
     *
     * @returns the roles that the account has then, the highest first.
     * @throws AuthError `NOT_FOUND`; `BAD_USER_INPUT` for a role that no account has, or every account.
     */
    async revoke(email: string, names: readonly string[]): Promise<string[]> {
      const given = new Set((await store.countByRole(database)).map(({ role }) => role));
      for (const name of names) {
        if (roles.defaults.includes(name) && !given.has(name))
          throw badRoles(`${name} is a default role, which every account has`);
        if (!roles.names.includes(name) && !given.has(name)) throw unknownRole(name, roles.names);
      }
      return change(email, names, {
        how: 'revoked',
        one: (tx, userId, role) => store.deleteRole(tx, { userId, role }),
      });
    },

    /** The roles of an account by what it was given, the default ones too, the highest first. */
    namesOf: (given: string): string[] => roles.rolesOf(given),

    /** Every role that is defined, the highest first; then those that accounts have and that are not defined. */
    async list(): Promise<RoleSummary[]> {
      const [counted, everybody] = [await store.countByRole(database), await countUsers(database)];
      const given = new Map(counted.map(({ role, accounts }) => [role, accounts]));
      const defined = roles.names.map((role) => ({
        role,
        scopes: roles.scopesOf(role),
        accounts: roles.defaults.includes(role) ? everybody : (given.get(role) ?? 0),
      }));
      const others = counted.filter(({ role }) => !roles.names.includes(role));
      return [...defined, ...others.map(({ role, accounts }) => ({ role, scopes: null, accounts }))];
    },

    /** The roles that accounts have and that are not defined: they allow nothing. */
    async unknown(): Promise<string[]> {
      const found: string[] = [];
      for (let role = await store.nextRole(database, ''); role !== undefined; ) {
        if (!roles.names.includes(role)) found.push(role);
        role = await store.nextRole(database, role);
      }
      return found;
    },
  };
}

export function unknownRole(name: string, names: readonly string[]): AuthError {
  return badRoles(`there is no role ${JSON.stringify(name)}; there is ${names.join(', ') || 'none'}`);
}

function badRoles(cause: string): AuthError {
  return new AuthError('BAD_USER_INPUT', { field: 'input.roles', cause });
}
