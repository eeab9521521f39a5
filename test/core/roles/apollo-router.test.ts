import { describe, expect, it } from '@jest/globals';
import { login, refreshed, register } from '../../support/documents.ts';
import { claimsOf, ROLES_FILE, rolesFile } from '../../support/roles.ts';
import { describeApp } from '../../support/start-app.ts';

/*
 * The rules of `@requiresScopes` in Apollo Router (https://www.apollographql.com/docs/graphos/routing/security/authorization).
 * The claim `scope` is one text, with a space between two scopes. A token sees a field when it has every scope of one
 * of the field's lists.
 */

const EMAIL = 'ada@example.com';

function scopesOf({ scope }: { scope?: unknown }): ReadonlySet<string> {
  return new Set(typeof scope === 'string' ? scope.split(' ') : []);
}

/** Whether the token sees a field with `@requiresScopes(scopes: lists)`. */
function isThere(token: { scope?: unknown }, lists: readonly (readonly string[])[]): boolean {
  const scopes = scopesOf(token);
  return lists.some((list) => list.every((scope) => scopes.has(scope)));
}

const READING = [['posts:read']];
const WRITING = [['posts:read', 'posts:write']];
const EITHER = [['posts:write'], ['latchkey:users:read']];

describe('the check of `@requiresScopes`', () => {
  it('the check lets a text through whose scopes have one space between them', () => {
    const token = { scope: 'posts:write posts:read' };
    expect([READING, WRITING, EITHER].map((lists) => isThere(token, lists))).toEqual([true, true, true]);
    expect(isThere({ scope: 'latchkey:users:read' }, EITHER)).toBe(true);
  });

  it.each([
    ['a list', ['posts:read', 'posts:write']],
    ['a text with commas', 'posts:read,posts:write'],
    ['a text with line breaks', 'posts:read\nposts:write'],
    ['a list in a text', '["posts:read","posts:write"]'],
    ['another spelling', 'Posts:Read Posts:Write'],
    ['nothing', undefined],
    ['null', null],
    ['an empty text', ''],
  ])('the check lets nothing through for %s', (_what, scope) => {
    expect([READING, WRITING, EITHER].some((lists) => isThere({ scope }, lists))).toBe(false);
  });
});

describeApp('Apollo Router', (start) => {
  const [all, none] = [undefined, [] as string[]];

  it.each([
    { roles: [], asked: all, reads: true, writes: false, either: false },
    { roles: ['editor'], asked: all, reads: true, writes: true, either: true },
    { roles: ['admin'], asked: all, reads: true, writes: true, either: true },
    { roles: ['editor'], asked: ['posts:read'], reads: true, writes: false, either: false },
    { roles: ['editor'], asked: ['posts:write'], reads: false, writes: false, either: true },
    { roles: ['admin'], asked: ['latchkey:users:read'], reads: false, writes: false, either: true },
    { roles: ['admin'], asked: none, reads: false, writes: false, either: false },
  ])(
    'Apollo Router shows an account with the roles $roles that asked for $asked what it may see',
    async ({ roles, asked, reads, writes, either }) => {
      const app = await start({ config: { rolesFile: rolesFile() } });
      await register(app);
      if (roles.length > 0) await app.roles.grant(EMAIL, roles);
      const auth = await login(app, asked ? { scope: asked } : {});
      for (const { accessToken, scope } of [auth, await refreshed(app, auth.refreshToken)]) {
        const token = claimsOf(accessToken);
        expect([isThere(token, READING), isThere(token, WRITING), isThere(token, EITHER)]).toEqual([
          reads,
          writes,
          either,
        ]);
        // An empty claim is one empty word to the router, and no scope is that.
        expect([...scopesOf(token)]).toEqual(scope.length === 0 ? [''] : scope);
      }
    },
  );

  it('every scope of the file is one word to Apollo Router', async () => {
    const odd = ['https://example.com/posts.read', 'a,b', "it's", '[x]', 'UPPER'];
    const file = rolesFile({ default: ['odd'], roles: { ...ROLES_FILE.roles, odd: { scopes: odd } } });
    const app = await start({ config: { rolesFile: file } });
    const token = claimsOf((await register(app)).accessToken);
    expect([...scopesOf(token)]).toEqual(odd);
    for (const scope of odd) expect(isThere(token, [[scope]])).toBe(true);
  });

  it('a field that asks for what was taken away is not there for Apollo Router from the next token on', async () => {
    const app = await start({ config: { rolesFile: rolesFile() } });
    await register(app);
    await app.roles.grant(EMAIL, ['editor']);
    const { accessToken, refreshToken } = await login(app);
    await app.roles.revoke(EMAIL, ['editor']);
    expect(isThere(claimsOf(accessToken), WRITING)).toBe(true);
    expect(isThere(claimsOf((await refreshed(app, refreshToken)).accessToken), WRITING)).toBe(false);
  });
});
