import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { complete, enrol, mfaTokenOf } from '../../support/authenticator.ts';
import { engines, migratedDatabase } from '../../support/databases.ts';
import { LOGIN, register } from '../../support/documents.ts';
import { LOGIN_WITH_PASSKEY, registerPasskey, startLogin } from '../../support/passkeys.ts';
import { useCleanups } from '../../support/setup.ts';
import { createFrozenClock, PASSWORD, startApp } from '../../support/start-app.ts';

const cleanups = useCleanups();

describe.each(engines)('a change of the master secret on %s', (engine) => {
  it('a factor that was resealed works under the new secret alone, and recovery codes need no secret (KEY-4)', async () => {
    const [before, after] = [randomBytes(32), randomBytes(32)];
    const own = await migratedDatabase(engine);
    cleanups.push(own.drop);
    const clock = createFrozenClock();
    const start = async (...secrets: Buffer[]) => {
      const app = await startApp({ engine, database: own.database, clock, config: { secrets } });
      cleanups.push(app.stop);
      return app;
    };
    const old = await start(before);
    const account = await enrol(old, (await register(old)).accessToken);
    const input = { email: 'ada@example.com', password: PASSWORD };
    const pending = async (app: Awaited<ReturnType<typeof start>>) =>
      mfaTokenOf(await app.send(LOGIN, { input }));

    const both = await start(after, before);
    expect((await complete(both, await pending(both), { totpCode: account.nextCode() })).code).toBe('OK');
    expect(await both.tokens.reseal()).toBe(1);
    expect(await both.factors.reseal()).toBe(1);
    expect(await both.factors.reseal()).toBe(0);

    const next = await start(after);
    const [recoveryCode = ''] = account.recoveryCodes;
    expect((await complete(next, await pending(next), { totpCode: account.nextCode() })).code).toBe('OK');
    expect((await complete(next, await pending(next), { recoveryCode })).code).toBe('OK');
    await expect(old.factors.reseal()).rejects.toThrow('cannot be opened');
  });

  it('a passkey is not sealed: it works under a new secret, but no challenge of the old one does (KEY-4, MFA-5)', async () => {
    const [before, after] = [randomBytes(32), randomBytes(32)];
    const own = await migratedDatabase(engine);
    cleanups.push(own.drop);
    const clock = createFrozenClock();
    const start = async (...secrets: Buffer[]) => {
      const app = await startApp({ engine, database: own.database, clock, config: { secrets } });
      cleanups.push(app.stop);
      return app;
    };
    const old = await start(before);
    const { authenticator } = await registerPasskey(old, (await register(old)).accessToken);
    const both = await start(after, before);
    await both.tokens.reseal();
    const next = await start(after);
    expect(await next.factors.reseal()).toBe(0);
    const answerTo = async (app: typeof old) => ({
      input: { passkey: authenticator.get(await startLogin(app)) },
    });
    expect((await both.send(LOGIN_WITH_PASSKEY, await answerTo(old))).code).toBe('OK');
    expect((await next.send(LOGIN_WITH_PASSKEY, await answerTo(old))).code).toBe('INVALID_TOKEN');
    expect((await next.send(LOGIN_WITH_PASSKEY, await answerTo(next))).code).toBe('OK');
  });

  it('a seal of another row does not open', async () => {
    const own = await migratedDatabase(engine);
    cleanups.push(own.drop);
    const app = await startApp({ engine, database: own.database });
    cleanups.push(app.stop);
    await enrol(app, (await register(app)).accessToken);
    const eve = await enrol(app, (await register(app, 'eve@example.com')).accessToken);
    // Who writes to the database gives Ada's account the app of Eve.
    await own.database.run(
      `UPDATE factors SET sealed_secret = (SELECT sealed_secret FROM factors WHERE id = :eve) WHERE id <> :eve`,
      { eve: eve.factorId },
    );
    const mfaToken = mfaTokenOf(
      await app.send(LOGIN, { input: { email: 'ada@example.com', password: PASSWORD } }),
    );
    expect((await complete(app, mfaToken, { totpCode: eve.nextCode() })).code).toBe('UNAVAILABLE');
  });
});
