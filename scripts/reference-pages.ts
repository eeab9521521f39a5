import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { TABLES } from './reference-tables.ts';

const LANGUAGES: Readonly<Record<string, string>> = { '.ts': 'ts', '.json': 'json', '.ndjson': 'json' };

/** The pages that are written by hand and filled in by the code, as paths from the root of the project. */
export function listPages(): string[] {
  return readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !/node_modules|\.vitepress/.test(name))
    .map((name) => join('docs', name))
    .sort();
}

/**
 * The page with its filled-in parts written anew:
 *
 *   `<!-- generated: name -->`   a table of the code, closed by `<!-- /generated -->`;
 *   `<!-- file: path -->`        a whole file, closed by `<!-- /file -->`;
 *   `<!-- part: path name -->`   one function of a file, closed by `<!-- /part -->`.
 *
 * @throws Error when the page lacks a table or has one that the code does not know.
 */
export function renderPage(path: string, text: string): string {
  const tables = TABLES[path] ?? {};
  const missing = new Set(Object.keys(tables));
  const filled = text
    .replace(/<!-- generated: (\w+) -->\n.*?<!-- \/generated -->/gs, (_, name: string) => {
      const table = tables[name];
      if (table === undefined || !missing.delete(name)) throw new Error(`${path}: unknown or double ${name}`);
      return `<!-- generated: ${name} -->\n\n${table()}\n\n<!-- /generated -->`;
    })
    .replace(/<!-- file: (\S+) -->\n.*?<!-- \/file -->/gs, (_, file: string) => {
      const block = fence(file, readFileSync(file, 'utf8'));
      return `<!-- file: ${file} -->\n\n${block}\n\n<!-- /file -->`;
    })
    .replace(/<!-- part: (\S+) (\w+) -->\n.*?<!-- \/part -->/gs, (_, file: string, name: string) => {
      const block = fence(file, functionOf(readFileSync(file, 'utf8'), name));
      return `<!-- part: ${file} ${name} -->\n\n${block}\n\n<!-- /part -->`;
    });
  if (missing.size > 0) throw new Error(`${path}: ${[...missing].join(', ')} is missing`);
  return filled;
}

function fence(file: string, text: string): string {
  return `\`\`\`${LANGUAGES[extname(file)]}\n${text}\`\`\``;
}

/** A function at the top level, with its comment. */
function functionOf(text: string, name: string): string {
  const found = new RegExp(
    `(?:^/\\*\\*[^\n]*\n)?^(?:export )?(?:async )?function ${name}\\b.*?^}\n`,
    'ms',
  ).exec(text);
  if (found === null) throw new Error(`There is no function ${name}`);
  return found[0];
}
