import { maskDatabaseUrl, readDatabaseUrl } from '../../platform/database-url.ts';
import type { Settings } from '../setting.ts';
import { host, integer, kind, word } from '../values.ts';

export type Mode = 'development' | 'production';

export const SERVER = {
  mode: {
    name: 'NODE_ENV',
    default: 'development',
    description: '`production`, `development` or `test`, which is development',
    value: kind<Mode>({
      read: (text, refuse) => {
        if (!/^(production|development|test)$/.test(text))
          refuse('must be one of production, development, test');
        return text === 'production' ? 'production' : 'development';
      },
      write: (mode) => mode,
    }),
  },
  host: {
    name: 'HOST',
    default: '127.0.0.1',
    description: 'Address or name to listen on',
    value: host(),
  },
  port: {
    name: 'PORT',
    default: '4000',
    description: 'Port to listen on; `0` takes any free one and prints it',
    value: integer({ least: 0, most: 65_535 }),
  },
  databaseUrl: {
    name: 'DATABASE_URL',
    default: 'file:data/latchkey.db',
    description: '`file:<path>` or `file::memory:` for embedded SQLite, `postgres://…` for PostgreSQL',
    value: databaseUrl(),
  },
  logLevel: {
    name: 'LOG_LEVEL',
    default: 'info',
    description: '`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`',
    value: word('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
  },
} as const satisfies Settings;

/** Where the data is: an SQLite file or a PostgreSQL server. Shown without its password. */
function databaseUrl() {
  return kind<string>({
    read: (text, refuse) => {
      try {
        readDatabaseUrl(text);
      } catch (error) {
        refuse((error as Error).message);
      }
      return text;
    },
    write: maskDatabaseUrl,
  });
}
