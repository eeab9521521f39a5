import type { RecordEvent } from '../../core/audit/store.ts';
import { everyCredential } from '../../core/passwords/service.ts';
import type { Roles } from '../../core/roles/service.ts';
import { insertRole } from '../../core/roles/store.ts';
import { canonicalEmail } from '../../core/users/service.ts';
import { findUser, insertForeignUser } from '../../core/users/store.ts';
import type { FirebaseParameters } from '../../crypto/foreign-hashes.ts';
import type { Database, Sql } from '../../database/database.ts';
import type { Clock } from '../../platform/clock.ts';
import { wordsOf } from '../../platform/words.ts';
import { createRowReader, type ForeignUser } from './row.ts';
import { advanceImport, beginImport, type ImportRecord } from './store.ts';

/** Rows of one transaction: some tens of milliseconds in which no other transaction writes to SQLite. */
const BATCH = 500;

export interface TransfersOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly roles: Pick<Roles, 'names' | 'defaults'>;
}

/** A row of a file, or why the line holds none. */
export type Row = { readonly line: number } & (
  | { readonly fields: Readonly<Record<string, unknown>> }
  | { readonly problem: string }
);

/** A line of which no account came, and why: never what it holds. */
export interface RefusedLine {
  readonly line: number;
  readonly problem: string;
}

/** An account as an export has it, and an import takes it. */
export interface ExportedUser {
  readonly id: string;
  readonly email: string;
  readonly emailVerified: boolean;
  readonly name: string | null;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly disabled: boolean;
  /** Without those that every account has. */
  readonly roles: readonly string[];
  readonly metadata: object;
  readonly passwordHash?: string | null;
}

/** Accounts that come from other systems, and those that leave for one. */
export function createTransfers(
  { database, clock, recordEvent, roles }: TransfersOptions,
  /** `firebase` is for hashes of Firebase. */
  { firebase }: { readonly firebase: FirebaseParameters | undefined },
) {
  const readRow = createRowReader({ now: clock.now, firebase, roles });

  /** All of the batch or nothing, and what became of it. */
  async function importBatch(
    batch: readonly Row[],
    { fileDigest, fromLine }: { fileDigest: string; fromLine: number },
  ): Promise<{ record: ImportRecord; refused: readonly RefusedLine[] }> {
    const now = clock.now();
    const lines = batch.map((row) => ({
      line: row.line,
      user: 'problem' in row ? row : readRow(row.fields),
    }));
    return database.transaction(async (sql) => {
      const refused: RefusedLine[] = [];
      const counts = { created: 0, skipped: 0 };
      for (const { line, user } of lines) {
        const outcome = 'problem' in user ? user : await createUser(sql, user, now);
        if (typeof outcome === 'string') counts[outcome] += 1;
        else refused.push({ line, problem: outcome.problem });
      }
      const line = lines.at(-1)?.line ?? fromLine;
      const done = { ...counts, refused: refused.length };
      const record = await advanceImport(sql, { fileDigest, fromLine, line, ...done, now });
      if (record === undefined) throw new Error('Another process imports the same file.');
      return { record, refused };
    });
  }

  async function createUser(
    sql: Sql,
    { disabled, emailVerified, roles: given, ...user }: ForeignUser,
    now: number,
  ): Promise<'created' | 'skipped' | { problem: string }> {
    const emailCanonical = canonicalEmail(user.email);
    const states = { emailVerifiedAt: emailVerified ? now : null, disabledAt: disabled ? now : null };
    if (await insertForeignUser(sql, { ...user, ...states, emailCanonical, now })) {
      const details = { by: 'operator', reason: 'import' };
      await recordEvent(sql, { name: 'user_created', outcome: 'success', at: now, userId: user.id, details });
      for (const role of given) await insertRole(sql, { userId: user.id, role, now });
      if (given.length > 0)
        await recordEvent(sql, {
          name: 'authz_change',
          outcome: 'success',
          at: now,
          userId: user.id,
          details: { ...details, granted: given },
        });
      return 'created';
    }
    const other = await findUser(sql, user.id);
    if (other === undefined) return { problem: 'email is the address of another account' };
    const isSame = canonicalEmail(other.email) === emailCanonical;
    return isSame ? 'skipped' : { problem: 'id is that of another account' };
  }

  return {
    /**
     * Creates the accounts of a file in batches, each with the line that it came to in one transaction: the next import
     * of a file with the same digest goes on after that line, wherever this one ends. An account that is there already,
     * with its id and its address, is left as it is.
     *
     * @param observer hears of each batch once it is on disk.
     * @throws Error when another process imports the same file.
     */
    async importUsers(
      { digest: fileDigest, rows }: { digest: string; rows: AsyncIterable<Row> },
      observer: { onBatch(line: number, refused: readonly RefusedLine[]): Promise<void> | void },
    ): Promise<{ earlier: ImportRecord; total: ImportRecord }> {
      const earlier = await beginImport(database, { fileDigest, now: clock.now() });
      let total = earlier;
      for await (const batch of batchesOf(rows, earlier.line)) {
        const { record, refused } = await importBatch(batch, { fileDigest, fromLine: total.line });
        total = record;
        await observer.onBatch(total.line, refused);
      }
      return { earlier, total };
    },

    /** Every account, by id. The audit trail has it before the first one leaves. */
    async *exportUsers({
      withPasswordHashes,
    }: {
      withPasswordHashes: boolean;
    }): AsyncGenerator<ExportedUser> {
      await recordEvent(database, {
        name: 'sensitive_read',
        outcome: 'success',
        at: clock.now(),
        details: { by: 'operator', reason: 'export', passwordHashes: withPasswordHashes ? 'yes' : 'no' },
      });
      for await (const { user, passwordHash } of everyCredential(database)) {
        yield {
          id: user.id,
          email: user.email,
          emailVerified: user.emailVerifiedAt !== null,
          name: user.name,
          createdAt: new Date(user.createdAt).toISOString(),
          disabled: user.disabledAt !== null,
          roles: wordsOf(user.roles),
          metadata: JSON.parse(user.metadata),
          ...(withPasswordHashes && { passwordHash }),
        };
      }
    },
  };
}

async function* batchesOf(rows: AsyncIterable<Row>, afterLine: number): AsyncGenerator<readonly Row[]> {
  let batch: Row[] = [];
  for await (const row of rows) {
    if (row.line <= afterLine) continue;
    batch.push(row);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
