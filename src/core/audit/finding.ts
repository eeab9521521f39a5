/** Something in the audit trail that the server did not write. */
export interface Finding {
  /**
   * - `changed`: the events of the batch, or its row, are not those that were chained
   * - `missing`: batches were removed
   * - `inserted`: the event, or the first of several, was put in
   * - `forged`: the batch, or the first of several events, was made or changed without the secret
   * - `bare`: the event, or the first of several, has no proof of its own, though events before it have one
   * - `unproven`: a secret proves the batch, or the first of several events, that this server does not have
   * - `cut`: the head that was named, or that the event names, is not in the chain
   */
  readonly problem: 'changed' | 'missing' | 'inserted' | 'forged' | 'bare' | 'unproven' | 'cut';
  /** The first and the last batch that it is about; none for an event that is not chained yet. */
  readonly batches?: readonly [first: number, last: number];
  readonly eventId?: string;
}
