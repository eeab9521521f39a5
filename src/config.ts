/** Everything the environment decides, read once. Durations end in their unit. */
export interface Config {
  readonly mode: 'development' | 'production';
  readonly host: string;
  readonly port: number;
  readonly databaseUrl: string;
  readonly logLevel: string;
  /** Master secrets, at least 32 bytes each: the first one makes and seals, all of them verify and open. */
  readonly secrets: readonly Buffer[];
  readonly issuer: string;
  readonly audience: string;
  readonly accessTokenTtlSeconds: number;
  readonly sessionIdleTtlSeconds: number;
  readonly sessionAbsoluteTtlSeconds: number;
  /** 0 to 600. */
  readonly refreshRetryWindowSeconds: number;
  readonly passwordMinLength: number;
  readonly registration: 'open' | 'closed';
  /** Exact origins, as in `https://app.example.com`. */
  readonly corsOrigins: readonly string[];
  /** Addresses and CIDR blocks of proxies whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[];
  readonly introspection: boolean;
  readonly tokenEndpoint: boolean;
  /** How many passwords are hashed at once: as many as cores, fewer than libuv has threads. */
  readonly hashConcurrency: number;
  /** What the operator should hear at the start. */
  readonly warnings: readonly string[];
}
