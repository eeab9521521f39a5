/** `npm run bench`: the ratios; `npm run bench -- storm` and so on: one suite by name. */
import { adminSearch } from './admin-search.ts';
import { imports } from './imports.ts';
import { ratios } from './ratios.ts';
import { refusals } from './refusals.ts';
import { scale } from './scale.ts';
import { storm } from './storm.ts';
import { verifier } from './verifier.ts';

const suites: Record<string, () => Promise<void>> = {
  'admin-search': () => adminSearch(process.argv.slice(3)),
  imports: () => imports(process.argv.slice(3)),
  ratios,
  refusals,
  scale: () => scale(process.argv.slice(3)),
  storm,
  verifier,
};

const name = process.argv[2] ?? 'ratios';
const suite = suites[name];
if (suite === undefined) {
  console.error(`No such suite: ${name}; there are ${Object.keys(suites).join(', ')}`);
  process.exit(2);
}
await suite();
