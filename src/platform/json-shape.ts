/*
 * Reads what a JSON file of settings holds. A problem is reported with its place and without the value, which may be a
 * secret in the wrong place, and reading goes on: the operator hears of all problems at once.
 */

/** Says what is wrong at a place of the file, as in `roles.editor.includes[0]`. */
export type Report = (path: string, problem: string) => void;

/** An object with no other keys than `keys`. */
export function objectAt(
  value: unknown,
  path: string,
  keys: readonly string[],
  report: Report,
): Record<string, unknown> {
  const object = recordAt(value, path, report);
  for (const key of Object.keys(object))
    if (!keys.includes(key)) report(join(path, key), `is unknown; what can be here is ${keys.join(', ')}`);
  return object;
}

/** An object with any keys. */
export function recordAt(value: unknown, path: string, report: Report): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  report(path, value === undefined ? 'is missing' : 'must be an object');
  return {};
}

/** A list of different texts; none where it is left out. */
export function textsAt(value: unknown, path: string, report: Report): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    report(path, 'must be a list of texts');
    return [];
  }
  for (const [i, item] of value.entries()) {
    if (typeof item !== 'string') report(`${path}[${i}]`, 'must be a text');
    else if (value.indexOf(item) < i) report(`${path}[${i}]`, 'is there twice');
  }
  return value.filter((item): item is string => typeof item === 'string');
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
