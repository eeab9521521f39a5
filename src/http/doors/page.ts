import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyReply } from 'fastify';
import { escapeHtml } from '../../platform/html.ts';

/*
 * Pages of development. Each is one document without a request to another host, so it works offline. Its scripts and
 * styles carry the nonce of the answer, so text that found its way into the page does not run.
 */

export interface Page {
  readonly title: string;
  /** HTML. */
  readonly body: string;
  /** Names of files in `assets`. */
  readonly styles: readonly string[];
  readonly script: string;
  /** What the script finds in the element `page-data`. */
  readonly data?: unknown;
  /** Paths on this server of scripts that run before. */
  readonly libraries?: readonly string[];
  /** Paths on this server of further styles. */
  readonly stylesheets?: readonly string[];
  /** Directives of the Content-Security-Policy that replace those of `policyOf`, or come beside them. */
  readonly policy?: Readonly<Record<string, string>>;
}

/** For pages whose scripts make elements and never HTML. */
export const OWN_CODE_ONLY = { 'require-trusted-types-for': "'script'", 'trusted-types': "'none'" };

const assets = new Map<string, string>();

/** The text of a file in `assets`, read once. */
export function readAsset(name: string): string {
  const text = assets.get(name) ?? readFileSync(new URL(`./assets/${name}`, import.meta.url), 'utf8');
  assets.set(name, text);
  return text;
}

/** Answers with a page of development. */
export function sendPage(reply: FastifyReply, page: Page): FastifyReply {
  const nonce = randomBytes(16).toString('base64');
  return reply
    .type('text/html; charset=utf-8')
    .header('content-security-policy', policyOf(nonce, page.policy))
    .send(htmlOf(page, nonce));
}

function policyOf(nonce: string, further: Page['policy']): string {
  const directives = {
    'default-src': "'none'",
    'script-src': `'nonce-${nonce}'`,
    'style-src': `'nonce-${nonce}'`,
    'img-src': 'data:',
    'connect-src': "'self'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
    ...further,
  };
  return Object.entries(directives)
    .map((directive) => directive.join(' '))
    .join('; ');
}

function htmlOf({ title, body, styles, script, data, libraries, stylesheets }: Page, nonce: string): string {
  const css = styles.map((name) => `<style nonce="${nonce}">\n${readAsset(name)}</style>`);
  const links = (stylesheets ?? []).map((path) => `<link nonce="${nonce}" rel="stylesheet" href="${path}">`);
  const scripts = (libraries ?? []).map((path) => `<script nonce="${nonce}" src="${path}"></script>`);
  // JSON in an element of HTML: a `<` could end the element.
  const json = JSON.stringify(data ?? null).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
${[...links, ...css].join('\n')}
<body>
${body}
<script nonce="${nonce}" type="application/json" id="page-data">${json}</script>
${scripts.join('\n')}
<script nonce="${nonce}" type="module">
${readAsset(script)}</script>
</body>
</html>
`;
}
