/**
 * What every answer carries (WEB-5). Tokens and accounts are in no cache; the routes that are public say so
 * themselves. Constants, because computing them per request costs a third of the throughput.
 */
export function constantHeaders(mode: 'development' | 'production'): Readonly<Record<string, string>> {
  return {
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    // Browsers would carry it over to whatever else a developer serves from localhost.
    ...(mode === 'production' && { 'strict-transport-security': 'max-age=31536000; includeSubDomains' }),
  };
}
