import { readFileSync } from 'node:fs';

/** As in package.json, which is two folders above this file in the source and in the build. */
export const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string };
