import type { Sql } from '../../database/database.ts';

/** A row of `signing_keys`; moments are ms since 1970. */
export interface SigningKeyRow {
  /** The RFC 7638 thumbprint of the public key. */
  readonly kid: string;
  readonly sequence: number;
  readonly algorithm: string;
  readonly publicJwk: string;
  /** PKCS #8, sealed; bound to the `kid`. */
  readonly sealedPrivateKey: string;
  readonly createdAt: number;
  /** No process signs with it earlier. */
  readonly activatesAt: number;
}

const COLUMNS = `kid, sequence, algorithm, public_jwk AS "publicJwk", sealed_private_key AS "sealedPrivateKey",
  created_at AS "createdAt", activates_at AS "activatesAt"`;

export function listSigningKeys(sql: Sql): Promise<SigningKeyRow[]> {
  return sql.all(`SELECT ${COLUMNS} FROM signing_keys ORDER BY sequence`);
}

/** Adds nothing when another process added the key of this sequence first. */
export function insertSigningKey(sql: Sql, row: SigningKeyRow): Promise<number> {
  return sql.run(
    `INSERT INTO signing_keys (kid, sequence, algorithm, public_jwk, sealed_private_key, created_at, activates_at)
     VALUES (:kid, :sequence, :algorithm, :publicJwk, :sealedPrivateKey, :createdAt, :activatesAt)
     ON CONFLICT (sequence) DO NOTHING`,
    { ...row },
  );
}

export function deleteSigningKeysBefore(sql: Sql, sequence: number): Promise<number> {
  return sql.run('DELETE FROM signing_keys WHERE sequence < :sequence', { sequence });
}

/** Writes over the very envelope that was read. */
export function replaceSealedPrivateKey(
  sql: Sql,
  change: { kid: string; asRead: string; sealedPrivateKey: string },
): Promise<number> {
  return sql.run(
    'UPDATE signing_keys SET sealed_private_key = :sealedPrivateKey WHERE kid = :kid AND sealed_private_key = :asRead',
    change,
  );
}
