import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { makePrivateFolder } from '../platform/folder.ts';
import { statOpenFile } from '../platform/open-files.ts';
import { type Kind, kind } from './values.ts';

/**
 * The master secret: what every key of the server is derived from. It is given as base64url, base64 or hex, at least
 * 32 bytes, or as a comma-separated list while it is being replaced: the first one makes and seals, all of them
 * verify and open. Nothing here ever puts a secret, or a path that may be one by mistake, into a message.
 */
const LEAST_BYTES = 32;

/** Of a file's mode. */
const OTHERS_READ = 0o004;
const OTHERS_WRITE = 0o002;

/** 32 random bytes hold about 30 different ones; fewer than 17 do not happen in the life of the universe. */
const LEAST_VARIETY = 17;

/** Parts of examples and of made-up secrets. Random text holds one of them less than once in a million. */
const EXAMPLES =
  /secret|passw[o0]rd|change[-_]?me|example|default|insecure|latchkey|deadbeef|abcdefgh|0123456789|123456789a|qwertyui/i;

/** The key that RFC 7515, appendix A.1, publishes; half the tutorials on JWT copied it. */
const PUBLISHED = Buffer.from(
  'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
  'base64url',
);

/** One master secret or a comma-separated list of them (KEY-1). */
export const masterSecrets: Kind<readonly Buffer[]> = kind({
  read: (text, refuse) => {
    const items = text.split(',').map((item) => item.trim());
    const secrets = items.map((item, index) => {
      const { bytes, problem } = readSecret(item);
      if (problem !== undefined) refuse(items.length === 1 ? problem : `number ${index + 1} ${problem}`);
      return bytes;
    });
    if (new Set(secrets.map((secret) => secret.toString('hex'))).size < secrets.length)
      refuse('holds one secret twice');
    return Object.freeze(secrets);
  },
  write: (secrets) => `*** (${secrets.length === 1 ? 'one secret' : `${secrets.length} secrets`})`,
});

/** A file and the master secrets in it. */
export interface SecretFile {
  readonly path: string;
  readonly secrets: readonly Buffer[];
  /** What the operator should hear of it. */
  readonly warning?: string | undefined;
}

/**
 * The path of a file that holds master secrets and that others than its owner and group may neither read nor change
 * (KEY-1). One that this server cannot protect, as a container's mounts often are, is read with a warning.
 */
export const secretFile: Kind<SecretFile> = kind({
  read: (path, refuse) => {
    try {
      return readSecretFile(path);
    } catch (error) {
      if (!(error instanceof SecretFileError)) throw error;
      refuse(error.message);
      return { path, secrets: [] };
    }
  },
  write: ({ path }) => path,
});

/**
 * The secret of a development server: made on the first start, then the same one for good. Mode 0600, in a folder
 * that is 0700 if it was not there.
 *
 * @throws SecretFileError when it can be neither made nor read.
 */
export function readDevelopmentSecret(path: string): SecretFile {
  try {
    if (!existsSync(path)) createOnce(path, `${generateSecret().toString('base64url')}\n`);
  } catch (error) {
    throw new SecretFileError('cannot be made', error);
  }
  return readSecretFile(path);
}

/** 256 random bits. */
export function generateSecret(): Buffer {
  return randomBytes(LEAST_BYTES);
}

/** What is wrong with a file of secrets. Its path is left out: it may be a secret in the wrong variable. */
export class SecretFileError extends Error {
  override readonly name = 'SecretFileError';

  constructor(problem: string, cause?: unknown) {
    const code = cause instanceof Error && 'code' in cause ? ` (${cause.code})` : '';
    super(`${problem}${code}`);
  }
}

function readSecretFile(path: string): SecretFile {
  const { text, protection } = inspect(path);
  const { data, error } = masterSecrets.safeParse(text.replace(/^\ufeff/, '').replace(/\r?\n$/, ''));
  if (protection.problem !== undefined) throw new SecretFileError(protection.problem);
  if (error !== undefined) throw new SecretFileError(error.issues.map(({ message }) => message).join(', '));
  return Object.freeze({ path, secrets: data, warning: protection.warning });
}

/** What is in the file, and who else can get at it: of one and the same opening. */
function inspect(path: string): { text: string; protection: Protection } {
  try {
    const file = openSync(path, 'r');
    try {
      return { text: readFileSync(file, 'utf8'), protection: protectionOf(file) };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new SecretFileError('cannot be read', error);
  }
}

interface Protection {
  readonly problem?: string;
  readonly warning?: string;
}

function protectionOf(file: number): Protection {
  const stats = statOpenFile(file);
  const [mode, uid] = [Number(stats.mode), Number(stats.uid)];
  const change = tryToChange(file, mode);
  if ((mode & OTHERS_WRITE) !== 0 && change !== 'EROFS')
    return { problem: 'can be changed by every user of this machine: its owner has to chmod 600 it' };
  if ((mode & OTHERS_READ) === 0) return {};
  if (change !== undefined || uid !== (ownUid() ?? uid))
    return {
      warning:
        'can be read by every user of this machine, and is not for this server to change: mount it with mode 0400 for the user that runs the server (Kubernetes: defaultMode, Docker: mode and uid of the secret)',
    };
  return { problem: 'can be read by every user of this machine: chmod 600 it' };
}

/** Gives the file the mode that it has: the code of the error where it belongs to somebody else or cannot be written. */
function tryToChange(file: number, mode: number): string | undefined {
  try {
    fchmodSync(file, mode & 0o7777);
    return undefined;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

function ownUid(): number | undefined {
  try {
    return userInfo().uid;
  } catch {
    // A container may run under an id that no user has.
    return undefined;
  }
}

/**
 * Whoever starts first makes the file, everybody else finds it. A hard link appears with the whole text or not at
 * all and never replaces another, so no starter reads half a secret and no two keep two.
 */
function createOnce(path: string, text: string): void {
  const folder = dirname(path);
  const draft = join(folder, `.secret-${randomBytes(8).toString('hex')}`);
  makePrivateFolder(folder);
  writeFileSync(draft, text, { flag: 'wx', mode: 0o600, flush: true });
  try {
    linkSync(draft, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    unlinkSync(draft);
  }
  // Its name is on disk before anything is sealed under it.
  const names = openSync(folder, 'r');
  fsyncSync(names);
  closeSync(names);
}

function readSecret(text: string): { bytes: Buffer; problem?: string } {
  const isHex = /^[0-9a-f]+$/i.test(text);
  // Either alphabet of RFC 4648, and not a mixture of them.
  const isBase64 = /^(?:[\w-]+|[A-Za-z0-9+/]+)={0,2}$/.test(text);
  const bytes = Buffer.from(text, isHex ? 'hex' : 'base64url');
  if (isHex ? text.length % 2 !== 0 : !isBase64) {
    return {
      bytes,
      problem: 'is neither base64url, base64 nor hex; `openssl rand -hex 32` makes a good one',
    };
  }
  if (bytes.length < LEAST_BYTES) return { bytes, problem: `is shorter than ${LEAST_BYTES} bytes` };
  if (isGuessable(text, bytes, isHex)) {
    return { bytes, problem: 'is an example or easy to guess; `openssl rand -hex 32` makes a good one' };
  }
  return { bytes };
}

function isGuessable(text: string, bytes: Buffer, isHex: boolean): boolean {
  if (EXAMPLES.test(text) || bytes.equals(PUBLISHED)) return true;
  // 43 random characters of base64url lack capitals, or small letters, once in five billion times; words do always.
  if (!isHex && !(/[a-z]/.test(text) && /[A-Z]/.test(text))) return true;
  // Steps betray what counts up, as in 000102…1f, or repeats itself.
  const steps = bytes.subarray(1).map((byte, index) => byte - (bytes[index] ?? 0));
  return new Set(bytes).size < LEAST_VARIETY || new Set(steps).size < LEAST_VARIETY;
}
