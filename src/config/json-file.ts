import { readFileSync, statSync } from 'node:fs';
import type { Report } from '../platform/json-shape.ts';
import { kind } from './values.ts';

/** What a file of settings holds; the problem where it holds no JSON. */
type JsonFile = { readonly value: unknown; readonly text: string } | { readonly problem: string };

const UTF_8 = new TextDecoder('utf-8', { fatal: true });

/** A setting that is a file of JSON, read when the configuration is. */
export function jsonFile<Content>(
  mostBytes: number,
  readContent: (value: unknown, report: Report) => Content,
) {
  return kind<{ readonly path: string; readonly text: string; readonly content: Content }>({
    read: (path, refuse) => {
      const file = readJsonFile(path, { mostBytes });
      if ('problem' in file) {
        refuse(file.problem);
        return { path, text: '', content: readContent({}, () => {}) };
      }
      const content = readContent(file.value, (place, problem) =>
        refuse(place === '' ? `the file ${problem}` : `${place} ${problem}`),
      );
      return { path, text: file.text, content };
    },
    write: ({ path }) => path,
  });
}

/** Reads a file of JSON in UTF-8 that has at most `mostBytes`. */
function readJsonFile(path: string, { mostBytes }: { mostBytes: number }): JsonFile {
  let bytes: Buffer;
  try {
    const file = statSync(path);
    if (!file.isFile()) return { problem: 'it is no file' };
    const { size } = file;
    if (size > mostBytes)
      return { problem: `the file must have at most ${mostBytes} bytes, and has ${size}` };
    bytes = readFileSync(path);
  } catch (error) {
    return { problem: `the file cannot be read (${(error as NodeJS.ErrnoException).code})` };
  }
  let text: string;
  try {
    text = UTF_8.decode(bytes);
  } catch {
    return { problem: 'the file is no UTF-8' };
  }
  try {
    return { value: JSON.parse(text), text };
  } catch (error) {
    return { problem: `the file is no JSON${placeOf(error as SyntaxError, text)}` };
  }
}

/** Where the JSON goes wrong, without the piece of it that the message of Node.js repeats. */
function placeOf({ message }: SyntaxError, text: string): string {
  const [, position] = / in JSON at position (\d+)(?: \(line \d+ column \d+\))?$/.exec(message) ?? [];
  const isAtEnd = /^Unexpected end/.test(message);
  if (position === undefined && !isAtEnd) return '';
  const lines = text.slice(0, isAtEnd ? undefined : Number(position)).split('\n');
  return `: line ${lines.length}, column ${(lines.at(-1) ?? '').length + 1}`;
}
