import { Client } from 'pg';
import type { FreshDatabase } from './databases.ts';

/** A transaction of another process on PostgreSQL, open until what a test begins waits for what it has written. */
export async function holdTransaction({ url, open }: Pick<FreshDatabase, 'url' | 'open'>) {
  const [client, observer] = [new Client({ connectionString: url }), await open()];
  await client.connect();
  await client.query('BEGIN');
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const blockedBy = (pids: string) =>
    `SELECT pid FROM pg_stat_activity WHERE pg_blocking_pids(pid) && ARRAY(${pids})`;
  const first = blockedBy(`SELECT ${rows[0]?.pid}`);

  /**
   * @param how whether one that waits has to be waited for, too.
   * @throws Error when nothing waits for the transaction within five seconds.
   */
  async function isWaitedFor(how: 'by one' | 'by a queue'): Promise<void> {
    const waiting = how === 'by one' ? first : blockedBy(first);
    for (let left = 500; (await observer.all(waiting)).length === 0; left -= 1) {
      if (left === 0) throw new Error('Nothing waits for the transaction.');
      await observer.get('SELECT pg_sleep(0.01)');
    }
  }

  return {
    run: (statement: string) => client.query(statement),

    isWaitedFor,

    /** @throws Error when nothing waits for the transaction within five seconds. */
    async commitOnceWaitedFor(): Promise<void> {
      await isWaitedFor('by one');
      await client.query('COMMIT');
    },

    end: () => client.end(),
  };
}
