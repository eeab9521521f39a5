import { type BigIntStats, fstatSync, readdirSync } from 'node:fs';

/** Fewer do not suffice to start: Node.js reads modules many at a time. */
const LEAST = 256;
/** What a server opens later on: connections to its database and its mail server, files, requests for its metrics. */
const RESERVE = 24;
/** What a server has open when nobody has connected, where that cannot be counted. */
const USUALLY_OPEN = 40;

/**
 * How many files a process may open at a time (`ulimit -n`); `undefined` where there is no limit. From Node's diagnostic
 * report, which is documented and knows it on every system. To be asked before there is a socket: the report looks up
 * a name for each.
 *
 * @throws Error when a server cannot start with so few.
 */
export function openFilesLimit(report: Pick<NodeJS.ProcessReport, 'getReport'>): number | undefined {
  const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  const soft = userLimits?.open_files?.soft;
  if (typeof soft !== 'number') return undefined;
  if (soft < LEAST)
    throw new Error(
      `Only ${soft} files may be open at a time (ulimit -n): ${LEAST} are needed, 65536 a good number.`,
    );
  return soft;
}

/**
 * How many connections a process that is about to listen may take at a time: what the limit leaves after what is open
 * and a reserve. A process without a free descriptor can accept nothing, ask no database, and log no reason.
 */
export function roomForConnections(limit: number | undefined): number {
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(1, limit - countOpen() - RESERVE);
}

function countOpen(): number {
  try {
    return readdirSync('/dev/fd').length;
  } catch {
    // As where there is no such folder.
    return USUALLY_OPEN;
  }
}

/**
 * What an open file is. With `bigint`, because Node.js keeps the numbers of its last plain `stat`, and its resolver of
 * modules looks at them: after one of a pipe or a socket it follows no symbolic link, so that a package of a store, as
 * pnpm's, is loaded twice or not found.
 */
export function statOpenFile(fileDescriptor: number): BigIntStats {
  return fstatSync(fileDescriptor, { bigint: true });
}
