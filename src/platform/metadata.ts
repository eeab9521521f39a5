/** Bytes of metadata as JSON. */
const MOST_METADATA_BYTES = 4_096;

/** Whether it can be kept as the metadata of an account; else what is wrong with it. */
export function metadataProblem(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'metadata is no JSON object';
  const size = Buffer.byteLength(JSON.stringify(value));
  return size > MOST_METADATA_BYTES
    ? `metadata has ${size} bytes, and ${MOST_METADATA_BYTES} is the most`
    : undefined;
}
