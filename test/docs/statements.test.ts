import { expect, it } from '@jest/globals';
import { engines, freshDatabase } from '../support/databases.ts';
import { readPages } from '../support/pages.ts';

const statements = readPages()
  .flatMap(({ blocks }) => blocks)
  .filter(({ language }) => language === 'sql')
  .flatMap(({ text }) => text.split(';').map((statement) => statement.trim()))
  .filter((statement) => statement !== '');

const withPostgres = engines.includes('postgres') ? it : it.skip;

withPostgres('PostgreSQL takes each statement that a page shows', async () => {
  const { database, drop } = await freshDatabase('postgres');
  try {
    const taken: string[] = [];
    const undo = new Error('The role is one of the whole server, so nothing that is done to it stays.');
    const work = database.transaction(async (tx) => {
      const isRole = async (name: string) =>
        (await tx.all('SELECT 1 FROM pg_roles WHERE rolname = :name', { name })).length > 0;
      if (!(await isRole('latchkey'))) await tx.run('CREATE ROLE latchkey');
      for (const statement of statements) {
        // Several pages make the same roles, and so may other tests.
        const [, role] = /^CREATE ROLE (\w+)/.exec(statement) ?? [];
        if (role === undefined || !(await isRole(role))) await tx.run(statement);
        taken.push(statement);
      }
      throw undo;
    });
    await expect(work).rejects.toBe(undo);
    expect(taken.length).toBeGreaterThan(2);
    expect(taken).toEqual(statements);
  } finally {
    await drop();
  }
});
