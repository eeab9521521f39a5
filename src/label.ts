import { AuthError } from './errors.ts';

/** Characters a person may see in a name. */
const LONGEST = 100;
const CONTROL = /\p{Cc}/u;

/**
 * A name that people gave to themselves or a device: trimmed, at most 100 characters, no control characters;
 * an empty one is none.
 *
 * @throws AuthError `BAD_USER_INPUT` with the path in `field`.
 */
export function parseLabel(text: string | null | undefined, field: string): string | null {
  const label = text?.trim() ?? '';
  if ([...label].length > LONGEST || CONTROL.test(label) || !label.isWellFormed()) {
    throw new AuthError('BAD_USER_INPUT', { field });
  }
  return label === '' ? null : label;
}
