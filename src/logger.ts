import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** Some hundred lines. */
const GATHERED_CHARACTERS = 64 * 1024;
const GATHERED_MS = 100;

/**
 * Writes one JSON line per event to a file descriptor, or lines for people when that is a terminal. Secrets stay out
 * because nobody logs them; the headers that carry them are cut out all the same, should somebody log a request
 * (AUD-2). Lines are gathered for a moment, because a write per request costs a tenth of it and a slow reader would
 * hold the requests up; what was gathered is written when the process ends, unless it is killed.
 */
export async function createLogger({
  level,
  fileDescriptor,
  isTerminal,
}: {
  level: string;
  fileDescriptor: number;
  isTerminal: boolean;
}): Promise<Logger> {
  return pino(
    { level, redact: { paths: SECRET_HEADERS, censor: '***' } },
    await openStream(fileDescriptor, isTerminal),
  );
}

const SECRET_HEADERS = ['headers', 'req.headers', 'res.headers', 'request.headers'].flatMap((headers) => [
  `${headers}.authorization`,
  `${headers}.cookie`,
  `${headers}["set-cookie"]`,
]);

async function openStream(fileDescriptor: number, isTerminal: boolean) {
  if (!isTerminal) return openGathering(fileDescriptor);
  // Loaded where somebody looks at it only: it takes 40 ms.
  const { default: pretty } = await import('pino-pretty');
  return pretty({ destination: fileDescriptor, sync: true, ignore: 'pid,hostname' });
}

/** Does itself what `minLength` is for: that measures all that is gathered anew for each line. */
function openGathering(fileDescriptor: number) {
  const destination = pino.destination({ dest: fileDescriptor, sync: false });
  const write = destination.write.bind(destination);
  const flushSync = destination.flushSync.bind(destination);
  let gathered = '';
  let timer: NodeJS.Timeout | undefined;

  function handOver(): void {
    clearTimeout(timer);
    timer = undefined;
    if (gathered !== '') write(gathered);
    gathered = '';
  }

  return Object.assign(destination, {
    write(line: string): boolean {
      gathered += line;
      if (gathered.length >= GATHERED_CHARACTERS) handOver();
      else timer ??= setTimeout(handOver, GATHERED_MS);
      return true;
    },
    flushSync(): void {
      handOver();
      flushSync();
    },
  });
}
