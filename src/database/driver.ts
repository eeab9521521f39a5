import { AsyncLocalStorage } from 'node:async_hooks';
import { AuthError } from '../errors.ts';
import type { Params, Sql } from './database.ts';

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

/**
 * Guards what both engines promise about the inside of a transaction: the outer database is out of reach, its
 * `sql` dies with it, and after a failed statement it can only be rolled back. PostgreSQL insists on the last one,
 * so SQLite does too, or code tested on one would break on the other.
 */
export function createTransactionGuard() {
  // Whatever `work` leaves behind, a timer say, may keep its context, and is outside once the scope is closed.
  const current = new AsyncLocalStorage<{ open: boolean }>();
  let running = 0;

  return {
    /** @throws Error inside a transaction of this database: there it would wait for itself, or write beside it. */
    assertOutside(): void {
      if (current.getStore()?.open)
        throw new Error('Inside a transaction, use the sql that was passed to it.');
    },

    async run<Result>(execute: Execute, work: (sql: Sql) => Promise<Result>): Promise<Result> {
      const scope = { open: true };
      let failure: { readonly error: unknown } | undefined;
      // One statement at a time, even when `work` starts several.
      let previous: Promise<unknown> = Promise.resolve();

      const sql = createSql(async (kind, text, params) => {
        if (!scope.open) throw new Error('This transaction has ended.');
        const statement = previous.then(() => {
          if (failure) throw failure.error;
          return execute(kind, text, params);
        });
        previous = statement.catch((error) => {
          failure ??= { error };
        });
        return statement;
      });

      running += 1;
      try {
        const result = await current.run(scope, () => work(sql));
        scope.open = false;
        await previous;
        if (failure) throw failure.error;
        return result;
      } catch (error) {
        // What `work` started and did not wait for must not run after the rollback.
        scope.open = false;
        failure ??= { error };
        await previous;
        throw error;
      } finally {
        running -= 1;
        // While it is on, each await of the process costs 0.2 µs more (Node 20), which is a fifth of an UPDATE.
        if (running === 0) current.disable();
      }
    },
  };
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
