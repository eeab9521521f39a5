import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { LOGIN, register } from '../../support/documents.ts';
import { providerOf } from '../../support/evil-provider.ts';
import { useCleanups } from '../../support/setup.ts';
import { PASSWORD, startApp } from '../../support/start-app.ts';

const BUILT = fileURLToPath(new URL('../../../dist/http/doors/account/', import.meta.url));

const cleanups = useCleanups();
const folder = mkdtempSync(join(tmpdir(), 'latchkey-pages-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function start(config: Partial<Config> = {}) {
  const app = await startApp({ engine: 'sqlite', config: { pages: true, ...config } });
  cleanups.push(() => app.stop());
  return app;
}

function settingsOf(html: string): unknown {
  const [, content = ''] = /name="latchkey-settings" content="([^"]*)"/.exec(html) ?? [];
  return JSON.parse(content.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code)));
}

describe('the pages of accounts', () => {
  it('each page is the same document, under a policy that allows nothing but files and the API of this server', async () => {
    const { server } = await start();
    for (const name of ['', 'sign-in', 'reset-password', 'second-factor', 'external-logins', 'sessions']) {
      const { statusCode, headers, body } = await server.inject(`/account/${name}`);
      expect([statusCode, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
      expect(headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
      const policy = String(headers['content-security-policy']);
      expect(policy).toMatch(/^default-src 'none'; /);
      for (const part of [
        "script-src 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
      ])
        expect(policy).toContain(part);
      expect(policy).not.toContain('unsafe');
      // No script and no style in the text of the page, and no address of another host.
      expect(body).not.toMatch(/<style|<script(?![^>]* src="\.\/)|https?:\/\//);
    }
    expect((await server.inject('/account/nothing')).statusCode).toBe(404);
  });

  it('addresses keep what a page needs of them: the slash of the folder, and the query', async () => {
    const { server } = await start({ issuer: 'https://example.com/auth' });
    for (const path of ['', '/auth']) {
      const folder = await server.inject(`${path}/account?redirect_to=x`);
      expect([folder.statusCode, folder.headers.location]).toEqual([308, 'account/?redirect_to=x']);
      const page = await server.inject(`${path}/account/sign-in/?redirect_to=x`);
      expect([page.statusCode, page.headers.location]).toEqual([308, '../sign-in?redirect_to=x']);
      expect((await server.inject(`${path}/account/sign-in?redirect_to=x`)).statusCode).toBe(200);
    }
  });

  it('the files of the pages are kept by browsers for good, because their names change with them', async () => {
    const { server } = await start();
    const names = readdirSync(`${BUILT}assets`);
    expect(names.length).toBeGreaterThan(1);
    for (const name of names) {
      const { statusCode, headers } = await server.inject(`/account/assets/${name}`);
      expect([statusCode, headers['cache-control']]).toEqual([200, 'public, max-age=31536000, immutable']);
      expect(headers['content-type']).toMatch(name.endsWith('.js') ? /^text\/javascript/ : /^text\/css/);
    }
    expect((await server.inject('/account/assets/..%2findex.html')).statusCode).toBe(404);
  });

  it('all that a page loads is small', () => {
    const sizes = readdirSync(`${BUILT}assets`).map(
      (name) => gzipSync(readFileSync(`${BUILT}assets/${name}`)).length,
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(32_000);
  });

  it('a page says what the server offers, and what the operator calls it', async () => {
    const logo = join(folder, 'logo.svg');
    const styles = join(folder, 'styles.css');
    writeFileSync(logo, '<svg xmlns="http://www.w3.org/2000/svg"/>');
    writeFileSync(styles, ':root { --accent: green }');
    const { appLogo, appStyles, appName } = loadConfig({
      LATCHKEY_SECRET: randomBytes(32).toString('hex'),
      LATCHKEY_APP_NAME: 'A & "B" <c>',
      LATCHKEY_APP_LOGO: logo,
      LATCHKEY_APP_STYLES: styles,
    });
    const origins = { redirectOrigins: ['https://app.example.com'] };
    const looks = { appName, appLogo, appStyles };
    const factors = { mfa: 'required', factorResetSeconds: 259_200 } as const;
    const provider = { issuer: 'https://login.example.com', displayName: 'Example <Inc.>' };
    const { server } = await start({
      registration: 'verify',
      magicLinks: true,
      providers: [providerOf('work', provider)],
      ...factors,
      ...origins,
      ...looks,
    });
    const { body } = await server.inject('/account/');
    expect(settingsOf(body)).toEqual({
      name: 'A & "B" <c>',
      logo: true,
      registration: 'verify',
      magicLinks: true,
      mail: true,
      ...factors,
      passkeys: true,
      providers: [{ name: 'work', displayName: 'Example <Inc.>' }],
      passwordMinLength: 15,
      ...origins,
    });
    expect(body).not.toContain('<c>');
    expect(body).toContain('<link rel="stylesheet" href="./styles.css">');
    const picture = await server.inject('/account/logo');
    expect([picture.headers['content-type'], picture.body]).toEqual([
      'image/svg+xml',
      expect.stringContaining('<svg'),
    ]);
    expect((await server.inject('/account/styles.css')).body).toContain('--accent: green');
    const plain = await start();
    for (const name of ['logo', 'styles.css'])
      expect((await plain.server.inject(`/account/${name}`)).headers['content-type']).toMatch(/^text\/html/);
  });

  it('a page offers no removal of factors where no mail can tell of it', async () => {
    const config = { mode: 'production', pages: true, factorResetSeconds: 259_200 } as const;
    const app = await startApp({ engine: 'sqlite', mailer: null, config });
    cleanups.push(() => app.stop());
    const { body } = await app.server.inject('/account/');
    expect(settingsOf(body)).toMatchObject({ mail: false, factorResetSeconds: 0 });
  });

  it.each([
    ['the issuer has no domain', { webauthnRpId: undefined, webauthnOrigins: [] }],
    ['they are for the pages of apps alone', { webauthnOrigins: ['https://app.example.com'] }],
  ])('a page offers no passkeys where %s', async (_case, config) => {
    const { server } = await start(config);
    expect(settingsOf((await server.inject('/account/')).body)).toMatchObject({ passkeys: false });
  });

  it.each([
    ['LATCHKEY_APP_LOGO', 'logo.gif', 'must be a file that ends in .svg, .png, .webp'],
    ['LATCHKEY_APP_LOGO', 'none.svg', 'the file cannot be read (ENOENT)'],
    ['LATCHKEY_APP_LOGO', 'large.png', 'the file must have at most 262144 bytes, and has 262145'],
    ['LATCHKEY_APP_STYLES', 'styles.txt', 'must be a file that ends in .css'],
    ['LATCHKEY_REDIRECT_ORIGINS', 'https://app.example.com/', 'must be origins as browsers send them'],
    ['LATCHKEY_REDIRECT_ORIGINS', 'javascript:/alert(1)', 'must be origins as browsers send them'],
  ])('%s=%s stops the start', (name, value, problem) => {
    writeFileSync(join(folder, 'large.png'), Buffer.alloc(262_145));
    const given = name.endsWith('ORIGINS') ? value : join(folder, value);
    const load = () => loadConfig({ LATCHKEY_SECRET: randomBytes(32).toString('hex'), [name]: given });
    expect(load).toThrow(`${name}: ${problem}`);
  });

  it('the pages have cookies where other pages have none', async () => {
    const issuer = 'https://auth.example.com';
    const config = { mode: 'production', cookies: false, corsOrigins: ['https://app.example.com'] } as const;
    const app = await start({ ...config, issuer });
    await register(app);
    const login = (origin: string) => {
      const input = { email: 'ada@example.com', password: PASSWORD, delivery: 'COOKIE' };
      return app.send(LOGIN, { input }, { headers: { origin } });
    };
    expect((await login(issuer)).headers['set-cookie']).toHaveLength(2);
    expect((await login('https://app.example.com')).code).toBe('FORBIDDEN');
    const without = await startApp({ engine: 'sqlite', config: { ...config, issuer } });
    cleanups.push(() => without.stop());
    expect((await without.server.inject('/account/')).statusCode).toBe(404);
  });
});
