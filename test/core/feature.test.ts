import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { joinFeatures } from '../../src/core/feature.ts';
import { createTemplates } from '../../src/core/mail/templates.ts';
import { PASSWORD_CHANGED, RESET_PASSWORD } from '../../src/core/passwords/mails.ts';
import { createLimits } from '../../src/core/rate-limits/limits.ts';
import { turnChore } from '../../src/platform/chore.ts';

const chore = turnChore('a chore', async () => {});

describe('joining features', () => {
  it('joined features have the declarations of each in their order, and the mails of their purposes', () => {
    const resolvers = [{ Query: {} }, { Mutation: {} }] as const;
    const joined = joinFeatures([
      { resolvers: resolvers[0], purposes: [RESET_PASSWORD] },
      { chores: [chore] },
      { resolvers: resolvers[1], mails: [PASSWORD_CHANGED] },
    ]);
    expect(joined.resolvers).toEqual(resolvers);
    expect(joined.mails).toEqual([RESET_PASSWORD.template, PASSWORD_CHANGED]);
    expect(joined.chores).toEqual([chore]);
  });

  it('two features cannot declare one-time tokens under one name: each would take the tokens of the other', () => {
    const other = { ...RESET_PASSWORD, path: '/elsewhere' };
    expect(() => joinFeatures([{ purposes: [RESET_PASSWORD] }, { purposes: [other] }])).toThrow(
      'Two purposes have the name reset-password.',
    );
  });

  it('two mails cannot have one name, though two purposes may share a mail', () => {
    const templates = createTemplates();
    expect(templates.load([PASSWORD_CHANGED, PASSWORD_CHANGED])).toEqual([]);
    const other = { ...PASSWORD_CHANGED, folder: '/elsewhere/' };
    expect(() => templates.load([other])).toThrow('Two mails have the name password-changed.');
  });

  it('two limits cannot have one name: both would count in the same rows', () => {
    const limits = createLimits({ secrets: [randomBytes(32)], accountFailures: 5 });
    const window = { name: 'knocks', max: 1, windowMs: 1_000 };
    limits.window(window);
    for (const declare of [
      () => limits.window(window),
      () => limits.networkWindow(window),
      () => limits.run('knocks'),
      () => limits.tally('knocks'),
      () => limits.declare('knocks'),
    ])
      expect(declare).toThrow('Two limits have the name knocks.');
  });
});
