export const BROKEN_PERCENT = 'has a percent-encoding that stands for nothing: write %25 for the sign itself';

/** @throws Error that quotes nothing, when an escape stands for no character. */
export function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error(BROKEN_PERCENT);
  }
}
