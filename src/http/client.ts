import type { FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';
import type { Client } from '../client.ts';
import type { Clock } from '../clock.ts';
import { deadlineIn } from '../deadline.ts';

const LONGEST_USER_AGENT = 256;
/** An operation begins nothing more after this (GQL-6). */
const OPERATION_LIMIT_MS = 10_000;
/** HTTP lets a tab and the bytes from 0x80 through; some terminals obey 0x9b as they do an escape (AUD-3). */
const CONTROL = /\p{Cc}/gu;

/** Who sent the request, as the audit trail, the list of sessions and the throttles know them. The time runs from now. */
export function clientOf(request: FastifyRequest, clock: Clock): Client {
  return {
    ip: addressOf(request),
    userAgent: request.headers['user-agent']?.replace(CONTROL, escapeControl).slice(0, LONGEST_USER_AGENT),
    requestId: request.id,
    deadline: deadlineIn(OPERATION_LIMIT_MS, clock),
    connection: request.raw.socket,
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
