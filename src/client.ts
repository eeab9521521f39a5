/** Where a request came from, for the audit trail, the list of sessions and the throttles. */
export interface Client {
  /** The address of the peer, or the one a trusted proxy named; canonical text. */
  readonly ip: string;
  /** The User-Agent header, at most 256 characters. */
  readonly userAgent: string | undefined;
  readonly requestId: string;
}
