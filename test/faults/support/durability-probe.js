import { appendFileSync } from 'node:fs';
import Sqlite from 'better-sqlite3';

/*
 * Loaded into a server before its own code. After each COMMIT it writes what `synchronous` is on every connection of
 * this process: better-sqlite3 says FULL until the first write, even if it is less after that, so only a look after
 * a write proves anything.
 */

const connections = new Set();
const { pragma, prepare } = Sqlite.prototype;

Sqlite.prototype.pragma = function probedPragma(...args) {
  connections.add(this);
  return Reflect.apply(pragma, this, args);
};

Sqlite.prototype.prepare = function probedPrepare(text) {
  const statement = Reflect.apply(prepare, this, [text]);
  if (text !== 'COMMIT') return statement;
  return {
    run(...args) {
      const result = statement.run(...args);
      for (const connection of connections) {
        const synchronous = Reflect.apply(pragma, connection, ['synchronous', { simple: true }]);
        const line = { pid: process.pid, readonly: connection.readonly, synchronous };
        appendFileSync(process.env.DURABILITY_PROBE, `${JSON.stringify(line)}\n`);
      }
      return result;
    },
  };
};
