import { isIP } from 'node:net';

/** A block of IP addresses, or a single one. */
export interface Network {
  readonly address: string;
  readonly family: 'ipv4' | 'ipv6';
  /** `undefined` for a single address. */
  readonly prefix: number | undefined;
}

/** An IP address or a CIDR block. `undefined` for other text, and for a block of every address there is. */
export function readNetwork(text: string): Network | undefined {
  const [address = '', prefix, ...rest] = text.split('/');
  const version = address.includes('%') ? 0 : isIP(address);
  if (version === 0 || rest.length > 0) return undefined;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (prefix === undefined) return { address, family, prefix: undefined };
  const isInRange = /^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128);
  return isInRange ? { address, family, prefix: Number(prefix) } : undefined;
}
