import type { FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';
import type { Client } from '../client.ts';

const LONGEST_USER_AGENT = 256;
/** HTTP lets a tab and the bytes from 0x80 through; some terminals obey 0x9b as they do an escape (AUD-3). */
const CONTROL = /\p{Cc}/gu;

/** Who sent the request, as the audit trail, the list of sessions and the throttles know them. */
export function clientOf(request: FastifyRequest): Client {
  return {
    ip: addressOf(request),
    userAgent: request.headers['user-agent']?.replace(CONTROL, escapeControl).slice(0, LONGEST_USER_AGENT),
    requestId: request.id,
  };
}

/**
 * The Authorization header. Several of them are joined as RFC 9110 §5.2 has it, which no scheme's syntax allows:
 * Node would keep the first one silently (AT-7).
 */
export function authorizationOf({ headers, raw }: FastifyRequest): string | undefined {
  if (headers.authorization === undefined) return undefined;
  let count = 0;
  for (let i = 0; i < raw.rawHeaders.length; i += 2) {
    const name = raw.rawHeaders[i];
    if (name?.length === 13 && name.toLowerCase() === 'authorization') count += 1;
  }
  return count > 1 ? raw.headersDistinct.authorization?.join(', ') : headers.authorization;
}

/**
 * What a trusted proxy wrote, if that is an address; else the peer's own (LOG-4). One spelling per address: an
 * IPv4 address inside IPv6 is the IPv4 address.
 */
function addressOf({ ip, raw }: FastifyRequest): string {
  const peer = raw.socket.remoteAddress ?? '';
  // As the kernel spells it: parsing each peer anew costs 3 % of the throughput.
  if (ip === peer && !peer.startsWith('::ffff:')) return peer;
  const address = ipaddr.isValid(ip) ? ip : peer;
  return ipaddr.isValid(address) ? ipaddr.process(address).toString() : address;
}

function escapeControl(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
