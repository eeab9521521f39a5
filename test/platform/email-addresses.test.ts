import { expect, it } from '@jest/globals';
import { LOGIN, ME, REGISTER, REQUEST_RESET, RESET_PASSWORD, register } from '../support/documents.ts';
import { mailedToken } from '../support/letters.ts';
import { describeApp, PASSWORD } from '../support/start-app.ts';

const TYPED = 'Info@Bücher.example';
const PUNYCODE = 'info@xn--bcher-kva.example';

describeApp('email addresses with an internationalised domain', (start) => {
  it('an address with an internationalised domain is shown as it was typed, and is the same in Punycode (LOG-5, LOG-9)', async () => {
    const app = await start();
    const { accessToken, user } = await register(app, TYPED);
    expect(user.email).toBe(TYPED);
    expect((await app.send(ME, {}, { token: accessToken })).data.me.email).toBe(TYPED);

    for (const email of [TYPED, PUNYCODE, 'info@bu\u0308cher.EXAMPLE']) {
      expect((await app.send(LOGIN, { input: { email, password: PASSWORD } })).code).toBe('OK');
      const again = await app.send(REGISTER, { input: { email, password: PASSWORD } });
      expect(again.code).toBe('EMAIL_TAKEN');
    }
    const other = { email: 'info@bucher.example', password: PASSWORD };
    expect((await app.send(LOGIN, { input: other })).code).toBe('INVALID_CREDENTIALS');
  });

  it('the REST door logs in an address with an internationalised domain by its Punycode', async () => {
    const app = await start();
    await register(app, TYPED);
    const { statusCode } = await app.server.inject({
      method: 'POST',
      url: '/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({ username: PUNYCODE, password: PASSWORD }).toString(),
    });
    expect(statusCode).toBe(200);
  });

  it('a reset that is requested by the Punycode of an address is mailed to the address as it was registered', async () => {
    const app = await start();
    await register(app, TYPED);
    await app.send(REQUEST_RESET, { input: { email: PUNYCODE } });
    const token = await mailedToken(app, '/reset-password', TYPED);
    const input = { token, newPassword: 'another battery staple horse' };
    expect((await app.send(RESET_PASSWORD, { input })).code).toBe('OK');
  });

  it('operators create, find and import addresses with an internationalised domain', async () => {
    const app = await start();
    await app.admin.createUser({ email: TYPED, password: PASSWORD });
    await app.admin.disable(PUNYCODE);
    async function* rows() {
      yield { line: 1, fields: { email: PUNYCODE } };
      yield { line: 2, fields: { email: 'other@bücher.example' } };
    }
    const { total } = await app.transfers.importUsers(
      { digest: 'one', rows: rows() },
      { onBatch: () => undefined },
    );
    expect(total).toMatchObject({ created: 1, refused: 1 });
  });
});
