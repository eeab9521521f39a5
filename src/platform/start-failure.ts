import { NoWorkerError } from './workers.ts';

/** Why no process listens, in a sentence for the operator that ends with what to do; nothing for any other error. */
export function describeStartFailure(error: unknown): string | undefined {
  if (error instanceof NoWorkerError) return error.message;
  const { syscall, code, address, port, hostname } = error as NodeJS.ErrnoException & {
    readonly address?: string;
    readonly port?: number;
    readonly hostname?: string;
  };
  if (syscall === 'getaddrinfo') return `${hostname} is no name of this machine: correct HOST.`;
  if (syscall !== 'listen' && syscall !== 'bind') return undefined;
  const where = `${address}:${port}`;
  switch (code) {
    case 'EADDRINUSE':
      return `Another program listens at ${where}: end it, or set another PORT (LATCHKEY_METRICS_PORT for the metrics).`;
    case 'EACCES':
      return `This user may not listen at ${where}: set a PORT from 1024 on.`;
    case 'EADDRNOTAVAIL':
      return `${address} is no address of this machine: correct HOST.`;
    default:
      return undefined;
  }
}
