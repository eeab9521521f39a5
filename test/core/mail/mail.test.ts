import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { type Config, ConfigError } from '../../../src/config/config.ts';
import type { MailSummary } from '../../../src/core/mail/outbox.ts';
import type { Message } from '../../../src/core/mail/service.ts';
import type { MailTemplate } from '../../../src/core/mail/templates.ts';
import { PASSWORD_CHANGED, RESET_PASSWORD } from '../../../src/core/passwords/mails.ts';
import type { Database } from '../../../src/database/database.ts';
import { UNDO_EMAIL_CHANGE } from '../../../src/features/email-changes/mails.ts';
import { MAGIC_LINK } from '../../../src/features/magic-links/mails.ts';
import { type Letter, MailError, type Mailer } from '../../../src/platform/mailer.ts';
import { engines, freshDatabase } from '../../support/databases.ts';
import {
  CHANGE_PASSWORD,
  DELETE_ME,
  login,
  ME,
  REQUEST_EMAIL_CHANGE,
  register,
} from '../../support/documents.ts';
import { gate } from '../../support/gate.ts';
import { holdTransaction } from '../../support/hold-transaction.ts';
import {
  createFrozenClock,
  describeApp,
  PASSWORD,
  START,
  startApp,
  type TestApp,
} from '../../support/start-app.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const TOKEN = 'a-token-that-nobody-may-see';

const NOTICE = { to: 'ada@example.com', template: PASSWORD_CHANGED } as const;
const RESET = {
  to: 'ada@example.com',
  template: RESET_PASSWORD.template,
  path: `/reset-password#token=${TOKEN}`,
  expiresAt: START + 30 * MINUTE_MS,
} as const;
/** Every mail that has files in the sources, whichever module declares it. */
const SRC = fileURLToPath(new URL('../../../src/', import.meta.url));
const TEMPLATES: readonly MailTemplate[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => /templates[/\\][\w-]+\.txt$/.test(file))
  .map((file) => ({ name: basename(file, '.txt'), folder: join(SRC, dirname(file), '/') }));

const folder = mkdtempSync(join(tmpdir(), 'latchkey-mail-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A folder of templates. */
function folderWith(files: Record<string, string>): string {
  const path = mkdtempSync(join(folder, 'templates-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

async function queue(app: TestApp, ...messages: readonly Message[]): Promise<void> {
  await app.database.transaction(async (sql) => {
    for (const message of messages) await app.mail.enqueue(sql, message);
  });
}

async function listed(app: TestApp): Promise<MailSummary[]> {
  const mails: MailSummary[] = [];
  for await (const mail of app.mail.list()) mails.push(mail);
  return mails;
}

/** A mail server of which a test says what it does with each letter. */
function createTestMailer(deliver: (letter: Letter) => Promise<void> | void) {
  const tried: Letter[] = [];
  const mailer: Mailer = {
    async send(letter) {
      tried.push(letter);
      await deliver(letter);
    },
    close: () => {},
  };
  return { tried, mailer };
}

function failing(kind: MailError['kind']) {
  return createTestMailer(() => {
    throw new MailError(kind, '451 4.7.1 to RCPT TO');
  });
}

/** Takes a letter and lets it lie until `fail`, then fails; `arrived` resolves once it has one. */
function createLateMailer(kind: MailError['kind']) {
  const [arriving, failing] = [gate(), gate()];
  const { tried, mailer } = createTestMailer(async () => {
    arriving.open();
    await failing.opened;
    throw new MailError(kind, '451 4.7.1 to RCPT TO');
  });
  return { tried, mailer, arrived: arriving.opened, fail: failing.open };
}

/** Takes letters and lets them lie until `go`; `arrived` resolves once it has so many. */
function createSlowMailer(count = 1) {
  let go = () => {};
  let breakOff = (_: MailError) => {};
  let arrive = () => {};
  const gone = new Promise<void>((resolve, reject) => {
    go = resolve;
    breakOff = reject;
  });
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const { tried, mailer } = createTestMailer(() => {
    if (tried.length === count) arrive();
    return gone;
  });
  const close = () => breakOff(new MailError('unanswered', 'ECONNECTION'));
  return { tried, mailer: { ...mailer, close }, arrived, go };
}

describeApp('queued mails', (start, engine) => {
  it('a mail is queued in the transaction of its cause and rolled back with it (CR-8)', async () => {
    const app = await start();
    await queue(app, NOTICE);
    const undone = app.database.transaction(async (sql) => {
      await app.mail.enqueue(sql, NOTICE);
      throw new Error('the cause is undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await app.mailed()).toEqual([
      expect.objectContaining({ to: 'ada@example.com', subject: 'Your password was changed' }),
    ]);
    expect(await listed(app)).toEqual([]);
  });

  it('a queued mail is sealed in the database and does not open in another row (KEY-4)', async () => {
    const app = await start();
    await queue(app, RESET, { ...RESET, to: 'grace@example.com' });
    const rows = await app.database.all<{ id: string }>('SELECT * FROM mails ORDER BY id');
    expect(JSON.stringify(rows)).not.toMatch(new RegExp(`${TOKEN}|ada@|grace@|localhost`));

    const [first, second] = rows;
    await app.database.run(
      `UPDATE mails SET sealed_content = (SELECT sealed_content FROM mails WHERE id = :from) WHERE id = :to`,
      { from: first?.id ?? '', to: second?.id ?? '' },
    );
    expect(await app.mailed()).toHaveLength(1);
    expect(await listed(app)).toMatchObject([{ id: second?.id, to: undefined, failure: 'UNREADABLE' }]);
  });

  it('a sent mail leaves no row behind', async () => {
    const app = await start();
    await queue(app, RESET);
    await app.mailed();
    expect(await app.database.all('SELECT id FROM mails')).toEqual([]);
  });

  it('a queued mail about an account is deleted with that account', async () => {
    const app = await start();
    const ada = await register(app);
    await queue(app, { ...NOTICE, userId: ada.user.id }, NOTICE);
    const { code } = await app.send(
      DELETE_ME,
      { input: { password: 'correct horse battery staple' } },
      { token: ada.accessToken },
    );
    expect([code, (await listed(app)).length]).toEqual(['OK', 1]);
  });

  it('a queued mail that was resealed is sent by a server that has only the new secret (KEY-4)', async () => {
    const [older, newer] = [randomBytes(32), randomBytes(32)];
    const before = await start({ config: { secrets: [older] } });
    await queue(before, RESET, NOTICE);
    const { database } = before;

    const without = await start({ database, config: { secrets: [newer] } });
    await without.mail.turn();
    expect(await listed(without)).toMatchObject([{ failure: 'UNREADABLE' }, { failure: 'UNREADABLE' }]);

    const both = await start({ database, config: { secrets: [newer, older] } });
    expect([await both.mail.reseal(), await both.mail.reseal()]).toEqual([2, 0]);
    without.clock.travel(MINUTE_MS);
    expect(await without.mailed()).toHaveLength(2);
  });

  it('a server that sends no mail queues none', async () => {
    const app = await start({ config: { mode: 'production', appUrl: undefined } });
    await queue(app, RESET);
    expect(await listed(app)).toEqual([]);
  });

  it('queued mails are deleted after a restore: they may have been sent since the backup (CR-6)', async () => {
    const app = await start();
    await queue(app, NOTICE);
    await app.admin.finishRestore();
    expect(await app.mailed()).toEqual([]);
  });

  it('a queued mail with an expired link is not sent, and its content is erased', async () => {
    const app = await start();
    await queue(app, RESET);
    app.clock.travel(30 * MINUTE_MS);
    expect(await app.mailed()).toEqual([]);
    await app.housekeeping.turn();
    expect(await listed(app)).toMatchObject([{ failure: 'EXPIRED', failedAt: app.clock.now() }]);
    expect(await app.database.all('SELECT sealed_content AS "sealed" FROM mails')).toEqual([
      { sealed: null },
    ]);
  });

  it(`a queued mail is sent once when two processes share the queue on ${engine}`, async () => {
    const clock = createFrozenClock();
    const first = await start({ clock });
    const second = await start({ clock, database: first.database });
    const recipients = Array.from({ length: 60 }, (_, index) => `user${index}@example.com`);
    await queue(first, ...recipients.map((to) => ({ ...NOTICE, to })));
    await Promise.all([first.mail.turn(), second.mail.turn()]);
    const sent = [...(await first.mailed()), ...(await second.mailed())].map(({ to }) => to);
    expect(sent.sort()).toEqual(recipients.sort());
  });
});

describeApp('mails that a wrong clock put off', (start) => {
  it('housekeeping makes a mail due again that a wrong clock put off, but not one in its normal wait (CR-7)', async () => {
    const { tried, mailer } = failing('deferred');
    const app = await start({ mailer });
    app.clock.travel(40 * DAY_MS);
    await queue(app, { ...RESET, expiresAt: START + 80 * DAY_MS });
    await app.mail.turn();
    app.clock.travel(-40 * DAY_MS);
    await queue(app, NOTICE);
    await app.mail.turn();
    expect(tried.map(({ subject }) => subject)).toEqual(['Reset your password', 'Your password was changed']);
    await app.mail.prune();
    await app.mail.turn();
    expect(tried.map(({ subject }) => subject).slice(2)).toEqual(['Reset your password']);
  });
});

describeApp('notices', (start) => {
  /** Changes the password so many times, and back again. */
  async function changePasswords(app: TestApp, accessToken: string, times: number): Promise<void> {
    let token = accessToken;
    let [currentPassword, newPassword] = [PASSWORD, 'another horse altogether'];
    for (let i = 0; i < times; i += 1) {
      const input = { currentPassword, newPassword };
      const { data, code } = await app.send(CHANGE_PASSWORD, { input }, { token, ip: `203.0.113.${i}` });
      expect(code).toBe('OK');
      token = data.changePassword.accessToken;
      [currentPassword, newPassword] = [newPassword, currentPassword];
    }
  }

  it('an address that was never verified gets no notices, because it may belong to a stranger', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    await changePasswords(app, accessToken, 3);
    const input = { newEmail: 'new@example.com', password: 'another horse altogether' };
    await app.send(REQUEST_EMAIL_CHANGE, { input }, { token: accessToken });
    expect((await app.mailed()).filter(({ to }) => to === 'ada@example.com')).toEqual([]);
  });

  it('a verified address gets at most ten notices in an hour, however often its password changes', async () => {
    const app = await start();
    await app.admin.createUser({ email: 'ada@example.com', password: PASSWORD });
    await changePasswords(app, (await login(app)).accessToken, 12);
    expect(await app.mailed()).toHaveLength(10);
    app.clock.travel(60 * MINUTE_MS);
    await changePasswords(app, (await login(app)).accessToken, 1);
    expect(await app.mailed()).toHaveLength(11);
    const events = await app.database.all(`SELECT id FROM audit_events WHERE name = 'authn_password_change'`);
    expect(events).toHaveLength(13);
  });

  it('notices are sent after every mail with a link', async () => {
    const { tried, mailer } = createTestMailer(() => {});
    const app = await start({ mailer });
    await queue(app, NOTICE, NOTICE, NOTICE, RESET, NOTICE, RESET);
    await app.mail.turn();
    const subjects = tried.map(({ subject }) => subject);
    expect(subjects).toEqual([
      ...Array(2).fill('Reset your password'),
      ...Array(4).fill('Your password was changed'),
    ]);
  });
});

if (engines.includes('postgres'))
  describe('claiming a mail beside another process, on postgres', () => {
    it('a mail is not claimed again once another process has committed its claim (CR-8)', async () => {
      const fresh = await freshDatabase('postgres');
      const app = await startApp({ engine: 'postgres', database: fresh.database });
      const other = await holdTransaction(fresh);
      try {
        await queue(app, NOTICE);
        await other.run(
          `UPDATE mails SET tries = 1, unsettled_tries = 1, next_try_at = ${START + 5 * MINUTE_MS}`,
        );
        const turn = app.mailed();
        // It has found the mail due, and waits for the row.
        await other.commitOnceWaitedFor();
        expect(await turn).toEqual([]);
        expect(await listed(app)).toMatchObject([{ tries: 1, failedAt: null }]);
      } finally {
        await other.end();
        await app.stop();
        await fresh.drop();
      }
    });
  });

describeApp('the sender', (start) => {
  it('the sender wakes up when a mail is queued, and requests do not wait for the mail server', async () => {
    const [first, second, answered] = [gate(), gate(), gate()];
    const { tried, mailer } = createTestMailer(() => {
      (tried.length === 1 ? first : second).open();
      return answered.opened;
    });
    const app = await start({ mailer });
    app.mail.watch();
    await queue(app, NOTICE);
    await first.opened;
    await queue(app, NOTICE);
    await second.opened;
    // The mail server is slow; the requests do not wait for it.
    expect((await app.send(ME)).code).toBe('UNAUTHENTICATED');
    await register(app, 'grace@example.com');
    answered.open();
    await app.mail.turn();
    expect(await listed(app)).toEqual([]);
  });

  it('the sender sends four mails at once', async () => {
    const { tried, mailer, arrived, go } = createSlowMailer(4);
    const app = await start({ mailer });
    await queue(app, ...Array.from({ length: 20 }, () => NOTICE));
    const turn = app.mail.turn();
    await arrived;
    await listed(app);
    expect(tried).toHaveLength(4);
    go();
    await turn;
    expect(tried).toHaveLength(20);
  });

  it('the sender retries a deferred mail at growing intervals and gives up after seven hours (CR-8)', async () => {
    const { tried, mailer } = failing('deferred');
    const app = await start({ mailer });
    await queue(app, NOTICE);

    const waits: number[] = [];
    while (waits.length < 20) {
      await app.mail.turn();
      const [mail] = await listed(app);
      if (mail === undefined || mail.failedAt !== null) break;
      waits.push((mail.nextTryAt - app.clock.now()) / SECOND_MS);
      app.clock.travel(mail.nextTryAt - app.clock.now() - 1);
      await app.mail.turn();
      expect(tried).toHaveLength(waits.length);
      app.clock.travel(1);
    }
    expect(waits.slice(0, 10)).toEqual([10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600]);
    expect(waits).toHaveLength(15);
    expect(await listed(app)).toMatchObject([{ tries: 16, failure: '451 4.7.1 to RCPT TO' }]);
    app.clock.travel(DAY_MS);
    await app.mail.turn();
    expect(tried).toHaveLength(16);
  });

  it('the sender keeps a refused mail as a dead letter until it is told to retry it (CR-8)', async () => {
    let isRight = false;
    const { tried, mailer } = createTestMailer(() => {
      if (!isRight) throw new MailError('refused', '550 5.1.1 to RCPT TO');
    });
    const app = await start({ mailer });
    await queue(app, NOTICE, RESET);
    await app.mail.turn();
    app.clock.travel(DAY_MS);
    await app.mail.turn();
    expect(tried).toHaveLength(2);
    const dead = await listed(app);
    expect(dead.map(({ to, failedAt, failure }) => [to, failedAt, failure])).toEqual([
      ['ada@example.com', START, '550 5.1.1 to RCPT TO'],
      ['ada@example.com', START, '550 5.1.1 to RCPT TO'],
    ]);

    isRight = true;
    const idOf = (template: string) => dead.find((mail) => mail.template === template)?.id;
    // Its link expired meanwhile.
    expect(await app.mail.retry(idOf('reset-password'))).toBe(0);
    expect(await app.mail.retry('no such mail')).toBe(0);
    expect(await app.mail.retry()).toBe(1);
    await app.mail.turn();
    expect(tried.map(({ subject }) => subject).slice(2)).toEqual(['Your password was changed']);
    expect((await listed(app)).map(({ template }) => template)).toEqual(['reset-password']);
  });

  it('the sender leaves an unreachable mail server alone for five seconds, however many mails wait', async () => {
    const { tried, mailer } = failing('unreachable');
    const app = await start({ mailer });
    await queue(app, ...Array.from({ length: 12 }, () => NOTICE));
    await app.mail.turn();
    const count = tried.length;
    expect(count).toBeLessThanOrEqual(4);
    app.clock.travel(4 * SECOND_MS);
    await app.mail.turn();
    expect(tried).toHaveLength(count);
    app.clock.travel(SECOND_MS);
    await app.mail.turn();
    expect(tried.length).toBeGreaterThan(count);
  });

  it('the sender delivers a mail at most twice when the answers of the mail server are lost (CR-8)', async () => {
    const { tried, mailer } = failing('unanswered');
    const app = await start({ mailer });
    await queue(app, NOTICE);
    for (let hours = 0; hours < 4; hours += 1) {
      await app.mail.turn();
      app.clock.travel(60 * MINUTE_MS);
    }
    expect(tried).toHaveLength(2);
    expect(new Set(tried.map(({ id }) => id)).size).toBe(1);
    expect(await listed(app)).toMatchObject([{ tries: 2, failedAt: expect.any(Number) }]);
  });

  it('the sender delivers a mail at most twice when it dies between sending it and recording that (CR-8)', async () => {
    const { database } = await start();
    const dying: Database = {
      ...database,
      run: async (text, params) => {
        if (text.startsWith('DELETE FROM mails WHERE id = :id')) throw new Error('killed');
        return database.run(text, params);
      },
    };
    const app = await start({ database: dying });
    await queue(app, NOTICE);
    expect(await app.mailed()).toHaveLength(1);
    app.clock.travel(5 * MINUTE_MS - 1);
    expect(await app.mailed()).toHaveLength(1);
    app.clock.travel(1);
    expect(await app.mailed()).toHaveLength(2);
    app.clock.travel(5 * MINUTE_MS);
    expect(await app.mailed()).toHaveLength(2);
    await app.housekeeping.turn();
    expect(await listed(app)).toMatchObject([{ tries: 2, failure: 'UNSETTLED', failedAt: app.clock.now() }]);
  });

  it.each(['deferred', 'refused', 'unanswered'] as const)(
    'a try that ends as %s after its claim has lapsed changes nothing: another process has the mail (CR-8)',
    async (kind) => {
      const late = createLateMailer(kind);
      const prompt = createSlowMailer();
      const clock = createFrozenClock();
      const slow = await start({ clock, mailer: late.mailer });
      const other = await start({ clock, database: slow.database, mailer: prompt.mailer });
      await queue(slow, NOTICE);
      const slowTurn = slow.mail.turn();
      await late.arrived;
      clock.travel(5 * MINUTE_MS);
      const otherTurn = other.mail.turn();
      await prompt.arrived;
      const rows = () => slow.database.all('SELECT * FROM mails');
      const claimed = await rows();

      late.fail();
      await slowTurn;
      expect(await rows()).toEqual(claimed);
      prompt.go();
      await otherTurn;
      expect([late.tried.length, prompt.tried.length, await rows()]).toEqual([1, 1, []]);
    },
  );

  it('a try that surely failed is not counted as a delivery', async () => {
    const kinds: MailError['kind'][] = ['unreachable', 'deferred', 'unanswered', 'unreachable', 'unanswered'];
    const { tried, mailer } = createTestMailer(() => {
      throw new MailError(kinds.shift() ?? 'refused', 'ECONNECTION');
    });
    const app = await start({ mailer });
    await queue(app, NOTICE);
    for (let hours = 0; hours < 8; hours += 1) {
      await app.mail.turn();
      app.clock.travel(60 * MINUTE_MS);
    }
    expect(tried).toHaveLength(5);
  });

  it('the sender finishes the mail in hand when its process stops, and begins no other (CR-3)', async () => {
    const { tried, mailer, arrived, go } = createSlowMailer();
    const app = await start({ mailer });
    await queue(app, NOTICE);
    const turn = app.mail.turn();
    await arrived;
    const closing = app.mail.close();
    await queue(app, NOTICE);
    go();
    await Promise.all([closing, turn]);
    await app.mail.turn();
    expect([tried.length, (await listed(app)).length]).toEqual([1, 1]);
  });

  it('the sender gives up a stalled mail server within the time of a stop, and records the failure (CR-3)', async () => {
    const { mailer, arrived } = createSlowMailer();
    const app = await start({ mailer });
    await queue(app, NOTICE);
    const turn = app.mail.turn();
    await arrived;
    await app.mail.close();
    expect(await listed(app)).toMatchObject([{ tries: 1, failedAt: null, failure: 'ECONNECTION' }]);
    await turn;
  });

  it('the log of a refused mail says what failed, and neither its token nor its address (AUD-2)', async () => {
    const app = await start({ mailer: failing('refused').mailer });
    await queue(app, RESET);
    await app.mail.turn();
    const [line = ''] = app.lines.filter((text) => text.includes('dead letter'));
    expect(JSON.parse(line)).toMatchObject({ template: 'reset-password', failure: '451 4.7.1 to RCPT TO' });
    expect(app.lines.join()).not.toMatch(new RegExp(`${TOKEN}|ada@example`));
  });

  it('dead letters are deleted after 30 days', async () => {
    const app = await start({ mailer: failing('refused').mailer });
    await queue(app, NOTICE);
    await app.mail.turn();
    app.clock.travel(30 * DAY_MS);
    await app.housekeeping.turn();
    expect(await listed(app)).toMatchObject([{ to: undefined }]);
    app.clock.travel(10 * MINUTE_MS);
    await app.housekeeping.turn();
    expect(await listed(app)).toEqual([]);
  });
});

describe('mail templates', () => {
  const running: TestApp[] = [];
  afterEach(async () => {
    for (const app of running.splice(0)) await app.stop();
  });

  async function start(config: Partial<Config> = {}, database?: Database): Promise<TestApp> {
    const app = await startApp({ engine: 'sqlite', config, ...(database && { database }) });
    running.push(app);
    return app;
  }

  /** What a start says to a folder of templates. */
  async function refusalOf(templates: string): Promise<string> {
    const { database } = await start();
    const error: unknown = await start({ templates }, database).catch((error: unknown) => error);
    if (error instanceof ConfigError) return error.message;
    throw new Error('the templates were accepted');
  }

  const LINK = `http://localhost:3000/x#token=${TOKEN}`;

  it('the mail templates of all modules have names of their own', () => {
    const names = TEMPLATES.map(({ name }) => name);
    expect(names.length).toBeGreaterThanOrEqual(10);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(TEMPLATES)('the mail $name says the same in text and in HTML', async (template) => {
    const app = await start();
    const path = `/x#token=${TOKEN}`;
    await queue(app, { to: 'ada@example.com', template, path, code: '12345678', expiresAt: START + DAY_MS });
    const [letter] = await app.mailed();
    expect(letter).toMatchObject({ to: 'ada@example.com', subject: expect.stringMatching(/^\S.+$/) });
    const { text = '', html = '' } = letter ?? {};
    expect(`${text}${html}`).not.toMatch(/\{\{|\}\}|undefined|Subject:/);
    expect([html.includes(`href="${LINK}"`), html.includes('12345678')]).toEqual([
      text.includes(`\n${LINK}\n`),
      text.includes('12345678'),
    ]);
    expect(text).toContain('localhost:3000');
  });

  it('a mail links to the configured app, below its path (WEB-6)', async () => {
    const app = await start({ appUrl: 'https://app.example.com/accounts/' });
    await queue(app, RESET);
    const [letter] = await app.mailed();
    expect(letter?.text).toContain(`\nhttps://app.example.com/accounts/reset-password#token=${TOKEN}\n`);
    expect(letter?.text).toContain('your account at app.example.com.');
  });

  it.each([
    ['https://app.example.com/#/auth', `https://app.example.com/#/auth/reset-password?token=${TOKEN}`],
    ['https://app.example.com/#/', `https://app.example.com/#/reset-password?token=${TOKEN}`],
    [
      'https://app.example.com/?lang=de#/{page}?token={token}',
      `https://app.example.com/?lang=de#/reset-password?token=${TOKEN}`,
    ],
    ['https://app.example.com/my/{page}#{token}', `https://app.example.com/my/reset-password#${TOKEN}`],
  ])('a mail links to the page of an app with another kind of router: %s (OTT-5)', async (appUrl, link) => {
    const app = await start({ appUrl });
    await queue(app, RESET);
    const [{ text = '', html = '' } = {}] = await app.mailed();
    expect(text).toContain(`\n${link}\n`);
    expect(html).toContain(`href="${link}"`);
    expect(text).toContain('your account at app.example.com.');
  });

  it.each([
    [10 * MINUTE_MS, '10 minutes'],
    [MINUTE_MS, '1 minute'],
    [5 * SECOND_MS, '1 minute'],
    [DAY_MS, '24 hours'],
    [7 * DAY_MS, '7 days'],
  ])('a mail says that a link of %d ms works for %s', async (ms, words) => {
    const app = await start();
    await queue(app, { ...RESET, expiresAt: START + ms });
    const [letter] = await app.mailed();
    expect(letter?.text).toContain(`for ${words}.`);
  });

  it('the notice of an email change has an undo link only when it is given one', async () => {
    const app = await start();
    const changed = { ...NOTICE, template: UNDO_EMAIL_CHANGE.template } as const;
    await queue(app, changed, { ...changed, path: '/undo#token=x', expiresAt: START + 7 * DAY_MS });
    const texts = (await app.mailed()).map(({ text }) => text.includes('/undo#token=x'));
    expect(texts.sort()).toEqual([false, true]);
  });

  it.each<[string, Omit<Message, 'to'>]>([
    ['the link', { template: RESET_PASSWORD.template, expiresAt: START + 1 }],
    ['the expiry of the link', { template: RESET_PASSWORD.template, path: '/x' }],
    ['the code', { template: MAGIC_LINK.template, path: '/x', expiresAt: START + 1 }],
  ])('a mail is not queued when its template needs %s and it is missing', async (_, message) => {
    const app = await start();
    await expect(queue(app, { ...message, to: 'ada@example.com' })).rejects.toThrow(message.template.name);
  });

  it("an operator's files replace the mail templates one by one, and values are escaped in their HTML", async () => {
    const templates = folderWith({
      'password-changed.html': '<p title="{{email}}">{{ email }} at {{app}}</p>',
      'reset-password.txt': 'Subject: Neues Passwort\r\n\r\nHallo {{email}}:\r\n{{link}}\r\n',
      'notes.md': 'Nothing of ours.',
    });
    const app = await start({ templates });
    await queue(app, { ...NOTICE, to: `<"o'neil&co">@example.com` });
    await queue(app, RESET);
    const letters = await app.mailed();
    expect(letters.map(({ subject }) => subject).sort()).toEqual([
      'Neues Passwort',
      'Your password was changed',
    ]);
    const changed = letters.find(({ subject }) => subject === 'Your password was changed');
    const safe = '&#60;&#34;o&#39;neil&#38;co&#34;&#62;@example.com';
    expect(changed?.html).toBe(`<p title="${safe}">${safe} at localhost:3000</p>`);
    expect(changed?.text).toContain('was changed');
    const reset = letters.find(({ subject }) => subject === 'Neues Passwort');
    expect(reset?.text).toBe(`Hallo ada@example.com:\nhttp://localhost:3000${RESET.path}\n`);
    expect(reset?.html).toContain(TOKEN);
  });

  it.each<[string, string, string]>([
    ['reset-password.txt', 'Subject: x\n\n{{link}} {{lnk}}', '{{lnk}} is none of'],
    ['reset-password.txt', 'Subject: x\n\n{{link}} {{#lnk}}y{{/lnk}}', '{{lnk}} is none of'],
    ['reset-password.txt', 'Subject: x\n\n{{link}} {{code}}', '{{code}} is none of'],
    ['reset-password.txt', 'Subject: x\n\nask your operator', 'does not say {{link}}'],
    ['magic-link.html', '<a href="{{link}}">log in</a>', 'does not say {{code}}'],
    ['reset-password.txt', 'Subject: x\n\n{{link}} {{#lifetime}}y', 'has {{ that'],
    ['reset-password.txt', 'Subject: x\n\n{{link}} {{ li nk }}', 'has {{ that'],
    ['reset-password.txt', '{{link}}', 'does not begin with a line "Subject: …"'],
    ['reset-pasword.txt', 'Subject: x\n\n{{link}}', 'there is no such template'],
  ])('a server does not start with the template file %s that holds %j', async (file, text, problem) => {
    const refusal = await refusalOf(folderWith({ [file]: text }));
    expect(refusal).toContain(`\n  LATCHKEY_TEMPLATES: ${file}: ${problem}`);
  });

  it('a server does not start when its folder of templates does not exist', async () => {
    const refusal = await refusalOf(join(folder, 'nowhere'));
    expect(refusal).toContain('LATCHKEY_TEMPLATES: cannot be read (ENOENT)');
  });
});
