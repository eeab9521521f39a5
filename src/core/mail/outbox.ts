import { createKeyring } from '../../crypto/keyring.ts';
import { createSealer } from '../../crypto/seal.ts';
import type { Database } from '../../database/database.ts';
import { sweepChore } from '../../platform/chore.ts';
import type { Clock } from '../../platform/clock.ts';
import { DAY_MS } from '../../platform/durations.ts';
import { sweep } from '../../platform/sweep.ts';
import { LONGEST_DELAY_MS } from './sender.ts';
import * as store from './store.ts';

/** How long a dead letter can be looked at. */
const KEEP_FAILED_MS = 30 * DAY_MS;
const PAGE = 500;
const FORGET_BATCH = 5_000;

/** What is sealed in a row. */
export interface Content {
  readonly to: string;
  readonly path?: string | undefined;
  readonly code?: string | undefined;
}

/** A mail as its operator sees it; moments are ms since 1970. */
export interface MailSummary extends Omit<store.MailRecord, 'sealedContent'> {
  /** Unknown once the content is erased, or sealed with a secret that is gone. */
  readonly to: string | undefined;
}

export interface OutboxOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly secrets: readonly Buffer[];
}

/** The rows of mails, and what operators and housekeeping do with them. */
export function createOutbox({ database, clock, secrets }: OutboxOptions) {
  const sealer = createSealer(createKeyring(secrets, 'mail'));

  function seal(content: Content, id: string): string {
    return sealer.seal(Buffer.from(JSON.stringify(content)), id);
  }

  function open({ id, sealedContent }: { id: string; sealedContent: string | null }): Content | undefined {
    const opened = sealedContent === null ? undefined : sealer.open(sealedContent, id);
    return opened && JSON.parse(opened.toString());
  }

  async function* readAll(): AsyncGenerator<store.MailRecord> {
    let afterId = '';
    for (;;) {
      const page = await store.listMails(database, { afterId, limit: PAGE });
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) return;
      afterId = last.id;
    }
  }

  /** Erases what is of no use any more, and deletes dead letters after 30 days. */
  async function prune(): Promise<void> {
    const now = clock.now();
    await sweep((limit) => store.deleteDecoys(database, { now, limit }));
    await sweep((limit) => store.hastenMails(database, { now, latest: now + LONGEST_DELAY_MS, limit }));
    await sweep((limit) => store.eraseExpired(database, { now, failure: 'EXPIRED', limit }));
    await sweep((limit) => store.buryUnsettled(database, { now, failure: 'UNSETTLED', limit }));
    await sweep((limit) => store.deleteFailed(database, { failedBefore: now - KEEP_FAILED_MS, limit }));
  }

  return {
    seal,
    open,

    /** Every mail that is still to be sent, and every dead letter. */
    async *list(): AsyncGenerator<MailSummary> {
      for await (const { sealedContent, ...mail } of readAll())
        yield { ...mail, to: open({ id: mail.id, sealedContent })?.to };
    },

    /**
     * Makes dead letters due again, all of them unless one is named; how many. Those that expired stay dead. One
     * that may have been delivered before begins anew, because its operator said so.
     */
    async retry(id?: string): Promise<number> {
      const ids = id === undefined ? [] : [id];
      if (id === undefined)
        for await (const { id, failedAt } of readAll()) if (failedAt !== null) ids.push(id);
      let count = 0;
      for (const one of ids) count += await store.reviveMail(database, { id: one, now: clock.now() });
      return count;
    },

    /** Moves every sealed mail that opens onto the first master secret; how many. */
    async reseal(): Promise<number> {
      let moved = 0;
      for await (const { id, sealedContent } of readAll()) {
        if (sealedContent === null || sealer.isCurrent(sealedContent)) continue;
        const content = sealer.open(sealedContent, id);
        if (content === undefined) continue;
        const change = { id, asRead: sealedContent, sealedContent: sealer.seal(content, id) };
        moved += await store.replaceSealedContent(database, change);
      }
      return moved;
    },

    /** After a restore: what was queued before it may have been sent since. Each statement is short. */
    async forget(): Promise<void> {
      while ((await store.deleteAny(database, FORGET_BATCH)) === FORGET_BATCH);
    },

    prune,
    chores: [sweepChore('mail of no use', prune)],
  };
}
