import type { TokenRefusal } from './access-token.ts';
import type { Lack, Requirements } from './requirements.ts';

/** Why a request proves no viewer, or not enough of one. */
export type Reason = TokenRefusal | 'TOKEN_MISSING' | Lack;

/** What GraphQL clients branch on, by the words of the server. */
export interface RefusalExtensions {
  readonly code: 'UNAUTHENTICATED' | 'FORBIDDEN' | 'REAUTHENTICATION_REQUIRED' | 'UNAVAILABLE';
  readonly reason?: Reason;
  /** Seconds. */
  readonly retryAfter?: number;
}

/** An answer for HTTP: `Response.json(refusal.body, refusal)`. */
export interface Refusal {
  readonly status: 401 | 403 | 503;
  /** `www-authenticate` with a 401 or 403 (RFC 6750 §3, RFC 9470 §3), `retry-after` with a 503. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: RefusalExtensions & { readonly message: string };
}

/** How soon a load of the keys that failed is tried again. */
const RETRY_AFTER_SECONDS = 1;

const MESSAGES = {
  UNAUTHENTICATED: 'Authentication is required.',
  FORBIDDEN: 'This is not allowed.',
  REAUTHENTICATION_REQUIRED: 'Prove again who you are.',
  UNAVAILABLE: 'The service is temporarily unavailable. Send the same request again shortly.',
} as const;

export function messageOf({ code }: RefusalExtensions): string {
  return MESSAGES[code];
}

export function extensionsOf(reason: Reason): RefusalExtensions {
  switch (reason) {
    case 'INSUFFICIENT_SCOPE':
      return { code: 'FORBIDDEN', reason };
    case 'REAUTHENTICATION_REQUIRED':
      return { code: reason };
    case 'UNAVAILABLE':
      return { code: reason, retryAfter: RETRY_AFTER_SECONDS };
    default:
      return { code: 'UNAUTHENTICATED', reason };
  }
}

export function refusalOf(reason: Reason, requirements: Requirements = {}): Refusal {
  const extensions = extensionsOf(reason);
  const body = { message: messageOf(extensions), ...extensions };
  // What is refused now may be allowed to the next token.
  const headers = { 'cache-control': 'no-store' };
  if (reason === 'UNAVAILABLE')
    return { status: 503, headers: { ...headers, 'retry-after': `${RETRY_AFTER_SECONDS}` }, body };
  const status = reason === 'INSUFFICIENT_SCOPE' ? 403 : 401;
  return { status, headers: { ...headers, 'www-authenticate': challengeOf(reason, requirements) }, body };
}

function challengeOf(
  reason: Exclude<Reason, 'UNAVAILABLE'>,
  { requireScopes = [], requireAcr, maxAuthAgeSeconds }: Requirements,
): string {
  switch (reason) {
    // RFC 6750 §3.1: a client that sent no token is told no error.
    case 'TOKEN_MISSING':
      return 'Bearer';
    case 'INSUFFICIENT_SCOPE':
      return challenge({ error: 'insufficient_scope', scope: requireScopes.join(' ') || undefined });
    case 'REAUTHENTICATION_REQUIRED':
      return challenge({
        error: 'insufficient_user_authentication',
        acr_values: requireAcr,
        max_age: maxAuthAgeSeconds,
      });
    default:
      return challenge({
        error: 'invalid_token',
        error_description: reason === 'TOKEN_EXPIRED' ? 'The access token has expired' : undefined,
      });
  }
}

function challenge(parameters: Record<string, string | number | undefined>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return `Bearer ${given.map(([name, value]) => `${name}="${value}"`).join(', ')}`;
}
