/** Verifies tokens with a key set that a server on this machine answers with: on Node.js, on Bun and on Deno. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { collectVerdicts, EXPECTED } from './verdicts.js';

let requests = 0;
let keySet = '';
const server = createServer((_, response) => {
  requests += 1;
  response.setHeader('content-type', 'application/jwk-set+json').end(keySet);
}).listen(0, '127.0.0.1');
await once(server, 'listening');

const verdicts = await collectVerdicts(async (jwks) => {
  keySet = JSON.stringify(jwks);
  return { jwksUri: `http://127.0.0.1:${server.address().port}/.well-known/jwks.json` };
});
server.closeAllConnections();
server.close();
assert.deepEqual(verdicts, EXPECTED);
// One for the first token, and one for the key of the stranger.
assert.equal(requests, 2);
console.log('ok');
