import { BlockList, isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';
import { readNetwork } from '../platform/network.ts';

/*
 * X-Forwarded-For is a list. A client may begin it with whatever it likes; each proxy then appends the address that it
 * took the request from. So it is read from its end, for as long as the entries are addresses of trusted proxies, and
 * the first other entry is the client (LOG-4). Where that is no address, nothing before it counts: a client could have
 * written it.
 */

/** How proxies name the client. The first is read; the others say that there is a proxy. */
const FORWARDING_HEADERS = ['x-forwarded-for', 'forwarded', 'x-real-ip'] as const;

/** Whether a request says that it comes through a proxy, which anybody can say. */
export function isForwarded({ headers }: FastifyRequest): boolean {
  return FORWARDING_HEADERS.some((name) => headers[name] !== undefined);
}
/** More proxies are in nobody's way; an entry costs some microseconds. */
const MOST_PROXIES = 50;

/** Reads X-Forwarded-For as proxies of these addresses and CIDR blocks leave it. */
export function createForwardedFor(trustedNetworks: readonly string[]) {
  const trusted = new BlockList();
  for (const text of trustedNetworks) {
    const network = readNetwork(text);
    if (network === undefined) throw new Error('A trusted network is neither an address nor a CIDR block.');
    const { address, family, prefix } = network;
    if (prefix === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, prefix, family);
  }

  function isTrusted(address: string): boolean {
    const bare = withoutZone(address);
    return isIP(bare) !== 0 && trusted.check(bare, familyOf(bare));
  }

  return {
    isTrusted,

    /** The client that the list of a trusted proxy names, if its entry can be read. */
    clientIn(list: string): string | undefined {
      let client: string | undefined;
      // RFC 9110 §5.6.1.2: empty entries are skipped.
      const entries = list.split(',').filter((entry) => entry.trim() !== '');
      for (const entry of entries.slice(-MOST_PROXIES).reverse()) {
        client = readEntry(entry);
        if (client === undefined || !isTrusted(client)) return client;
      }
      return client;
    },
  };
}

/** Whether an address is of a network that the internet does not lead to, where the operator's proxies are. */
export function isPrivate(address: string): boolean {
  const bare = withoutZone(address);
  return isIP(bare) !== 0 && ipaddr.process(bare).range() !== 'unicast';
}

/** The address in an entry, in its canonical text. Proxies add ports, and brackets, quotes and zones to IPv6 ones. */
export function readEntry(entry: string): string | undefined {
  const node = entry.trim().replace(/^"(.*)"$/, '$1');
  const [, bracketed, bare = ''] = /^(?:\[(.*)\]|(.*?))(?::\d{1,5})?$/.exec(node) ?? [];
  return canonicalAddress(node) ?? canonicalAddress(bracketed ?? bare);
}

/** One spelling per address: an IPv4 address inside IPv6 is the IPv4 address. A zone means something to its host alone. */
function canonicalAddress(text: string): string | undefined {
  const address = withoutZone(text);
  // Stricter than ipaddr.js, for which `1` and `0x7f.1` are addresses, too.
  return isIP(address) === 0 ? undefined : ipaddr.process(address).toString();
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/, '');
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}
