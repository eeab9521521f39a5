import type { Sessions } from '../../core/sessions/service.ts';
import { canonicalEmail } from '../../core/users/service.ts';
import { findUserByEmail, writeMetadata } from '../../core/users/store.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { metadataProblem } from '../../platform/metadata.ts';
import { type ChangeRecordOptions, createChangeRecord, lockAccount } from './change.ts';

export interface MetadataOptions extends ChangeRecordOptions {
  readonly database: Database;
  readonly sessions: Pick<Sessions, 'ownerChanged'>;
}

/** What is set stays beside what was there, and what is unset goes. */
export interface MetadataChange {
  readonly set?: unknown;
  readonly unset?: readonly string[] | undefined;
}

/** What operators keep about accounts, and claims may rest on. */
export function createMetadata({ database, sessions, ...options }: MetadataOptions) {
  const record = createChangeRecord(options);

  return {
    /** @throws AuthError `NOT_FOUND` */
    async metadataOf(email: string): Promise<object> {
      const user = await findUserByEmail(database, canonicalEmail(email));
      if (user === undefined) throw new AuthError('NOT_FOUND');
      return JSON.parse(user.metadata);
    },

    /**
     * Changes the metadata of an account, key by key.
     *
     * @returns all of it, as it is then.
     * @throws AuthError `NOT_FOUND`; `BAD_USER_INPUT` where it would be no object, or have more than 4 KiB.
     */
    async changeMetadata(email: string, { set = {}, unset = [] }: MetadataChange): Promise<object> {
      assertMetadata(set);
      return database.transaction(async (tx) => {
        const user = await lockAccount(tx, email);
        const merged = new Map(Object.entries({ ...JSON.parse(user.metadata), ...set }));
        for (const key of unset) merged.delete(key);
        const metadata = Object.fromEntries(merged);
        assertMetadata(metadata);
        const text = JSON.stringify(metadata);
        if (text !== user.metadata) {
          await writeMetadata(tx, { id: user.id, metadata: text });
          sessions.ownerChanged(tx, user.id);
          await record(tx, user.id, { fields: ['metadata'] });
        }
        return metadata;
      });
    },
  };
}

/** @throws AuthError `BAD_USER_INPUT` where it would be no object, or have more than 4 KiB. */
export function assertMetadata(value: unknown): asserts value is object {
  const cause = metadataProblem(value);
  if (cause !== undefined) throw new AuthError('BAD_USER_INPUT', { field: 'input.metadata', cause });
}
