import type { Report } from '../../platform/json-shape.ts';

/*
 * A template of claims is a JSON object whose texts may hold placeholders. A text that is one placeholder alone becomes
 * the value itself, of its own type: a list of roles stays a list.
 */

const PLACEHOLDERS = [
  ...(['user.id', 'user.email', 'user.emailVerified', 'user.name'] as const),
  ...(['token.roles', 'token.scope', 'session.id'] as const),
];

/** What can stand between the braces. */
export type Placeholder = (typeof PLACEHOLDERS)[number] | `user.metadata.${string}`;

/** A value of the template, read: what stays as it is, what is filled in, and what holds more of these. */
export type TemplateValue =
  | { readonly kind: 'constant'; readonly value: unknown }
  | { readonly kind: 'text'; readonly parts: readonly (string | { readonly placeholder: Placeholder })[] }
  | { readonly kind: 'list'; readonly items: readonly TemplateValue[] }
  | { readonly kind: 'object'; readonly fields: readonly (readonly [name: string, value: TemplateValue])[] };

export interface ClaimsTemplate {
  readonly claims: readonly (readonly [name: string, value: TemplateValue])[];
  /** Whether a placeholder is of the user's row, which a token is made without otherwise. */
  readonly needsUser: boolean;
}

/** The claims that this server sets itself (RFC 7519 §4.1, RFC 9068 §2.2), and those that mean more than they hold. */
const REGISTERED = [
  ...['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'sid', 'client_id', 'scope', 'roles', 'amr', 'acr'],
  ...['auth_time', 'act', 'cnf'],
];

/** What each preset sets. */
const PRESET_CLAIMS = { hasura: 'https://hasura.io/jwt/claims', postgrest: 'role' } as const;
export type Preset = keyof typeof PRESET_CLAIMS;
export const PRESETS = Object.keys(PRESET_CLAIMS) as [Preset, ...Preset[]];

const IN_METADATA = /^user\.metadata\.[^{}]+$/;
const OF_USER = /^user\.(?!id$)/;
const MOST_LEVELS = 8;

/** Reads a template. `report` hears of each problem, and then the result is of no use. */
export function readClaimsTemplate(value: unknown, report: Report): ClaimsTemplate {
  let needsUser = false;

  function readPlaceholder(text: string, path: string): Placeholder {
    if (!(PLACEHOLDERS as readonly string[]).includes(text) && !IN_METADATA.test(text))
      report(path, `holds a placeholder that is none of ${PLACEHOLDERS.join(', ')}, user.metadata.KEY`);
    needsUser ||= OF_USER.test(text);
    return text as Placeholder;
  }

  function readText(text: string, path: string): TemplateValue {
    const parts = text
      .split(/(\{\{[^{}]*\}\})/)
      .filter((part) => part !== '')
      .map((part) => {
        if (part.startsWith('{{') && part.endsWith('}}'))
          return { placeholder: readPlaceholder(part.slice(2, -2).trim(), path) };
        if (/\{\{|\}\}/.test(part)) report(path, 'has braces that do not match');
        return part;
      });
    return { kind: 'text', parts };
  }

  function readValue(given: unknown, path: string, level: number): TemplateValue {
    if (level > MOST_LEVELS) report(path, `is deeper than ${MOST_LEVELS} levels`);
    if (level > MOST_LEVELS || given === null || typeof given !== 'object')
      return typeof given === 'string' ? readText(given, path) : { kind: 'constant', value: given };
    if (Array.isArray(given))
      return { kind: 'list', items: given.map((item, i) => readValue(item, `${path}[${i}]`, level + 1)) };
    return { kind: 'object', fields: readFields(given, path, level) };
  }

  function readFields(given: object, path: string, level: number): (readonly [string, TemplateValue])[] {
    return Object.entries(given).map(([name, item]) => {
      const place = path === '' ? name : `${path}.${name}`;
      if (name.includes('{{')) report(place, 'is a name with a placeholder; only values have them');
      return [name, readValue(item, place, level + 1)];
    });
  }

  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report('', 'must be an object');
    return { claims: [], needsUser };
  }
  for (const name of Object.keys(value).filter((claim) => REGISTERED.includes(claim)))
    report(name, 'is a claim that this server sets itself');
  const claims = readFields(value, '', 0);
  return { claims, needsUser };
}

/** The claims that a template and presets both set, each with the preset. */
export function claimsSetTwice(
  { claims }: ClaimsTemplate,
  presets: readonly Preset[],
): { claim: string; preset: Preset }[] {
  const names = new Set(claims.map(([name]) => name));
  return presets
    .map((preset) => ({ claim: PRESET_CLAIMS[preset], preset }))
    .filter(({ claim }) => names.has(claim));
}
