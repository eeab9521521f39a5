import type { FastifyRequest } from 'fastify';
import {
  INVALID_CLIENT,
  INVALID_CLIENT_BY_BASIC,
  NO_CLIENT_ID,
  type OAuthRefusal,
  TWO_AUTHENTICATIONS,
} from './token-refusals.ts';

/** What a client proves itself with (RFC 6749 §2.3.1). */
export interface ClientAuthentication {
  /** Every one that it named: in the header, in the form or in both. */
  readonly clientIds: readonly string[];
  readonly secret: string;
  /** Whether it came in an Authorization header, so that a refusal has a challenge. */
  readonly usesBasic: boolean;
}

/** RFC 7617 §2: the case of the scheme does not matter. */
const BASIC = /^Basic(?:\s+(.*))?$/i;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Reads how the client authenticates: by HTTP Basic, or in the form, and never by both. */
export function readClientAuthentication(
  form: URLSearchParams,
  { headers: { authorization }, raw: { rawHeaders } }: Pick<FastifyRequest, 'headers' | 'raw'>,
): ClientAuthentication | OAuthRefusal {
  // Node.js keeps the first of several.
  const names = rawHeaders.filter((name, index) => index % 2 === 0 && /^authorization$/i.test(name));
  if (names.length > 1) return TWO_AUTHENTICATIONS;
  const clientId = form.get('client_id') || undefined;
  const secret = form.get('client_secret') || undefined;
  // Another scheme authenticates no client: programs attach their bearer to every request.
  const basic = authorization?.match(BASIC);
  if (!basic) {
    if (secret === undefined) return INVALID_CLIENT;
    return clientId === undefined ? NO_CLIENT_ID : { clientIds: [clientId], secret, usesBasic: false };
  }
  if (secret !== undefined) return TWO_AUTHENTICATIONS;
  const read = readBasic(basic[1] ?? '');
  if (read === undefined) return INVALID_CLIENT_BY_BASIC;
  const clientIds = clientId === undefined ? [read.clientId] : [read.clientId, clientId];
  return { clientIds, secret: read.secret, usesBasic: true };
}

/** RFC 6749 §2.3.1: the two were form-urlencoded before a colon joined them. `undefined` where they cannot be read. */
function readBasic(encoded: string): { clientId: string; secret: string } | undefined {
  if (!BASE64.test(encoded)) return undefined;
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  if (colon === -1) return undefined;
  try {
    const [clientId, secret] = [text.slice(0, colon), text.slice(colon + 1)].map(decodeFormText);
    return clientId && secret ? { clientId, secret } : undefined;
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** @throws URIError where an escape stands for no character. */
function decodeFormText(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}
