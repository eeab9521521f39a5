import type { OidcDefinition, ProviderDefinition } from './providers-file.ts';

/* Issuers of identities, and which of them a provider of the file speaks for. */

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const MICROSOFT = 'https://login.microsoftonline.com';
/** Personal accounts of Microsoft are one tenant, to which anybody belongs. */
const PERSONAL_TENANT = '9188040d-6c67-4c5b-b112-36a304b66dad';

type IssuerOptions = Pick<OidcDefinition, 'issuer' | 'preset'>;

/** The issuer that the document of an OpenID provider has to name. */
export function documentIssuerOf({ issuer, preset }: IssuerOptions): string {
  return isOfManyTenants({ issuer, preset }) ? `${MICROSOFT}/{tenantid}/v2.0` : issuer;
}

/** The issuer of the accounts of a tenant of Microsoft; none for a tenant that is no id: it could lead anywhere. */
export function tenantIssuerOf(tenant: unknown): string | undefined {
  return typeof tenant === 'string' && GUID.test(tenant) ? `${MICROSOFT}/${tenant}/v2.0` : undefined;
}

/** Whether accounts of any tenant of Microsoft log in. */
export function isOfManyTenants({ issuer, preset }: IssuerOptions): boolean {
  return preset === 'microsoft' && !GUID.test(tenantOf(issuer));
}

/** Whether one organisation decides who its accounts are. */
export function isOfOneTenant({ issuer }: Pick<OidcDefinition, 'issuer'>): boolean {
  return GUID.test(tenantOf(issuer)) && tenantOf(issuer) !== PERSONAL_TENANT;
}

/**
 * An issuer in one spelling: a host may stand in capitals, and have a slash at its end or not. A provider that begins to
 * spell its issuer in another way goes on to be the same, and its people with it.
 */
export function canonicalIssuer(issuer: string): string {
  if (!URL.canParse(issuer)) return issuer;
  const { href, pathname } = new URL(issuer);
  return pathname === '/' ? href.replace(/\/$/, '') : href;
}

/** Whether a provider, as the file has it now, can say who an identity of `issuer` is. */
export function speaksFor(provider: ProviderDefinition, issuer: string): boolean {
  if (provider.protocol === 'oauth2') return provider.userUrl === issuer;
  if (isOfManyTenants(provider)) return issuer === tenantIssuerOf(tenantOf(issuer));
  return canonicalIssuer(provider.issuer) === canonicalIssuer(issuer);
}

function tenantOf(issuer: string): string {
  return new URL(issuer).pathname.split('/', 2)[1] ?? '';
}
