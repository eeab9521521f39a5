import { type Caller, networkOf, siteOf } from '../../platform/caller.ts';

/** An IPv6 site has so many times the limits of a network: the /48 may be one attacker's, or many subscribers'. */
const SITE = 16;

/** Where attempts come from, and how many there may be. */
export interface Source {
  readonly name: string;
  readonly most: number;
}

/** The network of a client, and the site around it. */
export function networksOf({ ip }: Caller, most: number): Source[] {
  const site = siteOf(ip);
  return [{ name: networkOf(ip), most }, ...(site === undefined ? [] : [{ name: site, most: SITE * most }])];
}
