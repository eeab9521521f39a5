import { readdirSync, readFileSync } from 'node:fs';

/** Beside `src/` and beside `dist/`: this file is two folders below the root in both. */
const SCHEMA_FOLDER = new URL('../../schema/', import.meta.url);

/** The whole contract: every SDL file of `schema/`, in the order of their names. */
export function readTypeDefs(): string {
  return readdirSync(SCHEMA_FOLDER)
    .filter((name) => name.endsWith('.graphql'))
    .sort()
    .map((name) => readFileSync(new URL(name, SCHEMA_FOLDER), 'utf8'))
    .join('\n');
}
