import { AsyncLocalStorage } from 'node:async_hooks';
import { nextTick } from 'node:process';
import { AuthError } from '../errors.ts';
import type { Params, Sql, Transaction } from './database.ts';

/** What a driver has to know: how to execute one statement. */
export type Execute = (kind: keyof Sql, text: string, params: Params) => Promise<unknown>;

export function createSql(execute: Execute): Sql {
  // The statement decides the shape of its rows, so its caller is the one who knows `Row`.
  return {
    get: <Row>(text: string, params: Params = {}) => execute('get', text, params) as Promise<Row | undefined>,
    all: <Row>(text: string, params: Params = {}) => execute('all', text, params) as Promise<Row[]>,
    run: (text, params = {}) => execute('run', text, params) as Promise<number>,
  };
}

/** What a transaction came to, and what is to be done once it is on disk. */
export interface Done<Result> {
  readonly result: Result;
  readonly effects: readonly (() => void)[];
}

export interface GuardOptions {
  /**
   * Refuses the outer database inside a transaction at once. For tests: on Node 20, AsyncLocalStorage makes every await
   * of the process slower.
   */
  readonly refusesOuterUse?: boolean;
}

/**
 * Guards what both engines promise about the inside of a transaction: the outer database is out of reach, its `sql`
 * dies with it, it waits for its own statements alone, and after a failed one it can only be rolled back. PostgreSQL
 * insists on the last one, so SQLite does too, or code tested on one would break on the other.
 *
 * The code of a transaction goes on in the tick in which a statement of it is answered. When that tick is over and no
 * statement is under way, the transaction waits for something else, and would keep its locks for as long: it is undone.
 * That includes the outer database, unless the answer comes in the same tick, as a read of SQLite does.
 */
export function createTransactionGuard({ refusesOuterUse = false }: GuardOptions = {}) {
  const inside = refusesOuterUse ? new AsyncLocalStorage<{ open: boolean }>() : undefined;
  let running = 0;

  return {
    /** @throws Error inside a transaction of this database: there it would wait for itself, or write beside it. */
    assertOutside(): void {
      if (inside?.getStore()?.open)
        throw new Error('Inside a transaction, use the sql that was passed to it.');
    },

    async run<Result>(execute: Execute, work: (tx: Transaction) => Promise<Result>): Promise<Done<Result>> {
      const effects: (() => void)[] = [];
      const scope = { open: true };
      let failure: { readonly error: unknown } | undefined;
      // One statement at a time, even when `work` starts several.
      let previous: Promise<unknown> = Promise.resolve();
      let underWay = 0;
      let stall: (error: Error) => void = () => {};
      const stalled = new Promise<never>((_resolve, reject) => {
        stall = reject;
      });

      function watch(): void {
        if (scope.open && underWay === 0)
          stall(new Error('A transaction waits for its own sql and for nothing else.'));
      }

      function settle(): void {
        underWay -= 1;
        nextTick(watch);
      }

      const sql = createSql(async (kind, text, params) => {
        if (!scope.open) throw new Error('This transaction has ended.');
        underWay += 1;
        const statement = previous.then(() => {
          if (failure) throw failure.error;
          return execute(kind, text, params);
        });
        // Before `work` hears of it, because this was asked first.
        previous = statement.then(settle, (error) => {
          failure ??= { error };
          settle();
        });
        return statement;
      });

      running += 1;
      try {
        nextTick(watch);
        const tx = { ...sql, afterCommit: (effect: () => void) => void effects.push(effect) };
        const worked = inside === undefined ? work(tx) : inside.run(scope, work, tx);
        const result = await Promise.race([worked, stalled]);
        scope.open = false;
        await previous;
        if (failure) throw failure.error;
        return { result, effects };
      } catch (error) {
        // What `work` started and did not wait for must not run after the rollback.
        scope.open = false;
        failure ??= { error };
        await previous;
        throw error;
      } finally {
        running -= 1;
        // Node.js goes through every storage that was ever used, for each promise.
        if (running === 0) inside?.disable();
      }
    },
  };
}

/** What `work` resolved to, after its effects: called when the transaction is on disk. */
export function finish<Result>({ result, effects }: Done<Result>): Result {
  for (const effect of effects) effect();
  return result;
}

/** @throws Error for a parameter without a value: SQLite would bind NULL, PostgreSQL would not. */
export function requireValue(params: Params, name: string): string | number | null {
  const value = params[name];
  if (value === undefined) throw new Error(`The statement has no value for :${name}.`);
  return value;
}

/** The database does not answer for now. Nothing is known of the statement: it may have been committed. */
export function unavailable(cause: unknown): AuthError {
  if (cause instanceof AuthError && cause.code === 'UNAVAILABLE') return cause;
  return new AuthError('UNAVAILABLE', { retryAfter: 1, cause });
}
