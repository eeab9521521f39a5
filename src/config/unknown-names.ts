import { SETTING_KEYS, SETTINGS } from './settings.ts';

/** A misspelt setting must not silently leave its default in force. */
export function unknownNames(given: Iterable<string>): string[] {
  const known: string[] = SETTING_KEYS.map((key) => SETTINGS[key].name);
  // Kubernetes injects these into every container beside a service called latchkey.
  const isInjected = (name: string) => /^LATCHKEY_(SERVICE_|PORT)/.test(name);
  return [...given]
    .filter((name) => name.startsWith('LATCHKEY_') && !known.includes(name) && !isInjected(name))
    .map((name) => `${name}: no such setting; did you mean ${nearest(name, known)}?`);
}

function nearest(name: string, known: readonly string[]): string | undefined {
  const distances = known.map((candidate) => ({ candidate, distance: editDistance(name, candidate) }));
  return distances.sort((a, b) => a.distance - b.distance)[0]?.candidate;
}

/** How many characters have to be added, dropped or replaced (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [index, character] of [...from].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...to].entries()) {
      const [above = 0, diagonal = 0, left = 0] = [row[column + 1], row[column], next[column]];
      next.push(Math.min(above + 1, left + 1, diagonal + (character === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
