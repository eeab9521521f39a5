import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { sendPage } from './page.ts';
import { inventAccount, STORY } from './story.ts';

/** The files that a browser loads, by the packages that hold them, in the order in which it runs them. */
const FILES = {
  'react.js': { holder: 'react', path: 'umd/react.production.min.js', type: 'text/javascript' },
  'react-dom.js': { holder: 'react-dom', path: 'umd/react-dom.production.min.js', type: 'text/javascript' },
  'graphiql.js': { holder: 'graphiql', path: 'graphiql.min.js', type: 'text/javascript' },
  'graphiql.css': { holder: 'graphiql', path: 'graphiql.min.css', type: 'text/css' },
} as const;
type Library = keyof typeof FILES;

const DOCUMENT = `# Place the cursor in an operation, press Ctrl-Enter.
# Start with Register. This page puts the tokens of
# an answer into the header and the variables.

${Object.values(STORY).join('\n')}`;

/**
 * `/graphiql` in development: GraphiQL, whose files this server serves itself. It works without the internet, and no
 * other site is asked for anything.
 */
export function installGraphiql(app: FastifyInstance): void {
  app.get('/graphiql', (_request, reply) => {
    const { email, password } = inventAccount();
    return sendPage(reply, {
      title: 'GraphiQL',
      styles: ['graphiql.css'],
      stylesheets: ['/graphiql/graphiql.css'],
      libraries: ['/graphiql/react.js', '/graphiql/react-dom.js', '/graphiql/graphiql.js'],
      script: 'graphiql.js',
      // The stylesheet holds its fonts.
      policy: { 'font-src': 'data:' },
      data: {
        document: DOCUMENT,
        variables: {
          account: { email, password, name: 'Ada Lovelace' },
          credentials: { email, password, deviceName: 'GraphiQL' },
          refresh: { refreshToken: 'NOT_LOGGED_IN' },
        },
        headers: { Authorization: 'Bearer NOT_LOGGED_IN' },
      },
      body: `<header>
<p id="news" role="status">Run Register: its tokens are taken over by themselves.</p>
<a href="/">Start page</a>
</header>
<div id="graphiql"></div>`,
    });
  });
  for (const name of Object.keys(FILES) as Library[])
    app.get(`/graphiql/${name}`, (_request, reply) =>
      reply
        .type(`${FILES[name].type}; charset=utf-8`)
        // They change with the version of the server alone.
        .header('cache-control', 'max-age=3600')
        .send(readLibrary(name)),
    );
}

/** A build holds copies beside this file, because the packages are for development. Its sources have the packages. */
function readLibrary(name: Library): Buffer {
  const copy = new URL(`./graphiql/${name}`, import.meta.url);
  if (existsSync(copy)) return readFileSync(copy);
  const { holder, path } = FILES[name];
  const manifest = createRequire(import.meta.url).resolve(`${holder}/package.json`);
  return readFileSync(join(dirname(manifest), path));
}
