/** Verifies tokens on Cloudflare's workerd, past the moments at which the keys are renewed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createTestIssuer } from '@latchkey/verify/testing';
import { build } from 'esbuild';

const [workerd] = process.argv.slice(2);
let requests = 0;
let jwks;
const keys = createServer((_, response) => {
  requests += 1;
  response.setHeader('content-type', 'application/jwk-set+json').end(JSON.stringify(jwks));
}).listen(0, '127.0.0.1');
await once(keys, 'listening');
const issuer = await createTestIssuer({ issuer: `http://127.0.0.1:${keys.address().port}` });
({ jwks } = issuer);
const token = await issuer.sign();
await build({ entryPoints: ['worker.js'], bundle: true, format: 'esm', outfile: 'worker-bundle.js' });

for (const date of ['2024-01-01', '2025-01-01', '2026-01-01']) {
  const port = await freePort();
  writeFileSync('worker.capnp', configOf(date, port));
  const child = spawn(workerd, ['serve', 'worker.capnp'], { stdio: 'inherit' });
  const ask = (travelMs) =>
    fetch(`http://127.0.0.1:${port}/?travel=${travelMs}`, { headers: { authorization: `Bearer ${token}` } });
  await until(() => ask(0));
  // The keys are renewed behind a request after five minutes, and before one after ten.
  for (const travelMs of [0, 301_000, 300_000, 7_000, 301_000, 5_001, 700_000]) {
    const response = await ask(travelMs);
    assert.deepEqual([date, travelMs, response.status], [date, travelMs, 200]);
  }
  child.kill();
  await once(child, 'exit');
}
assert.ok(requests >= 6, `${requests} requests for keys`);
keys.closeAllConnections();
keys.close();
console.log('ok');

function configOf(date, port) {
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker), (name = "internet", network = (allow = ["local"]))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker-bundle.js")],
  bindings = [(name = "ISSUER", text = "${issuer.issuer}")],
  compatibilityDate = "${date}"
);
`;
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** @throws Error after ten seconds */
async function until(work) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
