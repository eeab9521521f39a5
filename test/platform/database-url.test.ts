import { describe, expect, it } from '@jest/globals';
import { clientConfigs } from '../../src/database/postgres-config.ts';
import { maskDatabaseUrl, readDatabaseUrl, sqliteFile } from '../../src/platform/database-url.ts';
import type { PostgresUrl } from '../../src/platform/postgres-url.ts';

const SECRET = 'hunter2';

function readPostgres(text: string): PostgresUrl {
  const url = readDatabaseUrl(text);
  if (url.engine !== 'postgres') throw new Error('It is a file.');
  return url;
}

function problemOf(text: string): string {
  try {
    readDatabaseUrl(text);
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
}

describe('a DATABASE_URL of a file', () => {
  it.each([
    ['file:data/latchkey.db', 'data/latchkey.db'],
    ['file:/srv/latchkey.db', '/srv/latchkey.db'],
    ['file:///srv/latchkey.db', '/srv/latchkey.db'],
    ['file:///srv/my%20data/l.db', '/srv/my data/l.db'],
    ['file:my data/100%.db', 'my data/100%.db'],
    ['file::memory:', undefined],
  ])('the DATABASE_URL %s has the path %s', (text, path) => {
    expect(readDatabaseUrl(text)).toEqual({ engine: 'sqlite', path });
    expect(sqliteFile(text)).toBe(path);
  });

  it.each([
    ['file:data/latchkey.db\r', /end of a line from Windows/],
    ['file:data/latch\nkey.db', /control character/],
    ['file:data/latchkey.db ', /blank/],
    [' file:data/latchkey.db', /blank/],
    ['file: data/latchkey.db', /blank/],
    ['file:data/latchkey.db\u00a0', /blank/],
    ['file: :memory:', /blank/],
    ['file:///srv/latchkey.db%20', /blank/],
    ['file:///srv/latch%00key.db', /zero byte/],
    ['file:///srv/%zz.db', /percent-encoding/],
    ['file:///srv%2Flatchkey.db', /percent-encoding/],
    ['file:', /a path/],
    ['file:latchkey.db?mode=ro', /without \? and #/],
    ['file:latchkey.db#a', /without \? and #/],
    ['file://host/latchkey.db', /no host/],
    ['data/latchkey.db', /must begin with file:/],
    ['', /must begin with file:/],
  ])('the DATABASE_URL %j is refused with the reason', (text, problem) => {
    expect(problemOf(text)).toMatch(problem);
  });
});

describe('a DATABASE_URL of a server', () => {
  it.each<[string, Partial<PostgresUrl>]>([
    [
      'postgres://ada:pw@db.example:6432/auth',
      { hosts: [{ host: 'db.example', port: 6432 }], user: 'ada', password: 'pw', database: 'auth' },
    ],
    ['postgresql://db.example/auth', { hosts: [{ host: 'db.example', port: undefined }], user: undefined }],
    ['postgres://ada@[::1]:5433/auth', { hosts: [{ host: '::1', port: 5433 }] }],
    ['postgres://a%40b:p%2Fw%23%25@h/d%C3%A9', { user: 'a@b', password: 'p/w#%', database: 'dé' }],
    ['postgres://ada:p@w@h/d', { password: 'p@w', hosts: [{ host: 'h', port: undefined }] }],
    // The socket, as libpq, node-postgres and Cloud SQL write it.
    ['postgres://u:p@/db?host=/cloudsql/a:b:c', { hosts: [{ host: '/cloudsql/a:b:c', port: undefined }] }],
    ['postgresql:///db?host=/run/postgresql&port=5433', { hosts: [{ host: '/run/postgresql', port: 5433 }] }],
    ['postgres://%2Frun%2Fpostgresql/db', { hosts: [{ host: '/run/postgresql', port: undefined }] }],
    ['postgres://u@localhost/db?host=/run', { hosts: [{ host: '/run', port: undefined }] }],
    ['postgres:///db', { hosts: [{ host: undefined, port: undefined }], database: 'db' }],
    ['postgres://h?dbname=d&user=u&password=p', { database: 'd', user: 'u', password: 'p' }],
    [
      'postgres://u@a:1,b,[::1]:3/d?target_session_attrs=read-write',
      {
        hosts: [
          { host: 'a', port: 1 },
          { host: 'b', port: undefined },
          { host: '::1', port: 3 },
        ],
        mustBeWritable: true,
      },
    ],
    [
      'postgres:///d?host=a,b&port=1,2',
      {
        hosts: [
          { host: 'a', port: 1 },
          { host: 'b', port: 2 },
        ],
        mustBeWritable: true,
      },
    ],
    ['postgres://h/d?schema=auth', { searchPath: 'auth' }],
    ['postgres://h/d?search_path=auth,public', { searchPath: 'auth,public' }],
    ['postgres://h/d?options=-c+geqo%3Doff', { options: '-c geqo=off' }],
    [
      'postgres://h/d?application_name=mine&channel_binding=prefer',
      { applicationName: 'mine', bindsChannel: true },
    ],
  ])('the DATABASE_URL %s is understood', (text, expected) => {
    expect(readPostgres(text)).toMatchObject(expected);
  });

  it.each([
    ['sslmode=disable', false],
    ['ssl=false', false],
    ['ssl=off', false],
    ['ssl=0', false],
    ['ssl=disable', false],
    ['sslmode=require', { rejectUnauthorized: true }],
    ['sslmode=verify-full', { rejectUnauthorized: true }],
    ['sslmode=verify-full&sslrootcert=system', { rejectUnauthorized: true }],
    ['ssl=true', { rejectUnauthorized: true }],
    ['ssl=on', { rejectUnauthorized: true }],
    ['ssl=1', { rejectUnauthorized: true }],
    ['ssl=require', { rejectUnauthorized: true }],
    ['sslmode=no-verify', { rejectUnauthorized: false }],
    ['ssl=no-verify', { rejectUnauthorized: false }],
    ['sslnegotiation=direct', { rejectUnauthorized: true }],
    ['application_name=a', undefined],
  ])('a DATABASE_URL with ?%s uses TLS as it says', (query, ssl) => {
    const [config] = clientConfigs(readPostgres(`postgres://u:p@h/d?${query}`));
    expect(config.ssl).toEqual(ssl);
    expect(config.sslnegotiation).toBe(query === 'sslnegotiation=direct' ? 'direct' : undefined);
  });

  it('a DATABASE_URL of a local socket uses no TLS, even with sslmode=require', () => {
    const [config] = clientConfigs(readPostgres('postgres:///d?host=/run&sslmode=require'));
    expect(config).toMatchObject({ host: '/run', ssl: false });
  });

  it('a certificate file that cannot be read is named in the error', () => {
    const url = readPostgres('postgres://h/d?sslrootcert=/nowhere/ca.pem');
    expect(() => clientConfigs(url)).toThrow(/sslrootcert .* cannot be read \(ENOENT\)/);
  });

  it.each([
    ['postgres://', /must be as in/],
    ['postgres://u:p@h/d#a', /%23/],
    [`postgres://u:${SECRET}#a@h/d`, /%23|port/],
    [`postgres://u:${SECRET}?${SECRET}@h/d`, /%40|port/],
    [`postgres://u:${SECRET}/${SECRET}@h/d`, /port/],
    [`postgres://u:${SECRET}%zz@h/d`, /percent-encoding/],
    ['postgres://u:100%@h/d', /percent-encoding/],
    ['postgres://u@h/d%', /percent-encoding/],
    ['postgres://u@h/d?application_name=%', /percent-encoding/],
    ['postgres://u@h:0/d', /port/],
    ['postgres://u@h:65536/d', /port/],
    ['postgres://u@h:a/d', /port/],
    ['postgres://u@::1/d', /host|port/],
    ['postgres://u@a,b/d?port=1,2,3', /number of ports/],
    ['postgres://h/d\r', /control character/],
    ['postgres://h/d ', /blank/],
    ['postgres://h/d?sslMode=require', /parameter sslMode/],
    ['postgres://h/d?ssl_mode=require', /parameter ssl_mode/],
    ['postgres://h/d?pgbouncer=true', /parameter pgbouncer/],
    ['postgres://h/d?connect_timeout=5', /parameter connect_timeout/],
    ['postgres://h/d?currentSchema=a', /parameter currentSchema/],
    [`postgres://h/d?${SECRET}${SECRET}${SECRET}${SECRET}${SECRET}=1`, /parameter \(not shown\)/],
    ['postgres://h/d?sslmode', /without a value/],
    ['postgres://h/d?schema=', /without a value/],
    ['postgres://h/d?sslmode=disable&sslmode=require', /twice/],
    ['postgres://h/d?sslmode=prefer', /promises nothing/],
    ['postgres://h/d?sslmode=allow', /promises nothing/],
    ['postgres://h/d?sslmode=Require', /sslmode that is none of/],
    ['postgres://h/d?ssl=maybe', /sslmode that is none of/],
    ['postgres://h/d?ssl=true&sslmode=disable', /one decides/],
    ['postgres://h/d?sslmode=verify-ca', /takes an sslrootcert/],
    ['postgres://h/d?sslmode=disable&sslrootcert=ca.pem', /TLS disabled/],
    ['postgres://h/d?sslcert=a.pem', /sslcert and sslkey/],
    ['postgres://h/d?sslnegotiation=later', /sslnegotiation/],
    ['postgres://h/d?channel_binding=require', /channel_binding/],
    ['postgres://h/d?target_session_attrs=standby', /target_session_attrs/],
    ['postgres://h/d?schema=a%3Bb', /plain name/],
    ['postgres://h/d?schema=a&search_path=b', /one decides/],
    ['mysql://u:hunter2@h/d', /must begin with file:/],
  ])('the DATABASE_URL %s is refused with the reason, and without its password', (text, problem) => {
    expect(problemOf(text)).toMatch(problem);
    expect(problemOf(text)).not.toContain(SECRET);
  });

  it.each([
    [`postgres://ada:${SECRET}@h/d`, 'postgres://ada:***@h/d'],
    [`postgres://ada:${SECRET}@b@h:1,i/d`, 'postgres://ada:***@h:1,i/d'],
    [`postgres://h/d?user=a&password=${SECRET}`, 'postgres://h/d?user=a&password=***'],
    [
      `postgres://h/d?sslpassword=${SECRET}&sslmode=require`,
      'postgres://h/d?sslpassword=***&sslmode=require',
    ],
    ['postgres://ada@h/d', 'postgres://ada@h/d'],
    ['file:data/latchkey.db', 'file:data/latchkey.db'],
  ])('the DATABASE_URL %s is shown without its secrets (AUD-2)', (text, shown) => {
    expect(maskDatabaseUrl(text)).toBe(shown);
  });
});
