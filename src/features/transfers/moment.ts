/** As ISO 8601 and PostgreSQL write them: a date, or a date and a time, with an offset or without. */
const MOMENT =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?: ?(Z|UTC|[+-]\d\d(?::?\d\d)?))?)?$/i;
/** The same without its hyphens and colons (ISO 8601's basic format). */
const BASIC = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(?:(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d(?:\d\d)?)?$/i;
/** Moments of the last decades have ten digits in seconds and thirteen in milliseconds. */
const SECONDS = /^\d{1,10}(?:\.\d{1,9})?$/;
const MILLISECONDS = /^\d{11,15}$/;

/**
 * A moment as other systems write it, in ms since 1970: ISO 8601, or seconds or milliseconds since 1970. One without an
 * offset is in UTC, and a date is its first moment. `undefined` for everything else.
 */
export function parseMoment(value: unknown): number | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string') return undefined;
  if (SECONDS.test(text)) return Math.round(Number(text) * 1_000);
  if (MILLISECONDS.test(text)) return Number(text);
  const match = MOMENT.exec(text) ?? BASIC.exec(text);
  if (match === null) return undefined;

  const [year = '', month = '', day = '', hour = '00', minute = '00', second = '00', fraction = '', offset] =
    match.slice(1);
  // Date.parse knows which days and hours there are; it keeps three digits of a fraction.
  const time = `${hour}:${minute}:${second}.${fraction.slice(0, 3).padEnd(3, '0')}`;
  const at = Date.parse(`${year}-${month}-${day}T${time}${offsetOf(offset)}`);
  return isOnCalendar({ year, month, day }) && Number.isFinite(at) ? at : undefined;
}

/** As Date.parse reads it. */
function offsetOf(text = 'Z'): string {
  const [, hours, minutes = '00'] = /^([+-]\d\d):?(\d\d)?$/.exec(text) ?? [];
  return hours === undefined ? 'Z' : `${hours}:${minutes}`;
}

/** Date.parse takes 31 February for 3 March. */
function isOnCalendar({ year, month, day }: { year: string; month: string; day: string }): boolean {
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
}
