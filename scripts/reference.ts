/**
 * Writes into the pages of `docs/` what the code says: the tables of `docs/reference/`, and the files of `examples/`
 * that a page shows. With `--check` the script writes nothing, and fails where a page is another one.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { listPages, renderPage } from './reference-pages.ts';

for (const path of listPages()) {
  const text = readFileSync(path, 'utf8');
  const wanted = renderPage(path, text);
  if (wanted === text) continue;
  if (process.argv.includes('--check')) {
    console.error(`${path} is not what the code says: npm run docs:reference`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, wanted);
    console.log(`${path} is written.`);
  }
}
