import { BlockList, isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/*
 * X-Forwarded-For is a list. A client may begin it with whatever it likes; each proxy then appends the address that it
 * took the request from. So it is read from its end, for as long as the entries are addresses of trusted proxies, and
 * the first other entry is the client (LOG-4). Where that is no address, nothing before it counts: a client could have
 * written it.
 */

/** Reads X-Forwarded-For as proxies of these addresses and CIDR blocks leave it. */
export function createForwardedFor(trustedNetworks: readonly string[]) {
  const trusted = new BlockList();
  for (const network of trustedNetworks) {
    const [address = '', prefix] = network.split('/');
    if (prefix === undefined) trusted.addAddress(address, familyOf(address));
    else trusted.addSubnet(address, Number(prefix), familyOf(address));
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
      for (const entry of list.split(',').reverse()) {
        // RFC 9110 §5.6.1.2: empty entries are skipped.
        if (entry.trim() === '') continue;
        client = readEntry(entry);
        if (client === undefined || !isTrusted(client)) return client;
      }
      return client;
    },
  };
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
