import type { Sql } from '../../database/database.ts';

/** A row of `user_imports`. */
export interface ImportRecord {
  /** The last line that is done. */
  readonly line: number;
  readonly created: number;
  /** Accounts that were there already. */
  readonly skipped: number;
  readonly refused: number;
}

const COLUMNS = 'line, created, skipped, refused';

/** Where the import of a file stands; begins it when there is none. */
export async function beginImport(
  sql: Sql,
  file: { fileDigest: string; now: number },
): Promise<ImportRecord> {
  await sql.run(
    `INSERT INTO user_imports (file_digest, line, created, skipped, refused, started_at, updated_at)
     VALUES (:fileDigest, 0, 0, 0, 0, :now, :now) ON CONFLICT (file_digest) DO NOTHING`,
    file,
  );
  const row = await sql.get<ImportRecord>(
    `SELECT ${COLUMNS} FROM user_imports WHERE file_digest = :fileDigest`,
    { fileDigest: file.fileDigest },
  );
  if (row === undefined) throw new Error('The import that was just begun is gone.');
  return row;
}

/** No row when another process has gone on with the same file meanwhile. */
export function advanceImport(
  sql: Sql,
  batch: {
    fileDigest: string;
    fromLine: number;
    line: number;
    created: number;
    skipped: number;
    refused: number;
    now: number;
  },
): Promise<ImportRecord | undefined> {
  return sql.get(
    `UPDATE user_imports SET line = :line, created = created + :created, skipped = skipped + :skipped,
       refused = refused + :refused, updated_at = :now
     WHERE file_digest = :fileDigest AND line = :fromLine
     RETURNING ${COLUMNS}`,
    batch,
  );
}
