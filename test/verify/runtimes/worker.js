import { createVerifier } from '@latchkey/verify';

/** An API on Cloudflare Workers, where the work of a request ends with the request. Its monotonic clock can be moved. */
let elapsedMs = 0;
const now = performance.now.bind(performance);
Object.defineProperty(globalThis, 'performance', { value: { now: () => now() + elapsedMs } });

let verifier;

export default {
  async fetch(request, { ISSUER }) {
    elapsedMs += Number(new URL(request.url).searchParams.get('travel') ?? 0);
    verifier ??= createVerifier({ issuer: ISSUER });
    const { viewer, refusal } = await verifier.verify(request);
    return viewer === undefined ? Response.json(refusal.body, refusal) : new Response(viewer.userId);
  },
};
