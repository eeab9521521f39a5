import ipaddr from 'ipaddr.js';
import type { Deadline } from './deadline.ts';

/** Where a request came from, for the audit trail, the list of sessions and the throttles. */
export interface Caller {
  /** The address of the peer, or the one a trusted proxy named; canonical text. */
  readonly ip: string;
  /** The User-Agent header, at most 256 characters. */
  readonly userAgent: string | undefined;
  readonly requestId: string;
  /** Of the operation that was asked for. */
  readonly deadline: Deadline;
  /** What the request came over; others of the same client may, too, and behind a proxy those of anybody. */
  readonly connection: object;
}

/** Whoever shares an uplink: the IPv4 address, or the /64 of an IPv6 one, which one subscriber owns whole. */
export function networkOf(ip: string): string {
  return prefixOf(ip, 64) ?? (ipaddr.isValid(ip) ? ipaddr.process(ip).toString() : ip);
}

/** The /48 of an IPv6 address: a site is given one, and has 65,536 networks in it. None for IPv4. */
export function siteOf(ip: string): string | undefined {
  return prefixOf(ip, 48);
}

function prefixOf(ip: string, bits: number): string | undefined {
  if (!ipaddr.isValid(ip)) return undefined;
  const address = ipaddr.process(ip);
  if (address.kind() === 'ipv4') return undefined;
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/${bits}`).toString()}/${bits}`;
}
