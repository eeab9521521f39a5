import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';

/** How this command is started from any folder: a `latchkey` that npx finds elsewhere may be another program. */
export const ENTRY = `node ${fileURLToPath(new URL('./latchkey.cjs', import.meta.url))}`;

/** Examples at the end of the help of a command. */
export function withExamples(command: Command, ...examples: readonly string[]): Command {
  const title = examples.length === 1 ? 'Example' : 'Examples';
  return command.addHelpText('after', `\n${title}:\n${examples.map((line) => `  $ ${line}`).join('\n')}`);
}
