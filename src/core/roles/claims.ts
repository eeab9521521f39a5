import type { UserRecord } from '../users/store.ts';
import type { ClaimsTemplate, Placeholder, Preset, TemplateValue } from './claims-template.ts';
import type { Rights, Roles } from './service.ts';

export interface ClaimsOptions {
  readonly presets: readonly Preset[];
  readonly template: ClaimsTemplate | undefined;
  readonly roles: Pick<Roles, 'exportedOf' | 'isExported'>;
}

/** Whom a token is of. */
export interface Subject {
  readonly userId: string;
  readonly sessionId: string;
  readonly rights: Rights;
  /** Only where `needsUser` says so. */
  readonly user: UserRecord | undefined;
}

/** Claims of an access token for other servers, beside those that this one sets itself. */
type MoreClaims = Readonly<Record<string, unknown>>;

export type Claims = ReturnType<typeof createClaims>;

/** Makes the claims by which other servers decide: those of presets, and those of the operator's template. */
export function createClaims({ presets, template, roles }: ClaimsOptions) {
  /**
   * Hasura takes texts alone, and one list (https://hasura.io/docs/2.0/auth/authentication/jwt/). To a role that is
   * named admin it allows everything, even if the role allows little here.
   */
  function ofHasura(userId: string, exported: readonly string[]): MoreClaims {
    const names = exported.filter((name) => name !== 'admin' || roles.isExported(name));
    if (names.length === 0) return {};
    return {
      'https://hasura.io/jwt/claims': {
        'x-hasura-user-id': userId,
        'x-hasura-default-role': names[0],
        'x-hasura-allowed-roles': names,
      },
    };
  }

  /** To PostgreSQL, `none` is no role: the connection would stay what it is. */
  function ofPostgrest(exported: readonly string[]): MoreClaims {
    const [role] = exported.filter((name) => name !== 'none');
    return role === undefined ? {} : { role };
  }

  return {
    /** Whether the template asks for what is in the user's row. */
    needsUser: template?.needsUser ?? false,

    of(subject: Subject): MoreClaims {
      const exported = roles.exportedOf(subject.rights.roles);
      return {
        ...(presets.includes('hasura') && ofHasura(subject.userId, exported)),
        ...(presets.includes('postgrest') && ofPostgrest(exported)),
        ...fill({ kind: 'object', fields: template?.claims ?? [] }, subject),
      };
    },
  };
}

function fill(template: TemplateValue & { kind: 'object' }, subject: Subject): MoreClaims {
  return Object.fromEntries(
    template.fields.flatMap(([name, value]) => {
      const filled = fillValue(value, subject);
      return filled === undefined ? [] : [[name, filled]];
    }),
  );
}

/** `undefined` where a placeholder has no value: half a claim could be that of another account. */
function fillValue(template: TemplateValue, subject: Subject): unknown {
  switch (template.kind) {
    case 'constant':
      return template.value;
    case 'object':
      return fill(template, subject);
    case 'list':
      return template.items.map((item) => fillValue(item, subject)).filter((item) => item !== undefined);
    case 'text':
      return fillText(template.parts, subject);
  }
}

function fillText(parts: (TemplateValue & { kind: 'text' })['parts'], subject: Subject): unknown {
  const values = parts.map((part) => (typeof part === 'string' ? part : valueAt(part.placeholder, subject)));
  if (values.includes(undefined)) return undefined;
  return values.length === 1 ? values[0] : values.map(textOf).join('');
}

/** `undefined` when there is none. */
function valueAt(placeholder: Placeholder, { userId, sessionId, rights, user }: Subject): unknown {
  switch (placeholder) {
    case 'user.id':
      return userId;
    case 'session.id':
      return sessionId;
    case 'token.roles':
      return rights.roles;
    case 'token.scope':
      return rights.scope.join(' ');
    case 'user.email':
      return user?.email;
    case 'user.emailVerified':
      return user && user.emailVerifiedAt !== null;
    case 'user.name':
      return user?.name ?? undefined;
    default: {
      const metadata = new Map(Object.entries(JSON.parse(user?.metadata ?? '{}')));
      return metadata.get(placeholder.slice('user.metadata.'.length)) ?? undefined;
    }
  }
}

/** Inside of a longer text. A list has spaces between its items, as a scope has. */
function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(' ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
