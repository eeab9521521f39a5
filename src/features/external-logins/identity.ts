import {
  canonicalIssuer,
  isOfManyTenants,
  isOfOneTenant,
  tenantIssuerOf,
} from '../../core/external-logins/issuers.ts';
import type {
  OidcDefinition,
  OidcPreset,
  ProviderDefinition,
} from '../../core/external-logins/providers-file.ts';
import type { Answer } from '../../core/external-logins/start-store.ts';
import { canonicalEmail } from '../../core/users/service.ts';
import { parseEmailAddress } from '../../platform/email-address.ts';
import { parseLabel } from '../../platform/label.ts';

/*
 * Who somebody is at a provider, by what it says of them. A library has checked the signature, the audience and the nonce
 * before. Here is what it leaves open, the times among it, and what an address is worth.
 */

/** A provider that answers what it must not, or nothing. `message` is for the log, and holds nothing that came in. */
export class ProviderFault extends Error {
  override readonly name = 'ProviderFault';
}

export type Claims = Readonly<Record<string, unknown>>;

/** OpenID Connect Core §2: at most 255 ASCII characters. */
const SUBJECT = /^[\x20-\x7e]{1,255}$/;
/** Clocks of others. */
const TOLERANCE_SECONDS = 60;
/** An ID token is made at the end of a login, and used at once. */
const LONGEST_AGE_SECONDS = 10 * 60;
const LONGEST_LIFE_SECONDS = 24 * 60 * 60;

/**
 * Who an ID token is about.
 *
 * @param claims.documentIssuer as the discovery document spells it.
 * @throws ProviderFault when a claim is not what it has to be.
 */
export function identityOf(
  provider: OidcDefinition,
  claims: Claims,
  { documentIssuer, now }: { documentIssuer: string; now: number },
): Answer {
  // Microsoft puts the tenant into the issuer.
  const issuer = isOfManyTenants(provider) ? tenantIssuerOf(claims.tid) : documentIssuer;
  if (issuer === undefined) throw new ProviderFault('tid is no tenant');
  if (claims.iss !== issuer) throw new ProviderFault('iss is that of another issuer');
  assertAudience(claims, provider.clientId);
  assertTimes(claims, Math.floor(now / 1_000));
  return {
    issuer: canonicalIssuer(issuer),
    subject: subjectOf(claims.sub),
    ...addressOf(provider, claims),
    name: nameOf(claims.name),
  };
}

/** @throws ProviderFault when it is no text of 1 to 255 ASCII characters. */
export function subjectOf(value: unknown): string {
  if (typeof value !== 'string' || !SUBJECT.test(value)) throw new ProviderFault('the subject is no subject');
  return value;
}

/** The address that a provider gave, if it is one, and whether the provider proves it. */
export function addressOf(
  provider: ProviderDefinition,
  claims: Claims,
): Pick<Answer, 'email' | 'emailIsProven'> {
  const email = parseEmailAddress(claims.email) ?? null;
  return { email, emailIsProven: email !== null && isAuthoritative(provider, claims, email) };
}

/** A name of its own making; none where it would not do as one. */
export function nameOf(value: unknown): string | null {
  try {
    return typeof value === 'string' ? parseLabel(value, 'name') : null;
  } catch {
    return null;
  }
}

/**
 * Whether a provider decides who has an address, and says that this person does: only then it proves the address, as its
 * mailbox would. Nothing but the boolean `true` counts. In JavaScript the text "false" is true.
 */
function isAuthoritative(provider: ProviderDefinition, claims: Claims, email: string): boolean {
  const canonical = canonicalEmail(email);
  const domain = canonical.slice(canonical.lastIndexOf('@') + 1);
  const isVerified = claims.email_verified === true;
  if (isVerified && provider.authoritativeFor.includes(domain)) return true;
  const preset: OidcPreset | undefined = provider.protocol === 'oidc' ? provider.preset : undefined;
  if (preset === 'google')
    // `hd` names the domain whose administrator made the account (Google, OpenID Connect: ID token's payload).
    return isVerified && (domain === 'gmail.com' || claims.hd === domain);
  if (preset === 'microsoft' && provider.protocol === 'oidc')
    // `xms_edov`: the tenant has proven that the domain of the address is its own.
    return isOfOneTenant(provider) && claims.xms_edov === true;
  return false;
}

/** OpenID Connect Core §3.1.3.7, steps 3 to 5; stricter, because `azp` must be this client wherever it is there. */
function assertAudience({ aud, azp }: Claims, clientId: string): void {
  const audiences = Array.isArray(aud) ? aud : [aud];
  if (!audiences.includes(clientId)) throw new ProviderFault('aud is another client');
  if (azp === undefined ? audiences.length > 1 : azp !== clientId)
    throw new ProviderFault('azp is another client');
}

/** RFC 7519 §4.1.4 to §4.1.6. Nothing else compares these times. */
function assertTimes({ iat, nbf, exp }: Claims, now: number): void {
  const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
  if (!isTime(iat) || iat > now + TOLERANCE_SECONDS || iat < now - LONGEST_AGE_SECONDS)
    throw new ProviderFault('iat is out of reason');
  if (!isTime(exp) || exp <= now - TOLERANCE_SECONDS || exp > now + LONGEST_LIFE_SECONDS)
    throw new ProviderFault('exp is out of reason');
  if (nbf !== undefined && (!isTime(nbf) || nbf > now + TOLERANCE_SECONDS))
    throw new ProviderFault('nbf is out of reason');
}
