import type { Database, Sql } from '../../src/database/database.ts';

/** A database that notes the text of every statement, in order, and where transactions begin and end. */
export function noteStatements(database: Database): Database & { readonly statements: string[] } {
  const statements: string[] = [];
  function noting(sql: Sql): Sql {
    const noted = (text: string): string => {
      statements.push(text);
      return text;
    };
    return {
      get: (text, params) => sql.get(noted(text), params),
      all: (text, params) => sql.all(noted(text), params),
      run: (text, params) => sql.run(noted(text), params),
    };
  }

  const noted: Database & { readonly statements: string[] } = {
    ...database,
    ...noting(database),
    statements,
    before: () => noted,
    async transaction(work) {
      statements.push('BEGIN');
      const result = await database.transaction((sql) => work(noting(sql)));
      statements.push('COMMIT');
      return result;
    },
  };
  return noted;
}
