import { texts } from './texts/index.ts';

const moments = new Intl.DateTimeFormat(texts.language, { dateStyle: 'medium', timeStyle: 'short' });

/** A moment of an answer (RFC 3339) in the words of the language. */
export function momentOf(moment: string): string {
  return moments.format(new Date(moment));
}
