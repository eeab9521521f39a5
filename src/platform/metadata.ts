/** Bytes of metadata as JSON. */
const MOST_METADATA_BYTES = 4_096;

/** Whether it can be kept as the metadata of an account; else what is wrong with it. */
export function metadataProblem(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'metadata is no JSON object';
  if (!isExact(value)) return 'metadata has a number that is not kept as it was written; write it as a text';
  const size = Buffer.byteLength(JSON.stringify(value));
  return size > MOST_METADATA_BYTES
    ? `metadata has ${size} bytes, and ${MOST_METADATA_BYTES} is the most`
    : undefined;
}

/** Whether every number in it is what was written: above 2^53 JavaScript takes another one for it. */
function isExact(value: unknown): boolean {
  if (typeof value === 'number')
    return Number.isFinite(value) && (Number.isSafeInteger(value) || !Number.isInteger(value));
  return typeof value !== 'object' || value === null || Object.values(value).every(isExact);
}
