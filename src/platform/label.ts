import { AuthError } from '../errors.ts';
import { isLongerThan } from './code-points.ts';

/** Characters a person may see in a name. */
const LONGEST = 100;
/**
 * Controls, ends of lines and paragraphs, and what embeds, overrides or isolates a direction (UAX #9 §2): each of them
 * can change how a page or a terminal shows the text after the name.
 */
const REFUSED = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;
/** Neither blank nor a mark that stands on another character. U+2800 is a blank that Unicode counts among the symbols. */
const VISIBLE = /[^\p{Cc}\p{Cf}\p{M}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u;

/**
 * A name that people gave to themselves or a device: trimmed, at most 100 characters unless `longest` says otherwise, one of them visible, and none
 * that changes how others are shown; an empty one is none.
 *
 * @throws AuthError `BAD_USER_INPUT` with the path in `field`.
 */
export function parseLabel(text: string | null | undefined, field: string, longest = LONGEST): string | null {
  const label = text?.trim() ?? '';
  if (label === '') return null;
  if (isLongerThan(label, longest) || REFUSED.test(label) || !VISIBLE.test(label) || !label.isWellFormed()) {
    throw new AuthError('BAD_USER_INPUT', { field });
  }
  return label;
}
