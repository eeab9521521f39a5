import type { Database } from '../database/database.ts';

export type Operation = 'get' | 'all' | 'run' | 'transaction';

/** The same database, telling how long each operation took, the failed ones too. A transaction counts as one. */
export function timeDatabase(
  database: Database,
  observe: (operation: Operation, seconds: number) => void,
): Database {
  async function timed<Result>(operation: Operation, work: () => Promise<Result>): Promise<Result> {
    const startedAt = performance.now();
    try {
      return await work();
    } finally {
      observe(operation, (performance.now() - startedAt) / 1_000);
    }
  }

  return {
    ...database,
    get: (text, params) => timed('get', () => database.get(text, params)),
    all: (text, params) => timed('all', () => database.all(text, params)),
    run: (text, params) => timed('run', () => database.run(text, params)),
    transaction: (work) => timed('transaction', () => database.transaction(work)),
    before: (deadline) => timeDatabase(database.before(deadline), observe),
    within: (statementMs) => timeDatabase(database.within(statementMs), observe),
  };
}
