import { type LookupAddress, lookup } from 'node:dns';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Agent, fetch, type RequestInit } from 'undici';

/*
 * Requests to servers that this one was told of, and does not trust: an address in a discovery document is the word of
 * its author. A request goes over TLS to public addresses only. The address that was looked at is the one that is
 * connected to, so a name whose addresses change in between leads nowhere else. No redirect is followed, and an answer
 * has a limit of time and size.
 */

export interface PinnedFetchOptions {
  /** Origins that may be plain HTTP and at a private address, as in development. */
  readonly allowedOrigins?: ReadonlySet<string>;
  /** Of the body, decompressed. */
  readonly mostBytes?: number;
  /** For the whole answer. */
  readonly timeoutMs?: number;
  /** Finds the addresses of a name. */
  readonly resolve?: typeof lookup;
}

export interface FetchInit {
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

export interface PinnedFetch {
  /** @throws FetchRefused for what may not be asked or answered; other errors where the server cannot be reached. */
  fetch(url: string, init?: FetchInit): Promise<Response>;
  /** Ends what is under way. It may be called again. */
  close(): Promise<void>;
}

/** The request or its answer breaks a rule of this file. */
export class FetchRefused extends Error {
  override readonly name = 'FetchRefused';
}

const LONGEST_HEADERS = 16 * 1024;
/** RFC 9110 §15: answers with these have no body, and `Response` takes none. */
const WITHOUT_BODY = [204, 205, 304];

export function createPinnedFetch({
  allowedOrigins = new Set(),
  mostBytes = 256 * 1024,
  timeoutMs = 5_000,
  resolve = lookup,
}: PinnedFetchOptions = {}): PinnedFetch {
  const limits = {
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: mostBytes,
    maxHeaderSize: LONGEST_HEADERS,
    connections: 8,
    pipelining: 0,
  };
  const open = new Agent({ ...limits, connect: { timeout: timeoutMs } });
  const pinned = new Agent({
    ...limits,
    connect: {
      timeout: timeoutMs,
      // Node connects to the addresses that this gives, and asks for no others.
      lookup(hostname, options, done) {
        resolve(hostname, { ...options, all: true }, (error, found) => {
          const addresses = (found ?? []) as unknown as LookupAddress[];
          const [first] = addresses;
          if (error !== null) done(error, []);
          else if (first === undefined || !addresses.every(({ address }) => isPublic(address)))
            done(new FetchRefused('the name leads to an address that is not public'), []);
          else if (options.all) done(null, addresses);
          else done(null, first.address, first.family);
        });
      },
    },
  });

  return {
    async fetch(url, { method, headers, body, signal } = {}) {
      const target = new URL(url);
      const isAllowed = allowedOrigins.has(target.origin);
      if (!isAllowed) assertPublic(target);
      const limit = AbortSignal.timeout(timeoutMs);
      const response = await fetch(url, {
        method,
        headers,
        body,
        redirect: 'manual',
        dispatcher: isAllowed ? open : pinned,
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
      } as RequestInit);
      if (response.status >= 300 && response.status < 400) {
        await response.body?.cancel();
        throw new FetchRefused('the answer is a redirect');
      }
      const bytes = await readAll(response.body, mostBytes);
      const answer = new Response(WITHOUT_BODY.includes(response.status) ? null : bytes, {
        status: response.status,
        headers: [...response.headers],
      });
      return Object.defineProperty(answer, 'url', { value: url });
    },

    close: async () => {
      await Promise.all([open.destroy(), pinned.destroy()]);
    },
  };
}

/** Names are looked at when they are resolved; a literal address is not resolved. */
function assertPublic({ protocol, hostname }: URL): void {
  if (protocol !== 'https:') throw new FetchRefused('the address is no https URL');
  const literal = hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0 && !isPublic(literal)) throw new FetchRefused('the address is not public');
}

/** Whether an IP address is one of the internet: neither private, nor of this machine, nor kept for a purpose. */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast') return false;
  // RFC 4291 §2.4: 2000::/3 is all that is given out. The old ::a.b.c.d lies outside.
  return parsed.kind() === 'ipv4' || parsed.match(ipaddr.parseCIDR('2000::/3'));
}

/** undici's own limit counts what comes over the wire, which a compressed answer passes. */
async function readAll(
  body: AsyncIterable<Uint8Array> | null,
  mostBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    if (size > mostBytes) throw new FetchRefused(`the answer has more than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
