import { PassThrough } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { escapeHtml } from '../../platform/html.ts';
import { isFromThisMachine } from '../this-machine.ts';
import { sendPage } from './page.ts';

/** A mail that development does not send. */
export interface ShownLetter {
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly receivedAt: number;
}

/** Of a mail itself: no script, nothing from elsewhere but the pictures of a template, and no page around it. */
const LETTER_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const LOOK_INTERVAL_MS = 500;
/** A stream says something this often, or its socket would count as idle and be closed. */
const HEARTBEAT_LOOKS = 20;
/** Tabs that are open at a time; a browser opens six connections to a host at most. */
const MOST_STREAMS = 20;

/**
 * Shows the mail of development: `/dev/mail` as text, `/dev/mail/<id>` as a mail program would show it. It holds
 * links that log people in, so it is for a browser on this machine, and for no page that asks on its behalf. The page
 * holds all mail. Its script hears of new mail by `/dev/mail/events` and takes it from `/dev/mail/list`.
 */
export function installDevMail(app: FastifyInstance, letters: () => readonly ShownLetter[]): void {
  const streams = new Set<() => void>();
  app.addHook('preClose', async () => {
    for (const end of streams) end();
  });

  app.get('/dev/mail', (request, reply) => {
    if (!isFromThisMachine(request)) return reply.callNotFound();
    return sendPage(reply, {
      title: 'Mail',
      styles: ['page.css', 'dev-mail.css'],
      script: 'dev-mail.js',
      body: bodyOf(letters()),
    });
  });

  app.get('/dev/mail/list', (request, reply) => {
    if (!isFromThisMachine(request)) return reply.callNotFound();
    return reply.type('text/html; charset=utf-8').send(listOf(letters()));
  });

  app.get('/dev/mail/events', (request, reply) => {
    if (!isFromThisMachine(request) || streams.size >= MOST_STREAMS) return reply.callNotFound();
    return stream(request, reply);
  });

  app.get<{ Params: { id: string } }>('/dev/mail/:id', (request, reply) => {
    const letter = letters().find(({ id }) => id === request.params.id);
    if (letter === undefined || !isFromThisMachine(request)) return reply.callNotFound();
    return reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', LETTER_POLICY)
      .send(letter.html);
  });

  /** Server-sent events with the id of the newest mail: now, and when there is another one. */
  function stream({ raw }: FastifyRequest, reply: FastifyReply): FastifyReply {
    const body = new PassThrough();
    let told: string | undefined;
    let looks = 0;
    const look = () => {
      const newest = letters()[0]?.id ?? '';
      looks += 1;
      if (newest !== told) body.write(`data: ${newest}\n\n`);
      else if (looks % HEARTBEAT_LOOKS === 0) body.write(':\n\n');
      told = newest;
    };
    const timer = setInterval(look, LOOK_INTERVAL_MS);
    const end = () => {
      clearInterval(timer);
      streams.delete(end);
      body.end();
    };
    streams.add(end);
    raw.once('close', end);
    look();
    return reply.type('text/event-stream').send(body);
  }
}

function bodyOf(letters: readonly ShownLetter[]): string {
  return `<header>
<h1>Mail</h1>
<p>What this server would have sent since it started, the newest first. It sent nothing: LATCHKEY_SMTP_URL is not given.
<span id="following" class="quiet"></span> <a href="/">Start page</a></p>
<p id="news" role="status"></p>
</header>
<main>
${listOf(letters)}
</main>`;
}

function listOf(letters: readonly ShownLetter[]): string {
  return letters.map(articleOf).join('\n') || '<p class="quiet">None yet.</p>';
}

function articleOf({ id, to, subject, text, receivedAt }: ShownLetter): string {
  const time = new Date(receivedAt).toISOString();
  return `<article id="mail-${escapeHtml(id)}">
<h2>${escapeHtml(subject)}</h2>
<p>To ${escapeHtml(to)}, <time datetime="${time}">${time}</time>, <a href="/dev/mail/${encodeURIComponent(id)}">as HTML</a></p>
<pre>${withCodes(withLinks(text))}</pre>
</article>`;
}

/** The text as HTML, its addresses made links. */
function withLinks(text: string): string {
  return escapeHtml(text).replace(/https?:\/\/[^\s<]+/g, (url) => `<a href="${url}">${url}</a>`);
}

/** Digits alone on their line are a code, which is typed in elsewhere. */
function withCodes(html: string): string {
  return html.replace(/^\d{4,12}$/gm, (digits) => `<code>${digits}</code>`);
}
