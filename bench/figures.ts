export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** The median, the least and the most. */
export function spread(values: readonly number[]): string {
  const middle = median(values);
  const text = (value: number) => value.toFixed(middle < 10 ? 2 : 0);
  return `${text(middle)} (${text(Math.min(...values))} … ${text(Math.max(...values))})`;
}

/** The ratio within each round: what the machine did meanwhile is in both of its terms. */
export function ratiosWithinRounds(values: readonly number[], base: readonly number[]): number[] {
  return values.map((value, round) => value / (base[round] ?? Number.NaN));
}
