import { createHash } from 'node:crypto';
import { readDigest, writeDigest } from '../../core/roles/store.ts';
import type { Database } from '../../database/database.ts';

/** Its name among what all processes of a database should have alike. */
const NAME = 'roles';

export interface DefinitionOptions {
  readonly database: Database;
}

/** Compares the definition of roles with that of other processes: two of them make tokens of two kinds. */
export function createDefinition(
  { database }: DefinitionOptions,
  /** The text of the file; none for the built-in roles. */
  text: string | undefined,
) {
  const digest = createHash('sha256')
    .update(text ?? '')
    .digest('base64url');

  return {
    /** Tells the other processes which definition this one has. A command does not. */
    announce: (): Promise<unknown> => writeDigest(database, { name: NAME, digest }),

    /** Whether the server that began last has another definition. */
    async isOther(): Promise<boolean> {
      const announced = await readDigest(database, NAME);
      return announced !== undefined && announced !== digest;
    },
  };
}
