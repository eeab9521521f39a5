import type { Database } from '../../src/database/database.ts';

/** What happens in between, and whether it did. */
interface Interleaved {
  readonly moment: 'before' | 'after';
  readonly operation: RegExp;
  readonly work: () => Promise<unknown>;
}

/**
 * The same database, in which a test puts something in between that other requests do, so that no race is left to luck.
 * What is in between reaches the database by itself.
 */
export function createInterleaving(inner: Database) {
  let next: Interleaved | undefined;

  async function pass(moment: Interleaved['moment'], operation: string): Promise<void> {
    if (next === undefined || next.moment !== moment || !next.operation.test(operation)) return;
    const { work } = next;
    next = undefined;
    await work();
  }

  async function around<Result>(operation: string, perform: () => Promise<Result>): Promise<Result> {
    await pass('before', operation);
    const result = await perform();
    await pass('after', operation);
    return result;
  }

  function wrap(database: Database): Database {
    return {
      ...database,
      get: (text, params) => around(`get ${text}`, () => database.get(text, params)),
      all: (text, params) => around(`all ${text}`, () => database.all(text, params)),
      run: (text, params) => around(`run ${text}`, () => database.run(text, params)),
      transaction: (work) => around('transaction', () => database.transaction(work)),
      before: (deadline) => wrap(database.before(deadline)),
    };
  }

  return {
    database: wrap(inner),

    /**
     * Does `work` before the next operation outside of a transaction that is like this, or after it and before its
     * answer: `transaction`, or `get`, `all` or `run` and the text of the statement.
     */
    once(moment: Interleaved['moment'], operation: RegExp, work: Interleaved['work']): void {
      next = { moment, operation, work };
    },

    /** Whether what was to be in between was. */
    isDone: (): boolean => next === undefined,
  };
}
