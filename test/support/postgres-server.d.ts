/** A PostgreSQL server that its maker may stop and start. */
export interface PostgresServer {
  /** Of its superuser, without a password. */
  readonly url: string;
  /** Resolves when it takes connections; on the same port each time. */
  start(): Promise<void>;
  /** `fast` ends what is under way, `immediate` leaves it to the recovery of the next start. */
  stop(mode: 'fast' | 'immediate'): Promise<void>;
  /** Ends it, and removes its files. */
  remove(): Promise<void>;
}

export function startPostgres(): Promise<PostgresServer>;
