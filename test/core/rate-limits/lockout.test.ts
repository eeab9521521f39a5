import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import {
  LOGIN,
  LOGIN_WITH_CODE,
  LOGIN_WITH_LINK,
  REAUTHENTICATE,
  REQUEST_MAGIC_LINK,
  REQUEST_RESET,
  RESET_PASSWORD,
  refreshed,
  register,
} from '../../support/documents.ts';
import { mailedCode, mailedToken } from '../../support/letters.ts';
import { describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';

const PAGE = readFileSync(fileURLToPath(new URL('../../../docs/lockout.md', import.meta.url)), 'utf8');
const ADA = 'ada@example.com';
const EVE = 'eve@example.com';
const WRONG = 'wrong horse battery staple';
const HOME = '203.0.113.1';
const ELSEWHERE = '198.51.100.1';

/** Small limits, so that an attack is short. The page speaks of the default ones. */
const LIMITS = {
  accountFailures: 2,
  accountDisableAfter: 14,
  networkFailures: 4,
  networkChecks: 12,
  networkMails: 12,
  addressMails: 2,
  magicLinks: true,
} as const;

/** For how long an attack closes a door, at most, in seconds after it ends. */
const SECONDS = { open: 0, minute: 60, window: 300, backoff: 900, hour: 3_600 } as const;
type Closed = keyof typeof SECONDS | 'anew';

/** Where the owner comes from: the network that the attacker may share, or any other. */
type Place = 'home' | 'elsewhere';
const ADDRESS: Record<Place, string> = { home: HOME, elsewhere: ELSEWHERE };

interface Cell {
  /** As the page has it. */
  readonly text: string;
  /** After a few guesses, and after a hundred in a row. */
  readonly guessing: Record<Place, Closed>;
  readonly hundred: Record<Place, Closed>;
}

const everywhere = (closed: Closed): Record<Place, Closed> => ({ home: closed, elsewhere: closed });
const NOTHING: Cell = { text: 'nothing', guessing: everywhere('open'), hundred: everywhere('open') };
const GUESSED: Cell = {
  text: 'up to 15 minutes after each guess; after 100 in a row until the password is set anew',
  guessing: everywhere('backoff'),
  hundred: everywhere('anew'),
};
const GUESSED_AT_HOME: Cell = {
  text: 'the same; and on that network 5 minutes after 10 failures',
  guessing: { home: 'window', elsewhere: 'backoff' },
  hundred: everywhere('anew'),
};
const CROWDED: Cell = {
  text: 'on that network, the rest of each minute in which they log in 30 times to an account of their own',
  guessing: { home: 'minute', elsewhere: 'open' },
  hundred: { home: 'minute', elsewhere: 'open' },
};
const ASKED_FOR: Cell = {
  text: 'on that network, asking for one, an hour after 10 mails; one that was asked for elsewhere works',
  guessing: { home: 'hour', elsewhere: 'open' },
  hundred: { home: 'hour', elsewhere: 'open' },
};
const CODE: Cell = {
  text: 'up to 15 minutes after each guess; the magic link beside it works',
  guessing: everywhere('backoff'),
  hundred: everywhere('backoff'),
};
const CODE_AT_HOME: Cell = {
  text: 'the same; and on that network what closes there for links and passwords',
  guessing: { home: 'hour', elsewhere: 'backoff' },
  hundred: { home: 'hour', elsewhere: 'backoff' },
};

/** Each of the last two can also do what the first one can. */
const ATTACKERS = [
  'strangers on other networks',
  'a stranger on the owner’s network',
  'a thief of a device token',
];
const DOORS = {
  '`login` with the password': [GUESSED, GUESSED_AT_HOME, GUESSED],
  '`login` from a known device': [NOTHING, CROWDED, GUESSED],
  '`POST /token` with the password': [GUESSED, GUESSED_AT_HOME, GUESSED],
  '`POST /token` with a `device_token`': [NOTHING, CROWDED, GUESSED],
  'a live session': [NOTHING, NOTHING, NOTHING],
  'a reset link': [NOTHING, ASKED_FOR, NOTHING],
  'a code': [CODE, CODE_AT_HOME, CODE],
  'a magic link': [NOTHING, ASKED_FOR, NOTHING],
} as const satisfies Record<string, readonly Cell[]>;
type Door = keyof typeof DOORS;
const doors = Object.keys(DOORS) as Door[];

/** The owner, with what they hold. */
interface Owner {
  readonly deviceToken: string | null;
  refreshToken: string;
}

const logIn = (app: TestApp, input: object, ip: string) =>
  app.send(LOGIN, { input: { email: ADA, password: PASSWORD, ...input } }, { ip });

async function post(app: TestApp, form: Record<string, string>, ip: string): Promise<string> {
  const { statusCode } = await app.server.inject({
    method: 'POST',
    url: '/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-for': ip },
    body: new URLSearchParams({ username: ADA, password: PASSWORD, ...form }).toString(),
  });
  return statusCode === 200 ? 'OK' : String(statusCode);
}

/** Asks, and waits until what it causes is mailed: then the newest letter is the last one. */
async function ask(app: TestApp, document: string, ip: string, email = ADA) {
  const answer = await app.send(document, { input: { email } }, { ip });
  await app.mailed();
  return answer;
}

/** The owner tries a door: OK when it lets them in. */
const TRIES: Record<Door, (app: TestApp, owner: Owner, ip: string) => Promise<string>> = {
  '`login` with the password': async (app, _owner, ip) => (await logIn(app, {}, ip)).code,
  '`login` from a known device': async (app, { deviceToken }, ip) =>
    (await logIn(app, { deviceToken }, ip)).code,
  '`POST /token` with the password': (app, _owner, ip) => post(app, {}, ip),
  '`POST /token` with a `device_token`': (app, { deviceToken }, ip) =>
    post(app, { device_token: deviceToken ?? '' }, ip),
  'a live session': async (app, owner, ip) => {
    const auth = await refreshed(app, owner.refreshToken, { ip });
    const { code, data } = await app.send(
      REAUTHENTICATE,
      { input: { password: PASSWORD } },
      { token: auth.accessToken, ip },
    );
    owner.refreshToken = data?.reauthenticate.refreshToken ?? auth.refreshToken;
    return code;
  },
  'a reset link': async (app, _owner, ip) => {
    const { code } = await ask(app, REQUEST_RESET, ip);
    if (code !== 'OK') return code;
    // Using it would open every other door.
    const token = await mailedToken(app, '/reset-password');
    const row = await app.database.get(
      'SELECT 1 AS found FROM one_time_tokens WHERE token_hash = :hash AND expires_at > :now',
      { hash: createHash('sha256').update(token).digest('base64url'), now: app.clock.now() },
    );
    return row === undefined ? 'gone' : 'OK';
  },
  'a code': async (app, _owner, ip) => {
    const asked = await ask(app, REQUEST_MAGIC_LINK, ip);
    if (asked.code !== 'OK') return asked.code;
    const code = await mailedCode(app);
    return (await app.send(LOGIN_WITH_CODE, { input: { email: ADA, code } }, { ip })).code;
  },
  'a magic link': async (app, _owner, ip) => {
    const { code } = await ask(app, REQUEST_MAGIC_LINK, ip);
    if (code !== 'OK') return code;
    const token = await mailedToken(app, '/magic-link');
    return (await app.send(LOGIN_WITH_LINK, { input: { token } }, { ip })).code;
  },
};

/** Guesses as often as it is let through, `times` in all, and waits where it must. */
async function guess(app: TestApp, times: number, deviceToken?: string | null): Promise<void> {
  for (let i = 0; i < times; ) {
    const ip = `192.0.2.${i}`;
    const { code, errors } = await logIn(app, { password: WRONG, deviceToken }, ip);
    if (code === 'INVALID_CREDENTIALS') i += 1;
    else app.clock.travel(Number(errors?.[0]?.extensions.retryAfter) * 1_000);
  }
}

/** What strangers do from networks of their own. */
async function attackFromElsewhere(app: TestApp, guesses: number): Promise<void> {
  await guess(app, guesses);
  for (let i = 0; i < 4; i += 1)
    for (const document of [REQUEST_RESET, REQUEST_MAGIC_LINK]) await ask(app, document, `192.0.2.${i}`);
  for (let i = 0; i < 2; i += 1)
    await app.send(LOGIN_WITH_CODE, { input: { email: ADA, code: '00000000' } }, { ip: `192.0.2.${i}` });
}

/** What one of them does on the owner's network, with an account of their own. */
async function crowd(app: TestApp, deviceToken: string | null): Promise<void> {
  for (let i = 0; i < LIMITS.networkFailures; i += 1)
    await logIn(app, { email: `nobody${i}@example.com` }, HOME);
  for (let i = LIMITS.networkFailures; i < LIMITS.networkChecks; i += 1)
    expect((await logIn(app, { email: EVE, deviceToken }, HOME)).code).toBe('OK');
  for (let i = 0; i < LIMITS.networkMails; i += 1)
    await ask(app, REQUEST_RESET, HOME, `nobody${i}@example.com`);
}

describe('docs/lockout.md', () => {
  it('docs/lockout.md has the table of doors that these tests check', () => {
    const lines = [
      ['door', ...ATTACKERS],
      ['---', '---', '---', '---'],
      ...doors.map((door) => [door, ...DOORS[door].map(({ text }) => text)]),
    ];
    const table = lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
    const [, section = ''] = PAGE.split('<!-- lockout -->\n');
    expect(section.split('\n<!-- /lockout -->')[0]).toBe(table);
  });
});

describe('the table of doors', () => {
  it.each(ATTACKERS.map((attacker, index) => ({ attacker, index })))(
    'the table keeps a live session open everywhere, and a reset link elsewhere, against $attacker (LOG-6)',
    ({ index }) => {
      const isOpen = (door: Door, place: Place) =>
        (['guessing', 'hundred'] as const).every((stage) => DOORS[door][index]?.[stage][place] === 'open');
      expect([isOpen('a live session', 'home'), isOpen('a live session', 'elsewhere')]).toEqual([true, true]);
      expect(isOpen('a reset link', 'elsewhere')).toBe(true);
    },
  );
});

describeApp('the doors of an account', (start) => {
  it.each([
    ...ATTACKERS.map((attacker, index) => ({ attacker, index, stage: 'guessing' as const, guesses: 2 })),
    ...ATTACKERS.map((attacker, index) => ({ attacker, index, stage: 'hundred' as const, guesses: 14 })),
  ])(
    'the doors of an account close as docs/lockout.md says under attack by $attacker: $stage (LOG-6)',
    async ({ index, stage, guesses }) => {
      const app = await start({ config: LIMITS });
      const owner: Owner = await register(app, ADA, { ip: ELSEWHERE });
      const eve = await register(app, EVE, { ip: ELSEWHERE });
      // The first proof of an address, by a code, would end what the owner has.
      await app.database.run('UPDATE users SET email_verified_at = 1');
      const isThief = index === 2;
      // A thief's guesses at the devices are more than those of one device.
      if (isThief) await guess(app, stage === 'hundred' ? guesses : 8, owner.deviceToken);
      await attackFromElsewhere(app, isThief && stage === 'hundred' ? 0 : guesses);
      if (index === 1) await crowd(app, eve.deviceToken);

      const expected = doors.flatMap((door) =>
        (['home', 'elsewhere'] as const).map((place) => {
          const closed: Closed = DOORS[door][index]?.[stage][place] ?? 'open';
          return { door, place, closed };
        }),
      );
      async function triedAfter(seconds: number): Promise<void> {
        const seen = [];
        for (const { door, place, closed } of expected) {
          const isOpen = closed !== 'anew' && SECONDS[closed] <= seconds;
          // What opens later may be open already: the longest time is the page's.
          if (!isOpen && closed !== 'anew' && seconds > 0) continue;
          const code = await TRIES[door](app, owner, ADDRESS[place]);
          seen.push({ door, place, isOpen: code === 'OK', expected: isOpen });
        }
        expect(seen.filter((one) => one.isOpen !== one.expected)).toEqual([]);
      }

      let passed = 0;
      for (const seconds of [...Object.values(SECONDS), 24 * 3_600]) {
        app.clock.travel((seconds - passed) * 1_000);
        passed = seconds;
        await triedAfter(seconds);
      }

      const token = await mailedToken(app, '/reset-password');
      const input = { token, newPassword: 'another horse altogether' };
      expect((await app.send(RESET_PASSWORD, { input }, { ip: HOME })).code).toBe('OK');
      expect((await logIn(app, { password: input.newPassword }, HOME)).code).toBe('OK');
    },
  );
});
