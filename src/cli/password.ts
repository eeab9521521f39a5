import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Command } from 'commander';

const NOT_UTF8 = 'The password is not UTF-8 text.';

/**
 * The password for an account: asked for twice without echo, or all of standard input up to its last line break.
 * Never an argument, which everybody on the machine could read.
 */
export async function readPassword(command: Command, isOnStdin = false): Promise<string> {
  if (isOnStdin) return decode(await buffer(process.stdin));
  if (!process.stdin.isTTY)
    command.error('error: there is no terminal to ask for the password on: use --password-stdin');

  const password = await ask('Password: ');
  // What the decoder of the terminal puts in the place of bytes that are no UTF-8.
  if (password.includes('\ufffd')) throw new Error(NOT_UTF8);
  if (password !== (await ask('Again: '))) throw new Error('The two passwords differ.');
  return password;
}

/** @throws Error rather than keep a password whose unreadable bytes were silently replaced. */
function decode(bytes: Buffer): string {
  try {
    // A byte order mark, which Windows' shells put in front of what they pipe, is dropped.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
  } catch {
    throw new Error(NOT_UTF8);
  }
}

function ask(question: string): Promise<string> {
  // The terminal is in raw mode and readline echoes into nothing, so only the question is seen.
  process.stderr.write(question);
  const nothing = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nothing, terminal: true, historySize: 0 });
  return new Promise((resolve, reject) => {
    lines.once('line', (line) => {
      resolve(line);
      lines.close();
    });
    // Ctrl-C and Ctrl-D; after a line this changes nothing any more.
    lines.once('close', () => {
      process.stderr.write('\n');
      reject(new Error('Cancelled.'));
    });
  });
}
