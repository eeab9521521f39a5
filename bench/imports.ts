/** How many accounts a second `latchkey users import` creates: the built command, in a process of its own. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../dist/cli/latchkey.cjs', import.meta.url));
const FEW = 500;

/** @param args how many accounts, and the database that they go to, a fresh SQLite file if none is given. */
export async function imports([count = '100000', databaseUrl]: readonly string[]): Promise<void> {
  const secret = randomBytes(32).toString('hex');
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-'));
  try {
    for (const kind of ['ndjson', 'csv']) {
      // The first run also makes the database; what it takes besides is what every command takes to start.
      const startMs = await runImport(`few-${kind}`, kind, FEW);
      const ms = await runImport(`many-${kind}`, kind, Number(count));
      const rate = Math.round((Number(count) / ms) * 1_000);
      const net = Math.round(((Number(count) - FEW) / (ms - startMs)) * 1_000);
      console.log(
        `${kind}: ${count} accounts in ${(ms / 1_000).toFixed(1)} s: ${rate} a second, ${net} without the start`,
      );
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }

  async function runImport(name: string, kind: string, rows: number): Promise<number> {
    const path = join(folder, `${name}.${kind}`);
    await pipeline(Readable.from(linesOf(name, kind, rows)), createWriteStream(path));
    const env = {
      PATH: process.env.PATH,
      NODE_ENV: 'test',
      DATABASE_URL: databaseUrl ?? `file:${join(folder, 'latchkey.db')}`,
      LATCHKEY_SECRET: secret,
    };
    const started = performance.now();
    const { status, stderr } = spawnSync(process.execPath, [CLI, 'users', 'import', path], { env });
    if (status !== 0) throw new Error(`It ended with ${status}: ${stderr}`);
    return performance.now() - started;
  }
}

function* linesOf(name: string, kind: string, rows: number): Generator<string> {
  const passwordHash =
    'pbkdf2_sha256$1000000$HsaaWncEvLNerAgppkXZMf$54Sb4Up4ZiIkfMmxEsksblFzSTHj+/My1doVz1E5RC0=';
  if (kind === 'csv') yield 'email,name,createdAt,emailVerified,passwordHash\n';
  for (let row = 0; row < rows; row += 1) {
    const user = {
      email: `user${row}@${name}.example`,
      name: `User number ${row}`,
      createdAt: '2024-02-29T12:00:00Z',
      emailVerified: true,
      passwordHash,
    };
    yield kind === 'csv' ? `${Object.values(user).join(',')}\n` : `${JSON.stringify(user)}\n`;
  }
}
