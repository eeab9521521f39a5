import { objectAt, type Report, recordAt, textsAt } from '../../platform/json-shape.ts';
import { isOwnScope, isScope, OWN_SCOPES } from '../../platform/scopes.ts';

/** A role, as the file has it. */
export interface RoleDefinition {
  readonly name: string;
  /** Other roles, all of whose scopes it allows as well. */
  readonly includes: readonly string[];
  readonly scopes: readonly string[];
  /** Whether presets of claims may name it, although it allows scopes of this server. */
  readonly export: boolean;
}

/** Which roles there are, the highest first, and which every account has. */
export interface RoleDefinitions {
  readonly default: readonly string[];
  readonly roles: readonly RoleDefinition[];
}

/** It begins with a letter, because JavaScript puts keys that are numbers before all others, and the order is the rank. */
const ROLE = /^[A-Za-z_][\x21-\x7e]{0,62}$/;
const ROLE_RULE =
  'is no name of a role: 1 to 63 visible ASCII characters without a comma, a quote or a backslash, the first one a letter or _';
const SCOPE_RULE = 'is no scope: 1 to 128 visible ASCII characters without a quote or a backslash';
const MOST_ROLES = 100;
const MOST_SCOPES = 200;

/** Reads the definition of roles. `report` hears of each problem, and then the result is of no use. */
export function readRoles(value: unknown, report: Report): RoleDefinitions {
  const file = objectAt(value, '', ['default', 'roles'], report);
  const roles = Object.entries(recordAt(file.roles, 'roles', report)).map(([name, role]) =>
    readRole(name, role, report),
  );
  if (roles.length > MOST_ROLES) {
    report('roles', `has more than ${MOST_ROLES} roles`);
    return { default: [], roles: [] };
  }
  const names = roles.map(({ name }) => name);
  const reportUnknown = (list: readonly string[], path: string) => {
    for (const [i, name] of list.entries())
      if (!names.includes(name)) report(`${path}[${i}]`, 'names a role that the file does not define');
  };
  for (const { name, includes } of roles) reportUnknown(includes, `roles.${name}.includes`);
  reportCycles(roles, report);
  const defaults = textsAt(file.default, 'default', report);
  reportUnknown(defaults, 'default');
  return { default: defaults, roles };
}

function readRole(name: string, value: unknown, report: Report): RoleDefinition {
  const isNamed = ROLE.test(name) && !/[,"\\]/.test(name);
  const path = isNamed ? `roles.${name}` : `roles[${JSON.stringify(name.slice(0, 64))}]`;
  if (!isNamed) report(path, ROLE_RULE);
  const role = objectAt(value, path, ['includes', 'scopes', 'export'], report);
  const scopes = textsAt(role.scopes, `${path}.scopes`, report);
  if (scopes.length > MOST_SCOPES) report(`${path}.scopes`, `has more than ${MOST_SCOPES} scopes`);
  for (const [i, scope] of scopes.entries()) {
    if (!isScope(scope)) report(`${path}.scopes[${i}]`, SCOPE_RULE);
    else if (isOwnScope(scope) && !OWN_SCOPES.some((own) => own === scope))
      report(`${path}.scopes[${i}]`, `is no scope of this server; they are ${OWN_SCOPES.join(', ')}`);
  }
  if (role.export !== undefined && typeof role.export !== 'boolean')
    report(`${path}.export`, 'must be true or false');
  return {
    name,
    includes: textsAt(role.includes, `${path}.includes`, report),
    scopes,
    export: role.export === true,
  };
}

/** A role that includes itself, directly or through others: at the first role of the way, once for each cycle. */
function reportCycles(roles: readonly RoleDefinition[], report: Report): void {
  const done = new Set<string>();
  const visit = (name: string, way: readonly string[]): void => {
    if (way.includes(name)) {
      const cycle = [...way.slice(way.indexOf(name)), name];
      report(`roles.${name}.includes`, `leads back to the role itself: ${cycle.join(' → ')}`);
    }
    if (way.includes(name) || done.has(name)) return;
    done.add(name);
    const role = roles.find((other) => other.name === name);
    for (const other of role?.includes ?? []) visit(other, [...way, name]);
  };
  for (const { name } of roles) visit(name, []);
}
