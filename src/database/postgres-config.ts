import { readFileSync } from 'node:fs';
import type { ClientConfig } from 'pg';
import type { PostgresTls, PostgresUrl } from '../platform/postgres-url.ts';
import { DatabaseProblem } from './failure.ts';

/**
 * What node-postgres is to be told of a URL, for each of its hosts. What the URL leaves open stays open, so the
 * environment of libpq (PGHOST, PGUSER, PGSSLMODE and so on) decides it.
 *
 * @throws DatabaseProblem when a file with a certificate or a key cannot be read.
 */
export function clientConfigs(url: PostgresUrl): [ClientConfig, ...ClientConfig[]] {
  const tls = url.tls && tlsOptions(url.tls);
  const configs = url.hosts.map(
    ({ host, port }): ClientConfig => ({
      ...without({
        host,
        port,
        user: url.user,
        password: url.password,
        database: url.database,
        options: url.options,
        application_name: url.applicationName,
        // A socket of this machine has no TLS, whatever is said of the others.
        ssl: host?.startsWith('/') ? false : tls,
        sslnegotiation: url.tls?.isDirect ? ('direct' as const) : undefined,
      }),
      fallback_application_name: 'latchkey',
      enableChannelBinding: url.bindsChannel,
    }),
  );
  return configs as [ClientConfig, ...ClientConfig[]];
}

function tlsOptions({
  mode,
  rootCertificate,
  certificate,
  key,
  passphrase,
}: PostgresTls): ClientConfig['ssl'] {
  if (mode === 'disable') return false;
  return {
    rejectUnauthorized: mode !== 'no-verify',
    ...without({
      ca: rootCertificate && readPem('sslrootcert', rootCertificate),
      cert: certificate && readPem('sslcert', certificate),
      key: key && readPem('sslkey', key),
      passphrase,
      // As libpq has it: an authority of one's own vouches for the server, whatever name it goes by.
      checkServerIdentity: mode === 'verify-ca' ? () => undefined : undefined,
    }),
  };
}

function readPem(parameter: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new DatabaseProblem(
      `The file of the parameter ${parameter} in DATABASE_URL cannot be read (${code}).`,
    );
  }
}

/** Only what is there: to node-postgres a key without a value is a value. */
function without<Values extends object>(
  values: Values,
): { [Key in keyof Values]?: NonNullable<Values[Key]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Values]?: NonNullable<Values[Key]>;
  };
}
