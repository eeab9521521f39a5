import type { Database, Sql } from '../../src/database/database.ts';

/** The same database, writing down what it is asked for; the statements of a transaction are in brackets. */
export function countStatements(inner: Database) {
  const statements: string[] = [];
  const listen = (sql: Sql, said: string[]): Sql => ({
    get: (text, params) => sql.get(noted(text, said), params),
    all: (text, params) => sql.all(noted(text, said), params),
    run: (text, params) => sql.run(noted(text, said), params),
  });
  const database: Database = {
    dialect: inner.dialect,
    ...listen(inner, statements),
    transaction: async (work) => {
      const inside: string[] = [];
      const result = await inner.transaction((sql) => work(listen(sql, inside)));
      statements.push(`transaction [${inside.join(', ')}]`);
      return result;
    },
    before: () => database,
    close: inner.close,
  };
  return { database, statements };
}

/** Notes a statement by its verb and its table. */
function noted(text: string, said: string[]): string {
  const verb = /\w+/.exec(text)?.[0] ?? text;
  const table = /\b(?:FROM|INTO|UPDATE)\s+(\w+)/.exec(text)?.[1] ?? '';
  said.push(`${verb} ${table}`);
  return text;
}
