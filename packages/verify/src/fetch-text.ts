/** How long a load of the keys may take. */
export const TIMEOUT_MS = 5_000;
const MAX_BYTES = 1_048_576;

/**
 * The text at an address, of at most 1 MiB and within 5 s. The limits hold for a `fetch` that ignores its signal, too.
 *
 * @throws Error
 */
export async function fetchText(url: URL, fetch: typeof globalThis.fetch): Promise<string> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`The key set does not answer within ${TIMEOUT_MS / 1_000} s`));
    }, TIMEOUT_MS);
  });
  try {
    return await Promise.race([read(url, fetch, controller.signal), late]);
  } finally {
    clearTimeout(timer);
    // Ends an answer that is late, too long or of the wrong status.
    controller.abort();
  }
}

async function read(url: URL, fetch: typeof globalThis.fetch, signal: AbortSignal): Promise<string> {
  const response = await fetch(url.href, {
    signal,
    headers: { accept: 'application/jwk-set+json, application/json' },
    // The keys are at the address that was configured and nowhere else.
    redirect: 'manual',
  });
  if (response.status !== 200) throw new Error(`The key set answers with status ${response.status}`);
  if (response.body === null) throw new Error('The key set is empty');
  const reader = response.body.getReader();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    length += part.value.byteLength;
    if (length > MAX_BYTES) throw new Error(`The key set has more than ${MAX_BYTES} bytes`);
    text += decoder.decode(part.value, { stream: true });
  }
  return text + decoder.decode();
}
