/**
 * A code as people and their keyboards write it: without the spaces and hyphens that only group it, and with full-width
 * characters as their plain ones (Unicode NFKC).
 */
export function typedCode(text: string): string {
  return text.normalize('NFKC').replaceAll(/[\s\p{Pd}]/gu, '');
}
