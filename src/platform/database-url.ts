import { fileURLToPath } from 'node:url';
import { isLoopback } from './loopback.ts';
import { BROKEN_PERCENT } from './percent-encoding.ts';
import { type PostgresUrl, readPostgresUrl } from './postgres-url.ts';

/*
 * The one reader of a DATABASE_URL. Everything in it is understood or refused: a misspelt parameter would put the tables
 * into another schema, or switch TLS off, without a word.
 *
 *   file:<path>   file:///<path>   file::memory:
 *   postgres://user:password@host:port,host:port/database?parameter=value&…
 */

export interface SqliteUrl {
  readonly engine: 'sqlite';
  /** None for a database in memory. */
  readonly path: string | undefined;
}

const POSTGRES = /^postgres(?:ql)?:\/\//;

/** Whether a database URL names a PostgreSQL server. */
export function isPostgres(url: string): boolean {
  return POSTGRES.test(url);
}

/** Whether a database URL names an SQLite database that ends with its process. */
export function isInMemory(url: string): boolean {
  return url === 'file::memory:';
}

/**
 * What a DATABASE_URL says.
 *
 * @throws Error that goes on after "DATABASE_URL" and quotes nothing but names of parameters: there are secrets in it.
 */
export function readDatabaseUrl(text: string): SqliteUrl | PostgresUrl {
  if (/\p{Cc}/u.test(text))
    throw new Error('holds a control character, such as the end of a line from Windows: remove it');
  if (text.trim() !== text) throw new Error('begins or ends with a blank: remove it');
  if (isPostgres(text)) return readPostgresUrl(text);
  if (text.startsWith('file:')) return { engine: 'sqlite', path: readPath(text) };
  throw new Error('must begin with file:, postgres:// or postgresql://');
}

/** The file of an SQLite URL; `undefined` for one in memory and for a server. */
export function sqliteFile(text: string): string | undefined {
  const url = readDatabaseUrl(text);
  return url.engine === 'sqlite' ? url.path : undefined;
}

/** Whether the database may be a server that is not on this machine; a socket is, and what the URL leaves out. */
export function isElsewhere(text: string): boolean {
  const url = readDatabaseUrl(text);
  if (url.engine === 'sqlite') return false;
  return url.hosts.some(({ host }) => host !== undefined && !host.startsWith('/') && !isLoopback(host));
}

/** The URL as an operator may see it. */
export function maskDatabaseUrl(text: string): string {
  if (!isPostgres(text)) return text;
  const [, start = '', authority = '', rest = ''] = /^([^:]+:\/\/)([^/?#]*)(.*)$/s.exec(text) ?? [];
  // libpq takes a password, and the passphrase of a client key, as parameters too.
  const query = rest.replace(/([?&][^=&]*pass[^=&]*=)[^&]*/gi, '$1***');
  return start + authority.replace(/^([^:]*):.*@/s, '$1:***@') + query;
}

function readPath(text: string): string | undefined {
  const rest = text.slice('file:'.length);
  if (rest === ':memory:') return undefined;
  if (rest === '' || /[?#]/.test(rest)) throw new Error('must be file: and a path, without ? and #');
  if (rest.startsWith('//') && !rest.startsWith('///'))
    throw new Error('must name no host: file:<path> or file:///<path>');
  if (!rest.startsWith('//')) return withoutBlanks(rest);
  return withoutBlanks(pathOf(text));
}

function pathOf(fileUrl: string): string {
  try {
    return fileURLToPath(fileUrl);
  } catch {
    // As of a slash in one name: there is no such file.
    throw new Error(BROKEN_PERCENT);
  }
}

/** The driver of SQLite trims names: it would open another file than the one that is secured here. */
function withoutBlanks(path: string): string {
  if (path.trim() !== path) throw new Error('names a file that begins or ends with a blank');
  if (path.includes('\0')) throw new Error('names a file with a zero byte');
  return path;
}
