import { expect, it } from '@jest/globals';
import { REVOKE, register } from '../support/documents.ts';
import { describeApp } from '../support/start-app.ts';

describeApp('revokeSession', (start) => {
  it.each([
    'a\u0000b',
    '\u0000',
    '',
    ' ',
    'nonsense',
    '\ud800',
    'x'.repeat(200),
    "' OR ''='",
    '00000000-0000-0000-0000-000000000000',
    '00000000-0000-4000-8000-00000000000g',
    '\u202e',
    7,
  ])('revokeSession answers NOT_FOUND to an id that no session can have: %j', async (id) => {
    const app = await start();
    const { accessToken: token } = await register(app);
    const answer = await app.send(REVOKE, { input: { id } }, { token });
    expect(answer.errors?.[0]?.extensions).toEqual({ code: 'NOT_FOUND' });
    expect(app.lines.filter((line) => JSON.parse(line).level >= 50)).toEqual([]);
  });

  it('revokeSession ends a session only when its id is spelt exactly', async () => {
    const app = await start();
    const { accessToken: token, session } = await register(app);
    for (const id of [
      session.id.toUpperCase(),
      ` ${session.id}`,
      `${session.id}\u0000`,
      session.id.replaceAll('-', ''),
    ])
      expect((await app.send(REVOKE, { input: { id } }, { token })).code).toBe('NOT_FOUND');
    const answer = await app.send(REVOKE, { input: { id: session.id } }, { token });
    expect(answer.data).toEqual({ revokeSession: { revokedSessions: 1 } });
  });
});
