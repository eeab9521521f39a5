import { isUtf8 } from 'node:buffer';
import type { FastifyRequest } from 'fastify';

/*
 * What comes in is UTF-8 or is refused (RFC 8259 §8.1, RFC 3629 §3). A decoder that puts U+FFFD in the place of bytes
 * which it cannot read makes one password out of many.
 */

/** Whether a body is compressed, which nothing here undoes: a small one could become any length. */
export function isCompressed({ headers }: FastifyRequest): boolean {
  return !/^\s*(identity\s*)?$/i.test(headers['content-encoding'] ?? '');
}

/** RFC 9110 §5.6.6: `; name=value`, where the value may be in quotes. */
const PARAMETER = /;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/g;

/** Whether a content type names no charset but UTF-8, by its name or by the alias that browsers know, `utf8`. */
export function isUtf8Type(contentType: string): boolean {
  if (!contentType.includes(';')) return true;
  return [...contentType.matchAll(PARAMETER)].every(
    ([, name, quoted, bare]) => name?.toLowerCase() !== 'charset' || /^utf-?8$/i.test(quoted ?? bare ?? ''),
  );
}

/**
 * Whether percent-encoded text is UTF-8 once it is decoded. `%`, `&` and `=` are characters of one byte, so what holds
 * for the whole holds for each name and value. Escapes of ASCII cannot change the answer and stay as they are.
 */
export function isUtf8Encoded(encoded: Buffer): boolean {
  const bytes = encoded
    .toString('latin1')
    .replace(/%[89a-f][0-9a-f]/gi, (byte) => String.fromCharCode(Number.parseInt(byte.slice(1), 16)));
  return isUtf8(Buffer.from(bytes, 'latin1'));
}
