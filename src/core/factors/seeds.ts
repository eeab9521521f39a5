import { createKeyring } from '../../crypto/keyring.ts';
import { createSealer } from '../../crypto/seal.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { everyRow } from '../users/service.ts';
import { type FactorRecord, listSealedSecrets, replaceSealedSecret } from './store.ts';

export interface SeedsOptions {
  readonly database: Database;
  readonly secrets: readonly Buffer[];
}

export type Seeds = ReturnType<typeof createSeeds>;

/** The seeds of TOTP factors, sealed; each opens in its own row only (KEY-4). */
export function createSeeds({ database, secrets }: SeedsOptions) {
  const sealer = createSealer(createKeyring(secrets, 'factors'));

  return {
    seal: (seed: Buffer, factorId: string): string => sealer.seal(seed, factorId),

    /** @throws AuthError `UNAVAILABLE` when no master secret opens it: that is no wrong code. */
    open({ id, sealedSecret }: Pick<FactorRecord, 'id' | 'sealedSecret'>): Buffer {
      const seed = sealer.open(sealedSecret, id);
      if (seed === undefined)
        throw new AuthError('UNAVAILABLE', { retryAfter: 60, cause: 'no secret opens the seed of a factor' });
      return seed;
    },

    /** Moves every sealed seed onto the first master secret. How many it moved; throws when one does not open. */
    async reseal(): Promise<number> {
      let moved = 0;
      const rows = everyRow(
        (page) => listSealedSecrets(database, page),
        ({ id }) => id,
      );
      for await (const { id, sealedSecret } of rows) {
        if (sealer.isCurrent(sealedSecret)) continue;
        const seed = sealer.open(sealedSecret, id);
        if (seed === undefined)
          throw new Error('The seed of a factor cannot be opened with the secrets given.');
        moved += await replaceSealedSecret(database, {
          id,
          asRead: sealedSecret,
          sealedSecret: sealer.seal(seed, id),
        });
      }
      return moved;
    },
  };
}
