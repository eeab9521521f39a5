import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import setUpPostgres from './postgres-setup.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What a run of Jest needs once. A file of plain JavaScript, as Jest does not compile what it runs here. */
export default async function setUp() {
  // As `npm run build` leaves them. A run in a fresh clone has none.
  if (!existsSync(`${ROOT}/dist/http/doors/account/index.html`))
    execFileSync('npm', ['run', '--silent', 'build:web'], { cwd: ROOT, stdio: 'inherit' });
  await setUpPostgres();
}
