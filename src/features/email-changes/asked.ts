import type { OneTimeToken } from '../../core/one-time-tokens/store.ts';

/** Who asked for a change, as they were then; as JSON, the payload of its token. */
export interface Asked {
  readonly sessionId: string;
  readonly passwordVersion: number;
  /** Missing from what the version before asked for; there the first one was every account's. */
  readonly credentialVersion?: number;
  /** When the change was asked for first, in ms since 1970; missing from what the version before asked for. */
  readonly since?: number;
}

/** What an undo goes back to; as JSON, the payload of its token. */
export type Undo = Pick<Asked, 'since'>;

/** When a change was asked for, by its token or that of its undo. The version before wrote no moment. */
export function sinceOf({ payload, createdAt }: OneTimeToken): number {
  const { since = createdAt }: Undo = payload === '' ? {} : JSON.parse(payload);
  return since;
}
