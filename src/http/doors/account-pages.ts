import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../../config/config.ts';
import { escapeHtml } from '../../platform/html.ts';
import { issuerPath, routesOf } from '../issuer-path.ts';

export interface AccountPagesOptions {
  readonly config: Pick<
    Config,
    | 'issuer'
    | 'registration'
    | 'magicLinks'
    | 'mfa'
    | 'factorResetSeconds'
    | 'webauthnRpId'
    | 'webauthnOrigins'
    | 'passwordMinLength'
    | 'redirectOrigins'
    | 'providers'
    | 'appName'
    | 'appLogo'
    | 'appStyles'
  >;
  readonly sendsMail: boolean;
}

interface StaticFile {
  /** Its media type. */
  readonly type: string;
  readonly content: Buffer;
  /** `Cache-Control` */
  readonly caching: string;
}

/** The pages that there are. One page of the browser shows each of them, by its address. */
const NAMES = [
  '',
  'sign-in',
  'sign-up',
  'email-code',
  'magic-link',
  'forgot-password',
  'reset-password',
  'verify-email',
  'first-administrator',
  'confirm-email',
  'undo-email-change',
  'profile',
  'email',
  'password',
  'second-factor',
  'external-logins',
  'sessions',
  'remove',
];

/** Nothing but the files of these pages, and the API of this server. Scripts make elements and never HTML. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};
/** The names of these files change with what is in them. */
const FOREVER = 'public, max-age=31536000, immutable';
const FIVE_MINUTES = 'public, max-age=300';

/**
 * `/account`: sign in and up, the links of mail, profile, password and sessions. Static files that use the public API of
 * this server as every client does.
 *
 * Without them where nobody built them: a developer may have run nothing but the sources.
 */
export function installAccountPages(
  app: FastifyInstance,
  logger: Logger,
  options: AccountPagesOptions,
): void {
  const { config } = options;
  const folder = builtFolder();
  if (folder === undefined) {
    logger.warn(
      'the pages of accounts are not built, so nothing is at /account: `npm run build` builds them',
    );
    return;
  }
  const html = pageOf(readFileSync(join(folder, 'index.html'), 'utf8'), options);
  const files = filesOf(folder, config);

  /** Addresses in the page are relative, so the folder ends in a slash and a page does not. */
  function sendPage({ url }: FastifyRequest, reply: FastifyReply, name: string): FastifyReply {
    const [, slash, search = ''] = /^[^?]*?(\/?)(\?.*)?$/.exec(url) ?? [];
    if (name === '' && slash === '') return reply.redirect(`account/${search}`, 308);
    if (name !== '' && slash !== '') return reply.redirect(`../${name}${search}`, 308);
    return sendHtml(reply);
  }

  function sendHtml(reply: FastifyReply): FastifyReply {
    return reply.type('text/html; charset=utf-8').header('content-security-policy', POLICY).send(html);
  }

  // A proxy may pass the path of the issuer on, or take it away.
  const path = issuerPath(config.issuer);
  for (const base of routesOf('/account', `${path}/account`)) {
    for (const name of NAMES) app.get(`${base}/${name}`, (request, reply) => sendPage(request, reply, name));
    app.get(`${base}/:name`, (_request, reply) => sendHtml(reply.code(404)));
    for (const [name, { type, content, caching }] of files)
      app.get(`${base}/${name}`, (_request, reply) =>
        reply.type(type).header('cache-control', caching).send(content),
      );
  }
}

/** What the pages load, by its address below theirs. Read once, so that a build beside a running server changes nothing. */
function filesOf(
  folder: string,
  { appLogo, appStyles }: AccountPagesOptions['config'],
): Map<string, StaticFile> {
  const files = new Map<string, StaticFile>();
  for (const name of readdirSync(join(folder, 'assets'))) {
    const type = TYPES[extname(name)] ?? 'application/octet-stream';
    const content = readFileSync(join(folder, 'assets', name));
    files.set(`assets/${name}`, { type, content, caching: FOREVER });
  }
  if (appLogo !== undefined) files.set('logo', { ...appLogo, caching: FIVE_MINUTES });
  if (appStyles !== undefined) files.set('styles.css', { ...appStyles, caching: FIVE_MINUTES });
  return files;
}

function pageOf(html: string, { config, sendsMail }: AccountPagesOptions): string {
  const { appName, appLogo, appStyles, ...others } = config;
  const { registration, magicLinks, mfa, factorResetSeconds, passwordMinLength, redirectOrigins } = others;
  const { issuer, webauthnRpId, webauthnOrigins, providers } = others;
  const settings = {
    name: appName,
    logo: appLogo !== undefined,
    registration,
    magicLinks,
    mail: sendsMail,
    mfa,
    // Its owner is told by mail, or it does not happen.
    factorResetSeconds: sendsMail ? factorResetSeconds : 0,
    // As `externalProviders` has them, without a request: nothing moves while the page appears.
    providers: providers.map(({ name, displayName }) => ({ name, displayName })),
    // The operator may have them for the origins of apps alone.
    passkeys: webauthnRpId !== undefined && webauthnOrigins.includes(new URL(issuer).origin),
    passwordMinLength,
    redirectOrigins,
  };
  const styles = appStyles === undefined ? '' : '<link rel="stylesheet" href="./styles.css">\n  ';
  return html
    .replace('{{name}}', () => escapeHtml(appName))
    .replace('{{settings}}', () => escapeHtml(JSON.stringify(settings)))
    .replace('</head>', () => `${styles}</head>`);
}

/** A build holds the pages beside this file. Whoever runs the sources has them in the last build. */
function builtFolder(): string | undefined {
  return ['./account', '../../../dist/http/doors/account']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((folder) => existsSync(join(folder, 'index.html')));
}
