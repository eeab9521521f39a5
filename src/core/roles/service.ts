import { LRUCache } from 'lru-cache';
import { AuthError } from '../../errors.ts';
import { atMost } from '../../platform/bounded.ts';
import { isOwnScope, isScope, OWN_SCOPES } from '../../platform/scopes.ts';
import { wordsOf } from '../../platform/words.ts';
import type { SessionRights } from '../users/service.ts';
import type { RoleDefinitions } from './roles-file.ts';

/** What an access token allows. */
export interface Rights {
  /** The highest first. */
  readonly roles: readonly string[];
  readonly scope: readonly string[];
}

export type Roles = ReturnType<typeof createRoles>;

/** Without a file there is one role. */
const BUILT_IN: RoleDefinitions = {
  default: [],
  roles: [{ name: 'admin', includes: [], scopes: OWN_SCOPES, export: false }],
};

/** What a login may ask for, so that a list of sessions stays short. */
const MOST_SCOPES = 50;
const MOST_CHARACTERS = 1_000;

/** Thrown where a login asks for a scope that the account's roles do not allow. The door answers for it. */
export class ScopeNotAllowed extends Error {
  override readonly name = 'ScopeNotAllowed';
  readonly scope: string;

  constructor(scope: string) {
    super('The roles of the account do not allow a scope that was asked for.');
    this.scope = scope;
  }
}

/** To who has proven who they are, or asks for an account that is not there yet. */
export function refusedScope(): AuthError {
  return new AuthError('BAD_USER_INPUT', {
    field: 'input.scope',
    hint: 'The roles of the account do not allow all of it. Left out, the session gets all that they allow.',
  });
}

/** What roles there are, and what each allows. */
export function createRoles(definitions: RoleDefinitions = BUILT_IN) {
  const names = definitions.roles.map(({ name }) => name);
  const allowed = new Map(names.map((name) => [name, new Set(scopesOf(name))]));
  /** Every scope there is, in the order of the file. */
  const scopes = [...new Set(definitions.roles.flatMap((role) => role.scopes))];
  const exported = new Set(
    definitions.roles
      .filter((role) => role.export || ![...(allowed.get(role.name) ?? [])].some(isOwnScope))
      .map(({ name }) => name),
  );
  /** There are few kinds of accounts, and each refresh asks. */
  const rightsOfKind = new LRUCache<string, Rights>(atMost(1_000));

  /** With those of the roles that it includes, directly or through others. */
  function scopesOf(name: string, seen: Set<string> = new Set()): string[] {
    const role = definitions.roles.find((other) => other.name === name);
    if (role === undefined || seen.has(name)) return [];
    seen.add(name);
    return [...role.scopes, ...role.includes.flatMap((other) => scopesOf(other, seen))];
  }

  /** The roles of an account, the default ones too, the highest first. One that is not defined any more is none. */
  function rolesOf(given: string): string[] {
    const had = new Set([...definitions.default, ...wordsOf(given)]);
    return names.filter((name) => had.has(name));
  }

  function allowedBy(roles: readonly string[]): string[] {
    return scopes.filter((scope) => roles.some((role) => allowed.get(role)?.has(scope)));
  }

  function rightsOf({ roles: given, narrowedTo }: Pick<SessionRights, 'roles' | 'narrowedTo'>): Rights {
    const roles = rolesOf(given);
    const all = allowedBy(roles);
    if (narrowedTo === null) return { roles, scope: all };
    const asked = new Set(wordsOf(narrowedTo));
    const scope = all.filter((name) => asked.has(name));
    // A role without scopes is none that was asked for: to other servers its name may mean anything.
    const isWithin = (role: string) => {
      const needed = [...(allowed.get(role) ?? [])];
      return needed.length > 0 && needed.every((name) => scope.includes(name));
    };
    return { roles: roles.filter(isWithin), scope };
  }

  /**
   * What a session of the account is narrowed to, as its row has it.
   *
   * @throws ScopeNotAllowed when the account's roles do not allow all of it.
   */
  function narrow(asked: readonly string[] | null, given: string): string | null {
    if (asked === null) return null;
    const all = new Set(allowedBy(rolesOf(given)));
    const excess = asked.find((scope) => !all.has(scope));
    if (excess !== undefined) throw new ScopeNotAllowed(excess);
    return asked.join(' ');
  }

  return {
    narrow,

    /**
     * Looks at what the first session of a new account asks for, which has the default roles alone. Early, because it
     * tells nothing of any account.
     *
     * @throws AuthError `BAD_USER_INPUT`
     */
    assertOfNew(asked: readonly string[] | null): void {
      try {
        narrow(asked, '');
      } catch (error) {
        throw error instanceof ScopeNotAllowed ? refusedScope() : error;
      }
    },

    names,

    /** The roles that allow a scope; null where every account has one of them. */
    granting(scope: string): string[] | null {
      const granting = names.filter((name) => allowed.get(name)?.has(scope));
      return granting.some((name) => definitions.default.includes(name)) ? null : granting;
    },

    defaults: definitions.default,
    scopes,
    rolesOf,

    /** What a token of the session allows, by its owner's roles as they are now. */
    rightsOf({ roles, narrowedTo }: Pick<SessionRights, 'roles' | 'narrowedTo'>): Rights {
      const kind = JSON.stringify([roles, narrowedTo]);
      const known = rightsOfKind.get(kind) ?? rightsOf({ roles, narrowedTo });
      rightsOfKind.set(kind, known);
      return known;
    },

    /** Those that presets of claims may name: none that allows a scope of this server, unless the file says so. */
    exportedOf: (roles: readonly string[]): string[] => roles.filter((name) => exported.has(name)),

    /** Whether the file says that presets may name it, even if it allows scopes of this server. */
    isExported: (name: string): boolean =>
      definitions.roles.some((role) => role.name === name && role.export),

    /** What a role allows; none where it is not defined. */
    scopesOf: (name: string): string[] => allowedBy([name]),
  };
}

/**
 * What a login asks for, each scope once, at most 50 and 1,000 characters of them; null is all that the account's roles
 * allow. Looked at before anything else, so that the answer tells nothing of the account.
 *
 * @throws AuthError `BAD_USER_INPUT` when one is no scope-token (RFC 6749 §3.3).
 */
export function readScope(scope: readonly string[] | null | undefined): readonly string[] | null {
  if (scope == null) return null;
  const asked = [...new Set(scope)];
  const isTooLong = asked.length > MOST_SCOPES || asked.join(' ').length > MOST_CHARACTERS;
  if (isTooLong || !asked.every(isScope)) throw new AuthError('BAD_USER_INPUT', { field: 'input.scope' });
  return asked;
}
