import type { Viewer } from './access-token.ts';

/** What a viewer must have beyond a good token. */
export interface Requirements {
  /** Scopes that the token must have, all of them. */
  readonly requireScopes?: readonly string[] | undefined;
  /** Roles that the token must have, all of them. */
  readonly requireRoles?: readonly string[] | undefined;
  /** How strong the authentication must be. `aal3` is enough for `aal2`, and `aal2` for `aal1`. */
  readonly requireAcr?: string | undefined;
  /** How long ago the user may have authenticated. */
  readonly maxAuthAgeSeconds?: number | undefined;
}

export type Lack = 'INSUFFICIENT_SCOPE' | 'REAUTHENTICATION_REQUIRED';

/** RFC 6749 §3.3. Such a name needs no escape in the challenge of a refusal. */
const NAME = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** What the viewer lacks, or nothing. */
export function lackOf(
  { scope, roles, acr, authenticatedAt, claims }: Viewer,
  { requireScopes = [], requireRoles = [], requireAcr, maxAuthAgeSeconds }: Requirements,
): Lack | undefined {
  const hasAll =
    requireScopes.every((name) => scope.includes(name)) && requireRoles.every((name) => roles.includes(name));
  if (!hasAll) return 'INSUFFICIENT_SCOPE';
  const isStrong = requireAcr === undefined || (acr !== undefined && isAtLeast(acr, requireAcr));
  const isRecent =
    maxAuthAgeSeconds === undefined ||
    // The operator of an impersonation proved nothing of the user.
    (claims.act === undefined &&
      authenticatedAt !== undefined &&
      Math.floor(Date.now() / 1_000) - authenticatedAt <= maxAuthAgeSeconds);
  return isStrong && isRecent ? undefined : 'REAUTHENTICATION_REQUIRED';
}

/** NIST SP 800-63B's levels have an order. Other values are compared exactly. */
function isAtLeast(acr: string, required: string): boolean {
  const isLevel = (value: string) => /^aal[123]$/.test(value);
  return acr === required || (isLevel(acr) && isLevel(required) && acr > required);
}

export const REQUIREMENT_NAMES = [
  'requireScopes',
  'requireRoles',
  'requireAcr',
  'maxAuthAgeSeconds',
] as const;

/** @throws TypeError for requirements that cannot be right: one that is misspelled must not mean "none". */
export function assertRequirements(requirements: Requirements): void {
  assertNamed(requirements, REQUIREMENT_NAMES);
  const { requireScopes = [], requireRoles = [], requireAcr = 'aal1', maxAuthAgeSeconds = 0 } = requirements;
  const isName = (name: unknown) => typeof name === 'string' && NAME.test(name);
  if (!isListOf(requireScopes, isName) || !isName(requireAcr))
    throw new TypeError('requireScopes and requireAcr must be names without spaces, quotes and backslashes');
  if (!isListOf(requireRoles, (role) => typeof role === 'string' && role !== ''))
    throw new TypeError('requireRoles must be a list of texts');
  assertCount(maxAuthAgeSeconds, 'maxAuthAgeSeconds');
}

/** @throws TypeError where it is no object, or has a name that is not among those. */
export function assertNamed(value: unknown, names: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('The options must be an object');
  const unknown = Object.keys(value).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new TypeError(`There is no option ${unknown}`);
}

/** `every` alone passes over what a list lacks. */
function isListOf(list: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(list) && Array.from(list).every(isItem);
}

/** @throws TypeError */
export function assertCount(value: number, option: string): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${option} must be a whole number`);
}
