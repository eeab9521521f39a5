import ipaddr from 'ipaddr.js';

/** Whether a host name or an address, an IPv6 one with or without brackets, is this machine's own. */
export function isLoopback(name: string): boolean {
  const address = name.replace(/^\[|\]$/g, '');
  return name === 'localhost' || (ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback');
}

/** Whether an absolute URL leads to this machine; text that is no URL leads nowhere. */
export function isLoopbackUrl(url: string): boolean {
  return URL.canParse(url) && isLoopback(new URL(url).hostname);
}
