import { styleText } from 'node:util';

export interface StartBlock {
  readonly version: string;
  readonly mode: string;
  readonly readyMs: number;
  /** What to know, each with its name. */
  readonly rows: readonly (readonly [name: string, text: string])[];
  /** What to do now, a line each. */
  readonly next: readonly string[];
}

/** What a server in a terminal says once it is ready: one block of lines for people. */
export function formatStartBlock(
  { version, mode, readyMs, rows, next }: StartBlock,
  { isColored }: { isColored: boolean },
): string {
  const styled = (style: 'bold' | 'cyan', text: string) => (isColored ? styleText(style, text) : text);
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  const lines = [
    '',
    `${styled('bold', `Latchkey ${version}`)}, ${mode} mode, ready in ${Math.round(readyMs)} ms`,
    '',
    ...rows.map(([name, text]) => name.padEnd(width) + (/^https?:/.test(text) ? styled('cyan', text) : text)),
    '',
    ...next,
    '',
  ];
  return lines.map((line) => (line === '' ? '\n' : `  ${line}\n`)).join('');
}
