import { decodePercent } from './percent-encoding.ts';

/*
 * As with libpq (https://www.postgresql.org/docs/current/libpq-connect.html) a host that begins with a slash is the folder
 * of a socket. In front of the database it is percent-encoded, so it is mostly given as the parameter `host`.
 */

export interface PostgresUrl {
  readonly engine: 'postgres';
  /** One at least, tried in this order. */
  readonly hosts: readonly PostgresHost[];
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: string | undefined;
  /** None says that it is up to PGSSLMODE, and without that there is no TLS. */
  readonly tls: PostgresTls | undefined;
  /** Whether only a server that can be written to will do. */
  readonly mustBeWritable: boolean;
  /** Schemas that tables are looked for in, and made in the first of. */
  readonly searchPath: string | undefined;
  /** Settings of the session, as in `-c name=value`. */
  readonly options: string | undefined;
  readonly applicationName: string | undefined;
  readonly bindsChannel: boolean;
}

export interface PostgresHost {
  /** None says that it is up to PGHOST or PGPORT, or this machine. */
  readonly host: string | undefined;
  readonly port: number | undefined;
}

export interface PostgresTls {
  readonly mode: (typeof TLS_MODES)[number];
  /** Begins with TLS at once, instead of asking for it. */
  readonly isDirect: boolean;
  /** Paths of files in PEM. */
  readonly rootCertificate: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly passphrase: string | undefined;
}

const TLS_MODES = ['disable', 'require', 'verify-ca', 'verify-full', 'no-verify'] as const;
const ON = /^(true|1|on|yes)$/;
const OFF = /^(false|0|off|no)$/;

const PARAMETERS = [
  'host',
  'port',
  'user',
  'password',
  'dbname',
  'sslmode',
  'ssl',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslpassword',
  'sslnegotiation',
  'channel_binding',
  'target_session_attrs',
  'application_name',
  'options',
  'schema',
  'search_path',
] as const;

type Parameters = Readonly<Partial<Record<(typeof PARAMETERS)[number], string>>>;

const IDENTIFIERS = /^[a-z_][a-z0-9_$]*(,[a-z_][a-z0-9_$]*)*$/i;

/** @throws Error that goes on after "DATABASE_URL" and quotes nothing but names of parameters. */
export function readPostgresUrl(text: string): PostgresUrl {
  const [, authority = '', path = '', query = '', fragment] =
    /^[^:]+:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?(#.*)?$/s.exec(text) ?? [];
  if (fragment !== undefined) throw new Error('has a #: write %23 for the sign itself');
  if (authority === '' && path === '' && query === '')
    throw new Error('must be as in postgres://user:password@host:port/database');

  // What follows a ? in a password is no parameter, and is not to be quoted.
  if (query.includes('@')) throw new Error('has an @ among its parameters: write %40 for the sign itself');
  const at = authority.lastIndexOf('@');
  const [user, password] = splitOnce(authority.slice(0, Math.max(at, 0)), ':').map(decodePercent);
  const parameters = readParameters(query);
  const hosts = readHosts(authority.slice(at + 1), parameters);
  const tls = readTls(parameters);
  const channelBinding = parameters.channel_binding ?? 'disable';
  if (!/^(disable|prefer)$/.test(channelBinding))
    throw new Error('has a channel_binding that is not disable or prefer, which is all that there is here');
  const attributes = parameters.target_session_attrs ?? 'any';
  if (!/^(any|read-write|primary)$/.test(attributes))
    throw new Error('has target_session_attrs that are not any, read-write or primary');

  return {
    engine: 'postgres',
    hosts,
    user: parameters.user ?? (user || undefined),
    password: parameters.password ?? (password || undefined),
    database: parameters.dbname ?? (decodePercent(path) || undefined),
    tls,
    // Of several, only the one that takes writes is of use.
    mustBeWritable: attributes !== 'any' || hosts.length > 1,
    searchPath: readSearchPath(parameters),
    options: parameters.options,
    applicationName: parameters.application_name,
    bindsChannel: channelBinding === 'prefer',
  };
}

function readParameters(query: string): Parameters {
  const found: Record<string, string> = {};
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const [name = '', value] = splitOnce(pair, '=').map((part) => decodePercent(part.replaceAll('+', ' ')));
    if (!PARAMETERS.some((known) => known === name))
      throw new Error(`has the parameter ${nameOf(name)}, which is none of ${PARAMETERS.join(', ')}`);
    if (name in found) throw new Error(`has the parameter ${name} twice`);
    if (!value) throw new Error(`has the parameter ${name} without a value`);
    found[name] = value;
  }
  return found;
}

/** An unknown parameter may be part of a password with a ? in it, so it is quoted only when it looks like a name. */
function nameOf(name: string): string {
  return /^[a-zA-Z_]{1,30}$/.test(name) ? name : '(not shown)';
}

function readHosts(authority: string, { host, port }: Parameters): PostgresHost[] {
  const hosts: PostgresHost[] = (host ?? authority).split(',').map((item) => {
    // A parameter holds hosts alone, and ports are another one.
    const [, address = '', itsPort] =
      host !== undefined ? [item, item] : (/^(\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/s.exec(item) ?? fail());
    return {
      host: decodePercent(address).replace(/^\[(.*)\]$/, '$1') || undefined,
      port: itsPort === undefined || itsPort === '' ? undefined : readPort(itsPort),
    };
  });
  if (port === undefined) return hosts;

  const ports = port.split(',').map(readPort);
  if (ports.length !== 1 && ports.length !== hosts.length)
    throw new Error('has another number of ports than of hosts');
  return hosts.map((item, index) => ({ ...item, port: ports[index] ?? ports[0] }));
}

function fail(): never {
  throw new Error(
    'has a host that is no name, address or folder: percent-encode what belongs to the password',
  );
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535)
    throw new Error(
      'has a port that is no number from 1 to 65535: percent-encode what belongs to the password',
    );
  return port;
}

function readTls(parameters: Parameters): PostgresTls | undefined {
  const { sslmode, ssl, sslrootcert, sslcert, sslkey, sslpassword, sslnegotiation } = parameters;
  if (sslmode !== undefined && ssl !== undefined) throw new Error('has both sslmode and ssl: one decides');
  const isDirect = sslnegotiation === 'direct';
  if (sslnegotiation !== undefined && !/^(postgres|direct)$/.test(sslnegotiation))
    throw new Error('has an sslnegotiation that is not postgres or direct');
  const hasFiles = [sslrootcert, sslcert, sslkey, sslpassword].some((value) => value !== undefined);
  const mode = readTlsMode(sslmode ?? ssl ?? (hasFiles || isDirect ? 'verify-full' : undefined));
  if (mode === undefined) return undefined;
  if (mode === 'disable' && (hasFiles || isDirect))
    throw new Error('has TLS disabled, and parameters of TLS beside that');
  if (mode === 'verify-ca' && sslrootcert === undefined)
    throw new Error(
      'has sslmode=verify-ca, which takes an sslrootcert: any other authority signs for anybody',
    );
  if ((sslcert === undefined) !== (sslkey === undefined))
    throw new Error('has one of sslcert and sslkey without the other');
  return {
    mode,
    isDirect,
    rootCertificate: sslrootcert === 'system' ? undefined : sslrootcert,
    certificate: sslcert,
    key: sslkey,
    passphrase: sslpassword,
  };
}

function readTlsMode(text: string | undefined): PostgresTls['mode'] | undefined {
  if (text === undefined) return undefined;
  if (ON.test(text)) return 'verify-full';
  if (OFF.test(text)) return 'disable';
  if (text === 'prefer' || text === 'allow')
    throw new Error(`has sslmode=${text}, which promises nothing: say verify-full, no-verify or disable`);
  const mode = TLS_MODES.find((known) => known === text);
  if (mode === undefined) throw new Error(`has an sslmode that is none of ${TLS_MODES.join(', ')}`);
  return mode;
}

function readSearchPath({ schema, search_path }: Parameters): string | undefined {
  if (schema !== undefined && search_path !== undefined)
    throw new Error('has both schema and search_path: one decides');
  const path = schema ?? search_path;
  if (path !== undefined && !IDENTIFIERS.test(path))
    throw new Error('has a schema that is no plain name: letters, digits and underscores');
  return path;
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
