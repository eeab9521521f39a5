import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Options, transformFile } from '@swc/core';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const SRC = join(ROOT, 'packages/client/src');
const OPTIONS: Options & { readonly jsc: { readonly rewriteRelativeImportExtensions: boolean } } = {
  swcrc: false,
  jsc: { target: 'es2022', parser: { syntax: 'typescript' }, rewriteRelativeImportExtensions: true },
  module: { type: 'es6' },
};

/** A web server whose one page has the client of a server as `auth`, and whose clock a test moves by `shift`. */
export async function serveClient(readUrl: () => string) {
  const scripts = new Map<string, string>();
  for (const name of readdirSync(SRC)) {
    const { code } = await transformFile(join(SRC, name), OPTIONS);
    scripts.set(`/${name.replace(/ts$/, 'js')}`, code);
  }
  for (const name of ['react', 'react-dom'])
    scripts.set(
      `/${name}.umd.js`,
      readFileSync(join(ROOT, `node_modules/${name}/umd/${name}.production.min.js`), 'utf8'),
    );
  scripts.set('/react-module.js', 'export const { useSyncExternalStore } = globalThis.React;');

  const page = () => `<!doctype html><title>An app</title>
    <script type="importmap">{ "imports": { "react": "/react-module.js" } }</script>
    <script src="/react.umd.js"></script><script src="/react-dom.umd.js"></script>
    <div id="root"></div>
    <script>
      const search = new URLSearchParams(location.search);
      if (search.has('without-locks')) delete Navigator.prototype.locks;
      if (search.has('without-channels')) delete window.BroadcastChannel;
      let shift = 0;
      const now = performance.now.bind(performance);
      performance.now = () => now() + shift;
      const storageOf = (storage) => ({
        get: () => storage.getItem('latchkey'),
        set: (text) => storage.setItem('latchkey', text),
        clear: () => storage.removeItem('latchkey'),
      });
    </script>
    <script type="module">
      import { createAuthClient } from '/client.js';
      import { useAuth } from '/react.js';
      const kind = search.get('tokens');
      const tokens = kind === 'cookie' ? kind : storageOf(window[kind]);
      window.auth = createAuthClient({ url: ${JSON.stringify(readUrl())}, tokens });
      window.useAuth = useAuth;
      window.seen = [];
      auth.subscribe(({ status, user }) => seen.push(user?.email ?? status));
    </script>`;

  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const script = scripts.get(path);
    if (path === '/elsewhere') return response.writeHead(307, { location: 'http://127.0.0.1:9/' }).end();
    if (script !== undefined) return response.setHeader('content-type', 'text/javascript').end(script);
    return response.setHeader('content-type', 'text/html').end(page());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    close: () => server.close(),
  };
}
