import { describe, expect, it } from '@jest/globals';
import { AuthError } from '../../src/errors.ts';
import { parseLabel } from '../../src/platform/label.ts';
import { LOGIN, REGISTER, register } from '../support/documents.ts';
import { describeApp, PASSWORD } from '../support/start-app.ts';

/** Names that cannot be seen, and names that change how the text after them is shown. */
const REFUSED: [string, string][] = [
  ['a zero width space', '\u200b'],
  ['zero width spaces between spaces', ' \u200b \u200b '],
  ['a zero width joiner', '\u200d'],
  ['a word joiner', '\u2060'],
  ['a soft hyphen', '\u00ad'],
  ['a byte order mark among others', '\u200b\ufeff\u200b'],
  ['a mark of direction', '\u200e'],
  ['an Arabic letter mark', '\u061c'],
  ['a Hangul filler', '\u3164'],
  ['a halfwidth Hangul filler', '\uffa0'],
  ['Hangul jamo fillers', '\u115f\u1160'],
  ['a blank of Braille', '\u2800'],
  ['a Mongolian vowel separator', '\u180e'],
  ['a combining grapheme joiner', '\u034f'],
  ['a variation selector', '\ufe0f'],
  ['a variation selector of the supplement', '\u{e0100}'],
  ['tag characters', '\u{e0041}\u{e007f}'],
  ['an accent on nothing', '\u0301'],
  ['spaces of every kind and a joiner', '\u00a0\u2003\u3000\u200d\u00a0'],
  ['an override to the left', 'Ada \u202e ecalevoL'],
  ['an override to the right', '\u202dAda'],
  ['an embedding', 'Ada \u202b'],
  ['an embedding to the right', '\u202aAda\u202c'],
  ['the end of an embedding', 'Ada\u202c'],
  ['an isolate', 'Ada \u2067x'],
  ['an isolate that ends', '\u2068Ada\u2069'],
  ['the end of a line', 'Ada\u2028Lovelace'],
  ['the end of a paragraph', 'Ada\u2029Lovelace'],
  ['a control character', 'Ada\u0085Lovelace'],
];

const TAKEN: [string, string][] = [
  ['letters', 'Ada Lovelace'],
  ['one letter', 'é'],
  ['letters with their accents apart', 'e\u0301'],
  ['Arabic with a mark of direction', '\u0622\u062f\u0627 \u200f(A)'],
  ['Hebrew', '\u05e2\u05d3\u05d4'],
  ['Persian with a non-joiner', '\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645'],
  ['Devanagari with a joiner', '\u0915\u094d\u200d\u0937'],
  ['a family', '\u{1f469}\u200d\u{1f469}\u200d\u{1f467}'],
  ['a heart in colour', '\u2764\ufe0f'],
  ['the flag of Scotland', '\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}'],
  ['a digit', '7'],
  ['a sign', '?'],
  ['a sign of private use', '\uf8ff'],
  ['a character that Unicode may define later', '\u{1fae9}'],
  ['Hangul', '\uc544\ub2e4'],
];

describe('parseLabel', () => {
  it.each(REFUSED)('parseLabel refuses %s', (_what, text) => {
    expect(() => parseLabel(text, 'input.name')).toThrow(AuthError);
  });

  it.each(TAKEN)('parseLabel takes %s as it is', (_what, text) => {
    expect(parseLabel(text, 'input.name')).toBe(text);
  });

  it.each([null, undefined, '', ' ', '\t\n', '\ufeff', '\u00a0\u3000'])(
    'parseLabel finds no name in %j',
    (text) => {
      expect(parseLabel(text, 'input.name')).toBeNull();
    },
  );
});

describeApp('names', (start) => {
  const invisible = '\u3164\u200b';
  const reversed = 'Ada \u202e';

  it('a name that cannot be seen or turns text around is refused in every input that takes a name', async () => {
    const app = await start({ config: { throttles: false, magicLinks: true } });
    const { accessToken: token } = await register(app);
    const update = 'mutation ($input: UpdateMeInput!) { updateMe(input: $input) { name } }';
    const link =
      'mutation ($input: LoginWithMagicLinkInput!) { loginWithMagicLink(input: $input) { tokenType } }';
    const code =
      'mutation ($input: LoginWithEmailCodeInput!) { loginWithEmailCode(input: $input) { tokenType } }';
    const verify = 'mutation ($input: VerifyEmailInput!) { verifyEmail(input: $input) { tokenType } }';
    const email = 'ada@example.com';
    for (const text of [invisible, reversed]) {
      for (const [document, input] of [
        [REGISTER, { email: 'grace@example.com', password: PASSWORD, name: text }],
        [update, { name: text }],
        [LOGIN, { email, password: PASSWORD, deviceName: text }],
        [link, { token: 'lko_', deviceName: text }],
        [code, { email, code: '12345678', deviceName: text }],
        [verify, { token: 'lko_', deviceName: text }],
      ] as const) {
        const { errors } = await app.send(document, { input }, { token });
        const field = 'name' in input ? 'input.name' : 'input.deviceName';
        expect(errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', field });
      }
    }
    expect(await app.database.all('SELECT id FROM users')).toHaveLength(1);
    expect(await app.database.all('SELECT id FROM sessions')).toHaveLength(1);
  });

  it('a name that cannot be seen or turns text around is refused from the operator and in an import', async () => {
    const app = await start();
    const refused: number[] = [];
    const names = [invisible, reversed, 'Ada \u2764\ufe0f'];
    for (const name of names.slice(0, 2)) {
      const created = app.admin.createUser({ email: 'grace@example.com', password: PASSWORD, name });
      await expect(created).rejects.toThrow(AuthError);
    }
    await app.transfers.importUsers(
      {
        digest: 'a file',
        rows: (async function* () {
          for (const [index, name] of names.entries())
            yield { line: index + 1, fields: { email: `ada${index}@example.com`, name } };
        })(),
      },
      { onBatch: (_line, lines) => void refused.push(...lines.map(({ line }) => line)) },
    );
    expect(refused).toEqual([1, 2]);
    expect(await app.database.all('SELECT email, name FROM users')).toEqual([
      { email: 'ada2@example.com', name: 'Ada \u2764\ufe0f' },
    ]);
  });
});
