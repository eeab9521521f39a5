import { describe, expect, it } from '@jest/globals';
import {
  findLiveSessionOwner,
  type Rotation,
  rotateGeneration,
  rotateGenerations,
} from '../../../src/core/sessions/store.ts';
import type { Sql } from '../../../src/database/database.ts';

const ROTATION: Rotation = {
  sessionId: 'any',
  secretHash: 'any',
  spent: 0,
  now: 0,
  burstLimit: 0,
  newIdleExpiresAt: 0,
  newUserAgent: null,
  newIp: '192.0.2.1',
};

/** The text of the one statement that `work` sends, with each run of spaces as one. */
async function statementOf(work: (sql: Sql) => Promise<unknown>): Promise<string> {
  const texts: string[] = [];
  const answer = async (text: string) => void texts.push(text);
  await work({ get: answer, all: answer, run: answer } as unknown as Sql);
  expect(texts).toHaveLength(1);
  return (texts[0] ?? '').replaceAll(/\s+/g, ' ').trim();
}

const LOCK =
  / FROM \( SELECT given\.\*, free\.ctid AS place .* SKIP LOCKED \) AS rotation WHERE sessions\.ctid = rotation\.place AND /;

describe('the statement that rotates many sessions', () => {
  it('the statement for many rotations is the one for a single rotation, except for where its values and rows come from', async () => {
    const one = await statementOf((sql) => rotateGeneration(sql, ROTATION));
    const many = await statementOf((sql) => rotateGenerations(sql, [ROTATION]));
    expect(many).toMatch(LOCK);
    const single = many.replace(LOCK, ' WHERE ').replaceAll(/rotation\."(\w+)"/g, ':$1');
    expect(single).toBe(one);
  });

  it('the statement for many rotations takes every value of a rotation from its JSON', async () => {
    const many = await statementOf((sql) => rotateGenerations(sql, [ROTATION]));
    const given = /AS given\((.*?)\)/.exec(many)?.[1] ?? '';
    const names = [...given.matchAll(/"(\w+)"/g)].map(([, name]) => name);
    expect(names).toEqual(Object.keys(ROTATION));
  });
});

describe('the condition for refreshing a session', () => {
  it('refreshing a session and every other request check the same condition that the session lives', async () => {
    const condition = 'revoked_at IS NULL AND idle_expires_at > :now AND expires_at > :now';
    expect(await statementOf((sql) => rotateGeneration(sql, ROTATION))).toContain(condition);
    expect(await statementOf((sql) => findLiveSessionOwner(sql, { id: 'any', now: 0 }))).toContain(condition);
  });
});
