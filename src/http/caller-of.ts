import type { FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';
import type { Logger } from 'pino';
import type { Caller } from '../platform/caller.ts';
import type { Clock } from '../platform/clock.ts';
import { deadlineIn } from '../platform/deadline.ts';
import { createForwardedFor, isForwarded, isPrivate } from './forwarded-for.ts';

const LONGEST_USER_AGENT = 256;
/** An operation begins nothing more after this (GQL-6). */
const OPERATION_LIMIT_MS = 10_000;
/** HTTP lets a tab through, and bytes from 0x80, a character each for Node; some terminals obey 0x9b as they do an escape (AUD-3). */
const CONTROL = /\p{Cc}/gu;

const UNNAMED_PROXY =
  'Requests come through a proxy that LATCHKEY_TRUST_PROXY does not name, so the proxy counts as the client and all of its clients share one limit: `latchkey doctor` says what to do';
const UNREADABLE_LIST =
  'X-Forwarded-For of a trusted proxy cannot be read, so the proxy counts as the client and all of its clients share one limit: `latchkey doctor` says what it must be';

export interface CallerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Addresses and CIDR blocks of the proxies whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[];
}

export type CallerOf = ReturnType<typeof createCallerOf>;

/** Who sent a request, as the audit trail, the list of sessions and the throttles know them. The time runs from now. */
export function createCallerOf({ clock, logger, trustProxy }: CallerOptions) {
  const { isTrusted, clientIn } = createForwardedFor(trustProxy);
  const warned = new Set<string>();

  /** What a trusted proxy wrote, if that can be read; else the peer's own address (LOG-4). */
  function addressOf(request: FastifyRequest): string {
    const peer = request.raw.socket.remoteAddress ?? '';
    if (!isForwarded(request)) return canonicalPeer(peer);
    if (!isTrusted(peer)) {
      // Where proxies are named, anybody else on the internet may send the header, and means nothing by it.
      if (trustProxy.length === 0 || isPrivate(peer)) warnOnce(peer, UNNAMED_PROXY);
      return canonicalPeer(peer);
    }
    const caller = clientIn(String(request.headers['x-forwarded-for'] ?? ''));
    if (caller === undefined) warnOnce(peer, UNREADABLE_LIST);
    return caller ?? canonicalPeer(peer);
  }

  function warnOnce(peer: string, message: string): void {
    if (warned.has(message)) return;
    warned.add(message);
    logger.warn({ peer }, message);
  }

  return (request: FastifyRequest): Caller => ({
    ip: addressOf(request),
    userAgent: request.headers['user-agent']?.replace(CONTROL, escapeControl).slice(0, LONGEST_USER_AGENT),
    requestId: request.id,
    deadline: deadlineIn(OPERATION_LIMIT_MS, clock),
    connection: request.raw.socket,
  });
}

/** As the kernel spells it, but for an IPv4 address inside IPv6: parsing each peer anew costs 3 % of the throughput. */
function canonicalPeer(peer: string): string {
  return peer.startsWith('::ffff:') ? ipaddr.process(peer).toString() : peer;
}

function escapeControl(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
