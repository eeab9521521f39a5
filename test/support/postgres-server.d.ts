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

/** Whether there is a server that `startPostgres` can give a certificate. */
export const hasSystemPostgres: boolean;

/** Paths of files in PEM. */
export function startPostgres(options?: {
  certificate?: { certificate: string; key: string };
}): Promise<PostgresServer>;
