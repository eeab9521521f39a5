import { constants, openSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { type Logger, pino } from 'pino';
import { statOpenFile } from './open-files.ts';

export type { Logger } from 'pino';

/** Some hundred lines. */
const GATHERED_CHARACTERS = 64 * 1024;
const GATHERED_MS = 100;
/** What is kept for a reader that has stopped, or until there is room on the disk again; the lines after it are lost. */
const KEPT_BYTES = 8 * 1024 * 1024;
/** How long a process that ends waits for a reader to take its last lines. */
const LAST_WORDS_MS = 1_000;
const LOOK_AGAIN_MS = 10;

export interface LogOptions {
  readonly level: string;
  readonly fileDescriptor: number;
  /** Lines for people, as in a terminal, instead of JSON. */
  readonly isForPeople: boolean;
}

export interface Log {
  readonly logger: Logger;
  /**
   * Writes the lines of another process. Processes that share a socket share its flags as well: one of them that ends
   * would make the writes of the others wait for the reader. So one process writes for all of them.
   */
  readonly forward: (lines: Readable) => void;
  /** Writes a text for people as it is, after what was logged before it. */
  readonly print: (text: string) => void;
}

/**
 * Writes one JSON line per event to a file descriptor, or lines for people. Secrets stay out
 * because nobody logs them; the headers that carry them are cut out all the same, should somebody log a request
 * (AUD-2). Lines are gathered for a moment, because a write per request costs a tenth of it and a slow reader would
 * hold the requests up; `flush`, which is due when the process ends, writes what was gathered. A reader that has
 * stopped, or a full disk, costs lines, and never keeps the process from working or from ending.
 */
export async function openLog({ level, fileDescriptor, isForPeople }: LogOptions): Promise<Log> {
  const destination = openDestination(openUnblocked(fileDescriptor), {
    format: isForPeople ? await loadPretty() : (line) => line,
    onLost: (count) => logger.warn(`${count} lines of the log are lost: they could not be written in time`),
  });
  const logger = pino({ level, redact: { paths: SECRET_HEADERS, censor: '***' } }, destination);
  return {
    logger,
    print: destination.print,
    forward(lines) {
      let rest = '';
      lines.setEncoding('utf8').on('data', (text: string) => {
        const whole = (rest + text).split('\n');
        rest = whole.pop() ?? '';
        for (const line of whole) destination.write(`${line}\n`);
      });
    },
  };
}

/** The logger of a process that writes for itself alone. */
export async function createLogger(options: LogOptions): Promise<Logger> {
  return (await openLog(options)).logger;
}

const SECRET_HEADERS = ['headers', 'req.headers', 'res.headers', 'request.headers'].flatMap((headers) => [
  `${headers}.authorization`,
  `${headers}.cookie`,
  `${headers}["set-cookie"]`,
]);

type Format = (line: string) => string;

async function loadPretty(): Promise<Format> {
  // Loaded where somebody looks at it only: it takes 40 ms.
  const { prettyFactory } = await import('pino-pretty');
  const common = { translateTime: 'SYS:HH:MM:ss' };
  const format = prettyFactory({ ...common, ignore: 'pid,hostname' });
  const formatRequest = prettyFactory({
    ...common,
    ignore: 'pid,hostname,time,level,requestId,method,route,status,operation,outcome,ms',
    messageFormat: '{method} {route} {status} {if operation}{operation} {end}{outcome} {ms} ms',
  });
  // A text in a line has its quotes escaped, so only the message itself can end so.
  return (line) => (line.endsWith('"msg":"request"}\n') ? formatRequest : format)(line);
}

/**
 * A pipe or a terminal, opened anew so that a write is refused (EAGAIN) where it would wait for the reader. The flag
 * belongs to this opening alone: other processes that write to the same terminal do not see it.
 */
function openUnblocked(fileDescriptor: number): number {
  const stats = statOpenFile(fileDescriptor);
  if (!stats.isFIFO() && !stats.isCharacterDevice()) return fileDescriptor;
  try {
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    return openSync(`/dev/fd/${fileDescriptor}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    // Another system, or another user's pipe.
    return fileDescriptor;
  }
}

interface Chunk {
  readonly bytes: Buffer;
  readonly lineCount: number;
}

/**
 * Where the lines go: gathered, then queued, then written. Writes are synchronous, because a pipe and a terminal take
 * at once what they have room for, and hashing has the threads that would write otherwise.
 */
function openDestination(
  fileDescriptor: number,
  { format, onLost }: { format: Format; onLost: (count: number) => void },
) {
  let gathered = '';
  let gatheredCount = 0;
  let queue: Chunk[] = [];
  let queuedBytes = 0;
  let lostCount = 0;
  let isReaderGone = false;
  let timer: NodeJS.Timeout | undefined;

  function enqueueGathered(): void {
    const chunk = { bytes: Buffer.from(gathered), lineCount: gatheredCount };
    gathered = '';
    gatheredCount = 0;
    if (queuedBytes + chunk.bytes.length > KEPT_BYTES) {
      lostCount += chunk.lineCount;
    } else if (chunk.bytes.length > 0) {
      queue.push(chunk);
      queuedBytes += chunk.bytes.length;
    }
  }

  /** Writes as much as is taken. The code of the error that keeps the rest. */
  function writeQueue(): string | undefined {
    try {
      for (let first = queue[0]; first !== undefined; first = queue[0]) {
        const count = writeSync(fileDescriptor, first.bytes);
        queuedBytes -= count;
        if (count < first.bytes.length) queue[0] = { ...first, bytes: first.bytes.subarray(count) };
        else queue.shift();
      }
      return undefined;
    } catch (error) {
      const { code = 'UNKNOWN' } = error as NodeJS.ErrnoException;
      isReaderGone = code === 'EPIPE';
      return code;
    }
  }

  function turn(): void {
    clearTimeout(timer);
    timer = undefined;
    enqueueGathered();
    const problem = writeQueue();
    if (isReaderGone) queue = [];
    else if (problem !== undefined) timer = setTimeout(turn, GATHERED_MS);
    else if (lostCount > 0) {
      const count = lostCount;
      lostCount = 0;
      onLost(count);
    }
  }

  /** Writes all that was logged, and gives a reader that has stopped a second to take it. */
  function flushSync(): void {
    enqueueGathered();
    const endsAt = performance.now() + LAST_WORDS_MS;
    while (writeQueue() === 'EAGAIN' && performance.now() < endsAt) sleep(LOOK_AGAIN_MS);
  }

  function print(text: string): void {
    if (isReaderGone) return;
    gathered += text;
    gatheredCount += 1;
    if (gathered.length >= GATHERED_CHARACTERS) turn();
    else timer ??= setTimeout(turn, GATHERED_MS);
  }

  return {
    print,
    write(line: string): void {
      print(format(line));
    },
    // The logger calls the one at a fatal line, and the other when it is told to.
    flushSync,
    flush: flushSync,
  };
}

/** Stops the thread. */
function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
