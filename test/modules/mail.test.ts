import { expect, it } from '@jest/globals';
import { describeApp } from '../support/start-app.ts';

const NOTICE = { to: 'ada@example.com', template: 'password-changed' } as const;

describeApp('mail', (start) => {
  it('is queued in the transaction of its cause, and not without it (CR-8)', async () => {
    const app = await start();
    await app.database.transaction((sql) => app.mail.enqueue(sql, NOTICE));
    const failing = app.database.transaction(async (sql) => {
      await app.mail.enqueue(sql, NOTICE);
      throw new Error('the cause is undone');
    });
    await expect(failing).rejects.toThrow('undone');
    expect(await app.mailed()).toEqual([
      expect.objectContaining({ to: 'ada@example.com', subject: 'Your password was changed' }),
    ]);
    expect(await app.database.all('SELECT id FROM mails')).toEqual([]);
  });
});
