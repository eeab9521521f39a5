import { en } from './en.ts';
import type { Texts } from './texts.ts';

/** Every language that there is, by its tag (BCP 47). The first one serves everyone else. */
const LANGUAGES: readonly Texts[] = [en];

export const texts: Texts =
  navigator.languages
    .map((tag) => LANGUAGES.find(({ language }) => language === tag || language === tag.split('-')[0]))
    .find((found) => found !== undefined) ?? (LANGUAGES[0] as Texts);

document.documentElement.lang = texts.language;
