import { PassThrough } from 'node:stream';
import { afterEach, expect, it } from '@jest/globals';
import { Command } from 'commander';
import { readPassword } from '../../src/cli/password.ts';

const stdin = Object.getOwnPropertyDescriptor(process, 'stdin');
afterEach(() => {
  if (stdin !== undefined) Object.defineProperty(process, 'stdin', stdin);
});

/** Asks for a password on a terminal at which these lines are typed, each once the one before was read. */
async function typed(...lines: Buffer[]): Promise<string> {
  const terminal = Object.assign(new PassThrough(), { isTTY: true });
  Object.defineProperty(process, 'stdin', { value: terminal, configurable: true });
  const answers = lines.values();
  terminal.on('newListener', (event) => {
    const { value } = event === 'keypress' ? answers.next() : {};
    if (value !== undefined) setImmediate(() => terminal.write(Buffer.concat([value, Buffer.from('\r')])));
  });
  return readPassword(new Command());
}

it('the password prompt takes a password from a terminal as it was typed', async () => {
  const password = Buffer.from('correct hörse battery stäple');
  expect(await typed(password, password)).toBe('correct hörse battery stäple');
});

it('the password prompt refuses a terminal that does not speak UTF-8, where two passwords could become the same', async () => {
  const password = Buffer.from('correct hörse battery stäple', 'latin1');
  await expect(typed(password, password)).rejects.toThrow('The password is not UTF-8 text.');
});
