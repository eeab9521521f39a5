import { describe, expect, it } from '@jest/globals';
import { login, refreshed, register } from '../../support/documents.ts';
import { claimsFile, claimsOf, ROLES_FILE, rolesFile } from '../../support/roles.ts';
import { describeApp } from '../../support/start-app.ts';

/*
 * Hasura's rules of a token, of its manual (https://hasura.io/docs/2.0/auth/authentication/jwt/): the claims are an
 * object of session variables, of which the roles are required, and all others are texts.
 */

const NAMESPACE = 'https://hasura.io/jwt/claims';
const DEFAULT_ROLE = 'x-hasura-default-role';
const ALLOWED_ROLES = 'x-hasura-allowed-roles';
const VARIABLE = /^x-hasura-[a-z0-9_-]+$/;

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What Hasura would not take, or would take for something else; nothing of a token that it takes. */
function problemsOf(token: Record<string, unknown>): string[] {
  const claims = token[NAMESPACE];
  if (!isObject(claims)) return ['the claims are no object'];
  const { [DEFAULT_ROLE]: defaultRole, [ALLOWED_ROLES]: allowedRoles, ...others } = claims;
  const isList = Array.isArray(allowedRoles) && allowedRoles.length > 0 && allowedRoles.every(isText);
  return [
    ...(isText(defaultRole) ? [] : ['the default role is no text']),
    ...(isList ? [] : ['the allowed roles are no list of texts']),
    ...(isList && isText(defaultRole) && !allowedRoles.includes(defaultRole)
      ? ['the default role is not allowed']
      : []),
    // Hasura makes them lower-case, and two could become one.
    ...Object.keys(claims).flatMap((name) => (VARIABLE.test(name) ? [] : [`${name} is no variable`])),
    ...Object.entries(others).flatMap(([name, value]) => (isText(value) ? [] : [`${name} is no text`])),
  ];
}

/** The role that a request acts in, which may name one of the allowed ones; `undefined` where Hasura refuses it. */
function roleOf(token: Record<string, unknown>, asked?: string): string | undefined {
  const claims = token[NAMESPACE];
  if (!isObject(claims) || problemsOf(token).length > 0) return undefined;
  const role = asked ?? String(claims[DEFAULT_ROLE]);
  return (claims[ALLOWED_ROLES] as string[]).includes(role) ? role : undefined;
}

describe("the check of Hasura's rules", () => {
  const good = {
    'x-hasura-user-id': '123',
    'x-hasura-default-role': 'user',
    'x-hasura-allowed-roles': ['user', 'editor'],
  };

  it("the check finds nothing in the example of Hasura's manual", () => {
    const example = { ...good, 'x-hasura-org-id': '456', 'x-hasura-custom': 'custom-value' };
    expect(problemsOf({ sub: '1234567890', iat: 1_516_239_022, [NAMESPACE]: example })).toEqual([]);
  });

  it.each([
    ['no claims', undefined, 'the claims are no object'],
    ['claims as a text', JSON.stringify(good), 'the claims are no object'],
    ['claims as a list', [good], 'the claims are no object'],
    ['no default role', { ...good, [DEFAULT_ROLE]: undefined }, 'the default role is no text'],
    ['an empty default role', { ...good, [DEFAULT_ROLE]: '' }, 'the default role is no text'],
    ['a list as default role', { ...good, [DEFAULT_ROLE]: ['user'] }, 'the default role is no text'],
    [
      'a default role that is not allowed',
      { ...good, [DEFAULT_ROLE]: 'admin' },
      'the default role is not allowed',
    ],
    ['no allowed roles', { ...good, [ALLOWED_ROLES]: undefined }, 'the allowed roles are no list of texts'],
    ['an empty list of roles', { ...good, [ALLOWED_ROLES]: [] }, 'the allowed roles are no list of texts'],
    [
      'roles as a text',
      { ...good, [ALLOWED_ROLES]: 'user editor' },
      'the allowed roles are no list of texts',
    ],
    [
      'roles that are no texts',
      { ...good, [ALLOWED_ROLES]: ['user', 1] },
      'the allowed roles are no list of texts',
    ],
    ['a name in capitals', { ...good, 'X-Hasura-Org-Id': '456' }, 'X-Hasura-Org-Id is no variable'],
    ['a name of another kind', { ...good, org: '456' }, 'org is no variable'],
    ['a number', { ...good, 'x-hasura-org-id': 456 }, 'x-hasura-org-id is no text'],
    ['a list as another variable', { ...good, 'x-hasura-orgs': ['456'] }, 'x-hasura-orgs is no text'],
  ])('the check finds %s', (_what, claims, problem) => {
    expect(problemsOf({ [NAMESPACE]: claims })).toContain(problem);
  });
});

describeApp('Hasura', (start) => {
  const accounts = [
    { email: 'ada@example.com', roles: ['admin', 'editor'], scope: undefined, acts: ['editor', 'member'] },
    { email: 'eve@example.com', roles: ['editor'], scope: undefined, acts: ['editor', 'member'] },
    { email: 'eve@example.com', roles: ['editor'], scope: ['posts:read'], acts: ['member'] },
    { email: 'joe@example.com', roles: ['admin'], scope: undefined, acts: ['member'] },
    { email: 'ann@example.com', roles: [], scope: undefined, acts: ['member'] },
  ];

  it.each(accounts)(
    'Hasura lets an account with the roles $roles and the scope $scope act as $acts',
    async ({ email, roles, scope, acts }) => {
      const app = await start({ config: { rolesFile: rolesFile(), claims: ['hasura'] } });
      const { user } = await register(app, email);
      if (roles.length > 0) await app.roles.grant(email, roles);
      const auth = await login(app, { email, ...(scope && { scope }) });
      for (const { accessToken } of [auth, await refreshed(app, auth.refreshToken)]) {
        const token = claimsOf(accessToken);
        expect(problemsOf(token)).toEqual([]);
        expect(roleOf(token)).toBe(acts[0]);
        for (const role of ['admin', 'editor', 'member', 'x'])
          expect(roleOf(token, role)).toBe(acts.includes(role) ? role : undefined);
        expect(token[NAMESPACE]['x-hasura-user-id']).toBe(user.id);
      }
    },
  );

  it.each([[[]], [['posts:write']]])('Hasura takes no token that is narrowed to %j', async (scope) => {
    const app = await start({ config: { rolesFile: rolesFile(), claims: ['hasura'] } });
    await register(app);
    await app.roles.grant('ada@example.com', ['editor']);
    const token = claimsOf((await login(app, { scope })).accessToken);
    expect(problemsOf(token)).toEqual(['the claims are no object']);
    expect(roleOf(token)).toBeUndefined();
  });

  it('Hasura takes the admin of this server for its own only where the file exports the role', async () => {
    const admin = { ...ROLES_FILE.roles.admin, export: true };
    const file = rolesFile({ ...ROLES_FILE, roles: { ...ROLES_FILE.roles, admin } });
    const app = await start({ config: { rolesFile: file, claims: ['hasura'] } });
    await register(app);
    await app.roles.grant('ada@example.com', ['admin']);
    const token = claimsOf((await login(app)).accessToken);
    expect(problemsOf(token)).toEqual([]);
    expect([roleOf(token), roleOf(token, 'member')]).toEqual(['admin', 'member']);
  });

  it("Hasura takes the claims of an operator's own template", async () => {
    const template = claimsFile({
      [NAMESPACE]: {
        'x-hasura-user-id': '{{user.id}}',
        'x-hasura-email': '{{user.email}}',
        'x-hasura-name': '{{user.name}}',
        'x-hasura-org-id': '{{user.metadata.org}}',
        [DEFAULT_ROLE]: 'member',
        [ALLOWED_ROLES]: '{{token.roles}}',
      },
    });
    const app = await start({ config: { rolesFile: rolesFile(), claimsFile: template } });
    await register(app);
    await app.roles.changeMetadata('ada@example.com', { set: { org: 'acme' } });
    const token = claimsOf((await login(app)).accessToken);
    expect(problemsOf(token)).toEqual([]);
    // An account without a name has no variable of it.
    expect(Object.keys(token[NAMESPACE]).sort()).toEqual(
      [ALLOWED_ROLES, DEFAULT_ROLE, 'x-hasura-email', 'x-hasura-org-id', 'x-hasura-user-id'].sort(),
    );
    // A narrowed token has no role that the template's default could be.
    const narrow = claimsOf((await login(app, { scope: [] })).accessToken);
    expect(roleOf(narrow)).toBeUndefined();
  });
});
