/** RFC 6750 §2.1, RFC 9110 §11.1: the scheme's case does not matter. Without the token where what follows is none. */
const BEARER = /^Bearer\b(?: +(\S+)$)?/i;

export interface Bearer {
  /** `undefined` where the scheme is followed by no token, or by more than one. */
  readonly token: string | undefined;
}

/** What an Authorization header of the scheme Bearer says; `undefined` for no header and for other schemes. */
export function readBearer(authorization: string | undefined): Bearer | undefined {
  const match = BEARER.exec(authorization ?? '');
  return match === null ? undefined : { token: match[1] };
}
