/** The values of a column that holds them separated by spaces. */
export function wordsOf(spaceSeparated: string): string[] {
  return spaceSeparated.split(' ').filter((word) => word !== '');
}
