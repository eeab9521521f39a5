/** The path of an issuer, without a slash at its end. A proxy may take it away from what it passes on, or leave it. */
export function issuerPath(issuer: string): string {
  return new URL(issuer).pathname.replace(/\/$/, '');
}

/** Each path once, as a route of Fastify, where a colon begins a parameter and two of them are one. */
export function routesOf(...paths: readonly string[]): string[] {
  return [...new Set(paths)].map((path) => path.replaceAll(':', '::'));
}
