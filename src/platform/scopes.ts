/** RFC 6749 §3.3: a scope-token. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/;

/** What this server's own scopes begin with. No other scope does. */
const OWN_PREFIX = 'latchkey:';

/** The scopes that open fields of this server. */
export const OWN_SCOPES = [
  'latchkey:users:read',
  'latchkey:users:write',
  'latchkey:roles:write',
  'latchkey:keys:write',
  'latchkey:audit:read',
  'latchkey:impersonate',
] as const;

export type OwnScope = (typeof OWN_SCOPES)[number];

/** At most 128 visible ASCII characters but " and \. */
export function isScope(text: string): boolean {
  return SCOPE.test(text);
}

export function isOwnScope(scope: string): boolean {
  return scope.startsWith(OWN_PREFIX);
}
