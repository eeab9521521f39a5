import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { escapeHtml } from '../../platform/html.ts';
import { isLoopback } from '../../platform/loopback.ts';
import { isForwarded } from '../forwarded-for.ts';

/** A mail that development does not send. */
export interface ShownLetter {
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly receivedAt: number;
}

/** No script, nothing from elsewhere but the pictures of a template, and no page that has this one in a frame. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * Shows the mail of development: `/dev/mail` as text, `/dev/mail/<id>` as a mail program would show it. It holds
 * links that log people in, so it is for a browser on this machine, and for no page that asks on its behalf.
 */
export function installDevMail(app: FastifyInstance, letters: () => readonly ShownLetter[]): void {
  app.get('/dev/mail', (request, reply) => show(request, reply, () => pageOf(letters())));
  app.get<{ Params: { id: string } }>('/dev/mail/:id', (request, reply) =>
    show(request, reply, () => letters().find(({ id }) => id === request.params.id)?.html),
  );

  function show(request: FastifyRequest, reply: FastifyReply, page: () => string | undefined) {
    const html = isFromThisMachine(request) ? page() : undefined;
    if (html === undefined) return reply.callNotFound();
    return reply.type('text/html; charset=utf-8').header('content-security-policy', POLICY).send(html);
  }
}

/**
 * Whether somebody sits at this machine. A name that leads here is not enough, or any website could have one and
 * read the page (DNS rebinding); a page of an allowed origin sends `Origin`, a proxy tells whom it speaks for.
 */
function isFromThisMachine(request: FastifyRequest): boolean {
  const { headers, raw } = request;
  if (headers.origin !== undefined || isForwarded(request)) return false;
  const host = `http://${headers.host}`;
  return (
    URL.canParse(host) && isLoopback(new URL(host).hostname) && isLoopback(raw.socket.remoteAddress ?? '')
  );
}

function pageOf(letters: readonly ShownLetter[]): string {
  const articles = letters.map(
    ({ id, to, subject, text, receivedAt }) => `<article>
<h2>${escapeHtml(subject)}</h2>
<p>To ${escapeHtml(to)}, ${new Date(receivedAt).toISOString()}, <a href="/dev/mail/${encodeURIComponent(id)}">as HTML</a></p>
<pre style="white-space: pre-wrap">${withLinks(text)}</pre>
</article>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Mail</title>
<body style="max-width: 720px; margin: 24px auto; font: 16px/1.5 sans-serif">
<h1>Mail</h1>
<p>What this server would have sent since it started, the newest first. Nothing was: LATCHKEY_SMTP_URL is not given.</p>
${articles.join('\n') || '<p>None yet.</p>'}
</body>
</html>
`;
}

/** The text as HTML, its addresses made links. */
function withLinks(text: string): string {
  return escapeHtml(text).replace(/https?:\/\/[^\s<]+/g, (url) => `<a href="${url}">${url}</a>`);
}
