import type { Database } from './database.ts';

/**
 * What is wrong with how the database keeps text, if anything. In one of another encoding than UTF-8 some names have no
 * place: a request that brings one fails, and an import ends at that row.
 */
export async function encodingProblem(database: Database): Promise<string | undefined> {
  if (database.dialect === 'sqlite') return undefined;
  const row = await database.get<{ server_encoding: string }>('SHOW server_encoding');
  if (row?.server_encoding === 'UTF8') return undefined;
  return (
    `The database keeps text as ${row?.server_encoding}, where not every name has a place. Make another one with ` +
    `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and name it in DATABASE_URL.`
  );
}
