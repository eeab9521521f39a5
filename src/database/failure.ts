import { statSync } from 'node:fs';
import { readDatabaseUrl } from '../platform/database-url.ts';
import type { PostgresUrl } from '../platform/postgres-url.ts';

/*
 * Why a database cannot be used, in one sentence for its operator: what is wrong, where, and what to do. Nothing of a
 * user or a password is in it.
 */

/** What is wrong with a database, said as its operator should read it. */
export class DatabaseProblem extends Error {
  override readonly name = 'DatabaseProblem';
}

const DEFAULT_PORT = 5_432;

/** What a driver says itself, an SQLSTATE among it, or what this program makes of it. */
const OF_DATABASES = /^(UNAVAILABLE|SQLITE_.*|(?!E)(?=.*\d)[0-9A-Z]{5})$/;

/** Codes of Node.js, OpenSSL and PostgreSQL (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
const OF_POSTGRES: Readonly<Record<string, (where: string) => string>> = {
  ECONNREFUSED: (where) => `PostgreSQL does not listen at ${where}: start it, or correct DATABASE_URL.`,
  ENOTFOUND: (where) => `No such host is known: ${where}. Correct DATABASE_URL, or the name server.`,
  EAI_AGAIN: (where) => `The name server does not answer for ${where}: try again, or correct DATABASE_URL.`,
  ETIMEDOUT: (where) => `PostgreSQL does not answer at ${where}: correct DATABASE_URL, or the firewall.`,
  EHOSTUNREACH: (where) => `No way leads to ${where}: correct DATABASE_URL, or the network.`,
  ENETUNREACH: (where) => `No way leads to ${where}: correct DATABASE_URL, or the network.`,
  ECONNRESET: (where) =>
    `The connection to ${where} was cut: is that PostgreSQL, and does it take this client?`,
  ENOENT: (where) => `There is no socket of PostgreSQL in ${where}: start it, or correct DATABASE_URL.`,
  EACCES: (where) => `This user may not open the socket of PostgreSQL in ${where}.`,
  EMFILE: () => 'No file can be opened any more: raise the limit (ulimit -n).',

  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  CERT_HAS_EXPIRED: (where) => `The certificate of ${where} has expired: renew it.`,
  ERR_TLS_CERT_ALTNAME_INVALID: (where) =>
    `The certificate of ${where} is for another host: name that one in DATABASE_URL, or say sslmode=verify-ca.`,

  '28000': (where) => `PostgreSQL at ${where} does not let this user in: see its pg_hba.conf, and sslmode.`,
  '28P01': (where) => `PostgreSQL at ${where} refuses the user or the password of DATABASE_URL.`,
  '3D000': (where) =>
    `There is no such database at ${where}: make it with CREATE DATABASE … ENCODING 'UTF8'.`,
  '3F000': () => 'There is no such schema: make it with CREATE SCHEMA, or correct DATABASE_URL.',
  '42501': () =>
    'The role may not make tables there: let it own the database, or GRANT CREATE ON SCHEMA to it.',
  '53300': (where) =>
    `PostgreSQL at ${where} has no connection left: raise max_connections, or use a pooler.`,
  '57P03': (where) => `PostgreSQL at ${where} is still starting: try again.`,
  '25006': (where) => `PostgreSQL at ${where} takes no writes: is it a standby?`,
};

const OF_SQLITE: Readonly<Record<string, (path: string) => string>> = {
  EACCES: notAllowed,
  EPERM: notAllowed,
  EROFS: (path) =>
    `The file system of ${path} takes no writes: mount it for writing, or correct DATABASE_URL.`,
  EEXIST: folderIsFile,
  ENOENT: (path) => `The folder of ${path} cannot be made there: correct DATABASE_URL.`,
  ENOTDIR: folderIsFile,
  ENOSPC: diskFull,
  SQLITE_FULL: diskFull,
  SQLITE_NOTADB: (path) =>
    `The file ${path} is no SQLite database, or an encrypted one: correct DATABASE_URL, or move the file away.`,
  SQLITE_CORRUPT: (path) => `The database ${path} is damaged: restore a backup.`,
  SQLITE_READONLY: notAllowed,
  SQLITE_CANTOPEN: (path) =>
    `The database ${path} cannot be opened: let this user read and write its folder, or correct DATABASE_URL.`,
  SQLITE_BUSY: (path) => `Another process keeps ${path} locked: end it, and try again.`,
};

/**
 * @param text the DATABASE_URL.
 * @returns `undefined` when the error does not come from a database.
 */
export function describeDatabaseFailure(error: unknown, text: string): string | undefined {
  const errors = withCauses(error);
  const problem = errors.find(({ name }) => name === 'DatabaseProblem');
  if (problem !== undefined) return problem.message;
  // Files that are not there, and the like, concern others, too.
  if (!errors.some(({ code = '' }) => OF_DATABASES.test(code))) return undefined;
  const url = readDatabaseUrl(text);
  if (url.engine === 'postgres') return describePostgresFailure(errors, url);

  const path = url.path ?? 'in memory';
  if (errors.some(({ code }) => code?.startsWith('SQLITE_CANTOPEN')) && isFolder(path))
    return `DATABASE_URL names a folder, ${path}: add the name of a file.`;
  return firstKnown(errors, OF_SQLITE, path) ?? describeUnknown(errors);
}

interface Failure {
  readonly name?: string;
  readonly message: string;
  readonly code?: string;
}

function describePostgresFailure(errors: readonly Failure[], { hosts }: PostgresUrl): string | undefined {
  const where = hosts
    .map(({ host = 'localhost', port = DEFAULT_PORT }) => (host.startsWith('/') ? host : `${host}:${port}`))
    .join(' or ');
  const known = firstKnown(errors, OF_POSTGRES, where);
  if (known !== undefined) return known;

  const messages = errors.map(({ message }) => message);
  if (messages.some((message) => message.includes('does not support SSL')))
    return `PostgreSQL at ${where} has no TLS: switch it on there, or say sslmode=disable in DATABASE_URL.`;
  if (messages.some((message) => /timeout|did not answer within/.test(message)))
    return OF_POSTGRES.ETIMEDOUT?.(where);
  if (messages.some((message) => message.startsWith('SASL')))
    return `PostgreSQL at ${where} asks for a password: give it in DATABASE_URL, or in PGPASSWORD.`;
  return describeUnknown(errors);
}

/** What a driver says is a sentence, too, or part of one. */
function describeUnknown(errors: readonly Failure[]): string | undefined {
  const cause = errors.find(({ code }) => code !== 'UNAVAILABLE');
  return cause && `The database cannot be used: ${cause.message.replace(/\.$/, '')}.`;
}

function firstKnown(
  errors: readonly Failure[],
  table: Readonly<Record<string, (where: string) => string>>,
  where: string,
): string | undefined {
  for (const { code = '' } of errors) {
    // SQLite has codes of one more word, as in SQLITE_READONLY_DIRECTORY.
    const describe = table[code] ?? table[code.split('_').slice(0, 2).join('_')];
    if (describe !== undefined) return describe(where);
  }
  return undefined;
}

function notAllowed(path: string): string {
  return `This user may not read and write ${path}, or its folder: change their owner or mode, or correct DATABASE_URL.`;
}

function folderIsFile(path: string): string {
  return `What should be the folder of ${path} is a file: move it away, or correct DATABASE_URL.`;
}

function diskFull(path: string): string {
  return `The disk of ${path} is full: make room on it.`;
}

function unknownAuthority(where: string): string {
  return `Nobody known here signed the certificate of ${where}: name its authority's in sslrootcert, or trust anybody with sslmode=no-verify.`;
}

function withCauses(error: unknown): Failure[] {
  const found: Failure[] = [];
  for (let next = error; isFailure(next); next = (next as { cause?: unknown }).cause) {
    found.push(next);
    // Of addresses that were tried together, the first will do.
    const { errors = [] } = next as { errors?: readonly unknown[] };
    found.push(...errors.slice(0, 1).filter(isFailure));
  }
  return found;
}

function isFailure(error: unknown): error is Failure {
  return typeof error === 'object' && error !== null && 'message' in error;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
