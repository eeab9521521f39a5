import type { Database, Sql } from '../../src/database/database.ts';

/**
 * The same database, noting every statement in order; those of a transaction are one entry, in brackets.
 *
 * @param nameOf what is noted of a statement: all of its text, unless told otherwise. A statement for which it throws
 * fails, and is not sent.
 */
export function noteStatements(inner: Database, nameOf = (text: string): string => text) {
  const statements: string[] = [];
  function listen(sql: Sql, said: string[]): Sql {
    const noted = (text: string): string => {
      said.push(nameOf(text));
      return text;
    };
    return {
      get: (text, params) => sql.get(noted(text), params),
      all: (text, params) => sql.all(noted(text), params),
      run: (text, params) => sql.run(noted(text), params),
    };
  }

  const database: Database = {
    dialect: inner.dialect,
    ...listen(inner, statements),
    async transaction(work) {
      const inside: string[] = [];
      try {
        return await inner.transaction((tx) => work({ ...listen(tx, inside), afterCommit: tx.afterCommit }));
      } finally {
        statements.push(`transaction [${inside.join(', ')}]`);
      }
    },
    before: () => database,
    within: () => database,
    close: inner.close,
  };
  return { database, statements };
}

/** A statement by its verb and its table. */
export function verbAndTable(text: string): string {
  const verb = /\w+/.exec(text)?.[0] ?? text;
  const table = /\b(?:FROM|INTO|UPDATE)\s+(\w+)/.exec(text)?.[1] ?? '';
  return `${verb} ${table}`;
}
