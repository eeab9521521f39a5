import { resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config/config.ts';
import { maskDatabaseUrl, readDatabaseUrl } from '../../platform/database-url.ts';
import { escapeHtml } from '../../platform/html.ts';
import { isFromThisMachine } from '../this-machine.ts';
import { OWN_CODE_ONLY, readAsset, sendPage } from './page.ts';
import { inventAccount, STORY } from './story.ts';

export type StartPageConfig = Pick<
  Config,
  'issuer' | 'audience' | 'databaseUrl' | 'smtp' | 'registration' | 'tokenEndpoint' | 'pages'
>;

const REPOSITORY = 'https://github.com/latchkey-auth/latchkey';
/** Pages of the repository, by what a reader looks for. */
const DOCS = {
  'blob/main/docs/quickstart.md': 'Quickstart: an account, a login and an API that checks its tokens',
  'blob/main/docs/concepts.md': 'Concepts: which token is for what, and where to keep it',
  'tree/main/docs/clients': 'Clients: sign in from a page or an app',
  'tree/main/docs/verify': 'Protect an API: check an access token',
  'blob/main/docs/reference/configuration.md': 'Every setting',
  'blob/main/docs/troubleshooting.md': 'Troubleshooting',
} as const;

/** What each part of an access token says (RFC 7519, RFC 9068, RFC 8176). */
const CLAIMS = {
  typ: 'The type of the token, in its header',
  alg: 'How it is signed, in its header',
  kid: 'The key of the key set that checks the signature, in its header',
  iss: 'Who issued it',
  sub: 'The id of the account',
  aud: 'The services that it is for',
  exp: 'When it expires',
  iat: 'When it was issued',
  jti: 'The id of this token',
  sid: 'The id of the session',
  client_id: 'The client software',
  auth_time: 'When the owner of the account last proved who they are',
  amr: 'How they did that',
  acr: 'How sure that is',
  scope: 'What it allows, beyond the own account',
  roles: 'Those roles of the account that allow no more',
} as const;

const REGISTRATION = {
  open: 'Open: an account works at once.',
  verify: 'By mail: an account works once the link in its mail was followed.',
  closed: 'Closed: accounts are made by <code>latchkey users create</code>.',
} as const;

const docs = Object.entries(DOCS)
  .map(([path, text]) => `<li><a href="${REPOSITORY}/${path}">${text}</a></li>`)
  .join('\n');

/**
 * `/` in development: where everything is, and a first login by hand. It names files of this machine, so it is for a
 * browser on this machine alone.
 */
export function installStartPage(app: FastifyInstance, config: StartPageConfig): void {
  app.get('/', (request, reply) => {
    if (!isFromThisMachine(request)) return reply.callNotFound();
    const facts = factsOf(config, `http://${request.headers.host}`);
    return sendPage(reply, {
      title: 'Latchkey in development',
      styles: ['page.css', 'start-page.css'],
      script: 'start-page.js',
      data: { documents: STORY, account: inventAccount(), claims: CLAIMS },
      policy: OWN_CODE_ONLY,
      body: readAsset('start-page.html')
        .replace('{{facts}}', () =>
          facts.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join('\n'),
        )
        .replace('{{docs}}', () => docs),
    });
  });
}

/** Names and values, as HTML. */
function factsOf(config: StartPageConfig, origin: string): (readonly [string, string])[] {
  const link = (path: string) => `<a href="${path}">${escapeHtml(origin + path)}</a>`;
  const code = (text: string) => `<code>${escapeHtml(text)}</code>`;
  return [
    [
      'GraphQL endpoint',
      `${link('/graphql')}<br>A browser opens Apollo's Sandbox there, which needs the internet.`,
    ],
    ['GraphiQL', `${link('/graphiql')}<br>This server serves it, so it works offline.`],
    ...(config.pages
      ? ([['Account pages', `${link('/account')}<br>Sign in and up, and every link of every mail.`]] as const)
      : []),
    [
      'Mail',
      config.smtp === undefined
        ? `${link('/dev/mail')}<br>No mail server is configured: mail is shown there.`
        : `sent by ${code(`${config.smtp.host}:${config.smtp.port}`)}`,
    ],
    ['Key set (JWKS)', link('/.well-known/jwks.json')],
    ['Health', `${link('/readyz')}<br>${link('/livez')}`],
    ...(config.tokenEndpoint
      ? ([
          ['REST door', `${code(`POST ${origin}/token`)}<br>${code(`POST ${origin}/token/refresh`)}`],
        ] as const)
      : []),
    [
      'Issuer',
      `${code(config.issuer)}<br>The <code>iss</code> of access tokens. Their <code>aud</code> is ${code(config.audience)}.`,
    ],
    ['Database', code(describeDatabase(config.databaseUrl))],
    ['Registration', REGISTRATION[config.registration]],
  ];
}

function describeDatabase(databaseUrl: string): string {
  const url = readDatabaseUrl(databaseUrl);
  if (url.engine === 'postgres') return maskDatabaseUrl(databaseUrl);
  return url.path === undefined ? 'SQLite in memory, until the server stops' : resolve(url.path);
}
