import { describe, expect, it } from '@jest/globals';
import { hash } from '@node-rs/argon2';
import fc from 'fast-check';
import { fromFirebase, fromKeycloak, fromText } from '../../src/crypto/foreign-hashes.ts';
import {
  hashPassword,
  isOutdated,
  readPasswordHash,
  verifyPassword,
} from '../../src/crypto/password-hash.ts';

const ENGLISH = 'correct horse bättery';

/** The sample of https://github.com/firebase/scrypt. */
const FIREBASE = {
  signerKey: Buffer.from(
    'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==',
    'base64',
  ),
  saltSeparator: Buffer.from('Bw==', 'base64'),
  rounds: 8,
  memCost: 14,
};
const FIREBASE_HASH = {
  hash: 'lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==',
  salt: '42xEC+ixf3L2lw==',
};
const FOREIGN = { isForeign: true };
const KEYS = { ...FOREIGN, firebaseSignerKey: FIREBASE.signerKey };

/** Made by the systems themselves: who made it, the password, what they wrote, and how it is stored. */
const TEXTS = [
  [
    'argon2id, argon2-cffi',
    ENGLISH,
    '$argon2id$v=19$m=256,t=1,p=2$aCfNIcbJcurX6s5EcEFN/Q$UX2BlOOXSfqF9Z4XtcaBl16TAy2m9FTo67LH5mwPEnA',
    /^\$argon2id\$v=19\$m=256,t=1,p=2\$aCf/,
  ],
  [
    'argon2i, argon2-cffi',
    ENGLISH,
    '$argon2i$v=19$m=256,t=1,p=2$yILJT2v7pnIfDwUmMpaBPA$TCyUFPhVf9I8jOtC8GTJMDNPBk6MwlVPOeR59J1xe7Y',
    /^\$argon2i\$v=19\$m=256,t=1,p=2\$yIL/,
  ],
  [
    'argon2d, argon2-cffi',
    ENGLISH,
    '$argon2d$v=19$m=256,t=1,p=2$DfhhBbuh35PBAvB0p3Ch/Q$h+zw755yjcEaoXdGYi8dAgolY21h83aCFS1W71lfLQU',
    /^\$argon2d\$v=19\$m=256,t=1,p=2\$Dfh/,
  ],
  [
    'argon2i 1.0, the reference implementation',
    'password',
    '$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ',
    /^\$argon2i\$m=65536,t=2,p=1\$c29/,
  ],
  [
    'argon2id, Django 5.2',
    ENGLISH,
    'argon2$argon2id$v=19$m=102400,t=2,p=8$ZE1la3V1dHc2ak1ZR1oweEFBck1HQw$MAlHdSgmOAekmMl0ZVobkpd9+NABFU7d3iADZTiUY2Q',
    /^\$argon2id\$v=19\$m=102400,t=2,p=8\$ZE1/,
  ],
  [
    'bcrypt 2b, the bcrypt of Python',
    ENGLISH,
    '$2b$05$.Jpyg5jE3dosZAK2PhHTBOgyJacEcHQMLkvunuCP0Yl2CtSB211iW',
    /^\$2b\$05\$\.Jpy/,
  ],
  [
    'bcrypt 2a, the vector of crypt_blowfish',
    'U*U',
    '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    /^\$2b\$05\$CCCC/,
  ],
  [
    'bcrypt 2y, the same as PHP writes it',
    'U*U',
    '$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    /^\$2b\$05\$CCCC/,
  ],
  [
    'bcrypt of more than 72 bytes, the vector of crypt_blowfish',
    '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored',
    '$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui',
    /^\$2b\$05\$abcd/,
  ],
  [
    'bcrypt, Django 5.2',
    ENGLISH,
    'bcrypt$$2b$12$5R1Ba/sZQX8j57Mg.jmAUO6t9.5rE1swk8jM1iEXmStGy8Jqqg3cS',
    /^\$2b\$12\$5R1B/,
  ],
  [
    'bcrypt of a SHA-256, Django 5.2',
    ENGLISH,
    'bcrypt_sha256$$2b$12$nnA5r9JAmGHxyaJ0u7Ak6eiVJP45xHKJ81jU48N/0fQFemeHA7pzq',
    /^bcrypt_sha256\$\$2b\$12\$nnA5/,
  ],
  [
    'bcrypt of the SHA-256 of more than 72 bytes, Django 5.2',
    `${'x'.repeat(72)}the rest counts`,
    'bcrypt_sha256$$2b$12$/lq5weTlPNjeXzh1pKtZ5Otqj43J3niiDOVbn1YRHGoJsrdAqo/JW',
    /^bcrypt_sha256\$\$2b\$12\$\/lq5/,
  ],
  [
    'scrypt, Django 5.2',
    ENGLISH,
    'scrypt$16384$JMOCRAjxjjcFMwM3wCFLbv$8$5$FI36OhcAdtceC14PuI84a5jBcuTuHbDC79dUZ+onNWhTGc7xpFVw2M1yWgTqSq2PROh3/U5UHB9nG1GBFhKgeQ==',
    /^\$scrypt\$ln=14,r=8,p=5\$Sk1P/,
  ],
  [
    "scrypt, the vector of Django's own tests",
    'lètmein',
    'scrypt$16384$seasalt$8$5$ECMIUp+LMxMSK8xB/IVyba+KYGTI7FTnet025q/1f/vBAVnnP3hdYqJuRi+mJn6ji6ze3Fbb7JEFPKGpuEf5vw==',
    /^\$scrypt\$ln=14,r=8,p=5\$c2Vh/,
  ],
  [
    'scrypt, passlib',
    ENGLISH,
    '$scrypt$ln=10,r=8,p=1$W6uVMgbgPAeAMIbwXutdiw$t11rIydp8ma+kuThJwtNov6apr79GQcm/sC3UYm5rfY',
    /^\$scrypt\$ln=10,r=8,p=1\$W6u/,
  ],
  [
    'scrypt, the third vector of RFC 7914',
    'pleaseletmein',
    '$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw',
    /^\$scrypt\$ln=14,r=8,p=1\$U29/,
  ],
  [
    'PBKDF2 with SHA-256, Django 5.2',
    ENGLISH,
    'pbkdf2_sha256$1000000$vtE1TOFHCL4zWb7M6TECDb$0JnwdhH2xfLdXK7RFt2up9z4v7lq1bZwc3UvICQWqp8=',
    /^\$pbkdf2-sha256\$i=1000000\$dnRF/,
  ],
  [
    'PBKDF2 with SHA-1, Django 5.2',
    ENGLISH,
    'pbkdf2_sha1$1000000$WbDFdtY3UMobT4GoGezHER$fyQvy6zmIbIKr65VwGvIinRWMIc=',
    /^\$pbkdf2-sha1\$i=1000000\$V2JE/,
  ],
  [
    'PBKDF2 with SHA-256, passlib',
    ENGLISH,
    '$pbkdf2-sha256$1000$FKLUOodwrnXOubeWUiqlVA$JHpN5zRGMFJeZ599i9dY54.DanbdwPCESYHz4McoH4o',
    /^\$pbkdf2-sha256\$i=1000\$FKL.*54\+Dan/,
  ],
  [
    'PBKDF2 with SHA-512, passlib',
    ENGLISH,
    '$pbkdf2-sha512$1000$AYCwdo7x/v//PyfE.J.z9g$lNmbZrs8xeu.QBFO3gvcGfo6owAg.XrTsKh..FSRp9Qp7As3gFJ5s1ijmFumiOawutL8cXvG0vIrb9rrfEzP5g',
    /^\$pbkdf2-sha512\$i=1000\$AYCwdo7x\/v\/\/PyfE\+J\+z9g\$/,
  ],
  [
    'PBKDF2 with SHA-1, passlib',
    ENGLISH,
    '$pbkdf2$1000$2nvv/R/jXCulNKZUCmHMGQ$dqwrnLwlUwhdO3FlVPAs7ArLZ5A',
    /^\$pbkdf2-sha1\$i=1000\$2nv/,
  ],
] as const;

const keycloak = (secretData: string, credentialData: string) => ({
  id: '4e67ce9c-1ddc-45db-b36e-db50ee1f4d9e',
  type: 'password',
  userLabel: 'My password',
  createdDate: 1_740_654_903_754,
  secretData,
  credentialData,
});

/** From realms that Keycloak exported, in public repositories with the passwords in their manuals. */
const KEYCLOAK = [
  [
    'argon2',
    'password',
    keycloak(
      '{"value":"BruFLfFkjH/8erZ26NnrbkOrWiZuQyDRCHD9o0R6Scg=","salt":"Cf9AYCE5pAbb4CKEF0GUTA==","additionalParameters":{}}',
      '{"hashIterations":5,"algorithm":"argon2","additionalParameters":{"hashLength":["32"],"memory":["7168"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}',
    ),
    /^\$argon2id\$v=19\$m=7168,t=5,p=1\$Cf9/,
  ],
  [
    'pbkdf2-sha256 of 256 bits',
    'password',
    keycloak(
      '{"value":"JsfNbCOIdZUbyBJ+BT+VoGI91Ec2rWLOvkLPDaX8e9k=","salt":"P5rtFkGtPfoaryJ6PizUJw==","additionalParameters":{}}',
      '{"hashIterations":27500,"algorithm":"pbkdf2-sha256","additionalParameters":{}}',
    ),
    /^\$pbkdf2-sha256\$i=27500\$P5r/,
  ],
  [
    'pbkdf2-sha256 of 512 bits',
    'Password1',
    keycloak(
      '{"value":"UsKAhMJtom6iw6vtMcMmJYIUqafeauEd6gaBKpJXByIc7SkJxJACkNlKOAEFci6cnoxU9jUPLATLk+PMno143g==","salt":"kAzT9d8gCl6l5DjQ+D8Vlw==","additionalParameters":{}}',
      '{"hashIterations":27500,"algorithm":"pbkdf2-sha256","additionalParameters":{}}',
    ),
    /^\$pbkdf2-sha256\$i=27500\$kAz/,
  ],
] as const;

const SALT = 'c29tZXNhbHRzb21lc2FsdA';
const TAG = 'A'.repeat(43);

describe('hashes from other systems', () => {
  it.each(TEXTS)('an imported hash matches its password: %s (PW-2)', async (_, password, given, form) => {
    const stored = fromText(given);
    expect(stored).toMatch(form);
    expect(await verifyPassword(stored, password, FOREIGN)).toBe(true);
    expect(await verifyPassword(stored, `x${password}`, FOREIGN)).toBe(false);
    // What is stored is what an export writes, and an import takes.
    expect(fromText(stored)).toBe(stored);
  });

  it.each(KEYCLOAK)('a Keycloak hash matches its password: %s (PW-2)', async (_, password, given, form) => {
    const stored = fromKeycloak(given) ?? '';
    expect(stored).toMatch(form);
    expect(await verifyPassword(stored, password, FOREIGN)).toBe(true);
    expect(await verifyPassword(stored, `x${password}`, FOREIGN)).toBe(false);
  });

  it('a Firebase hash is verified with the key of its project and with no other (PW-2)', async () => {
    const stored = fromFirebase(FIREBASE_HASH, FIREBASE) ?? '';
    expect(stored).toMatch(/^\$firebase-scrypt\$ln=14,r=8\$42xEC\+ixf3L2lwc\$lSrf/);
    expect(await verifyPassword(stored, 'user1password', KEYS)).toBe(true);
    expect(await verifyPassword(stored, 'user2password', KEYS)).toBe(false);
    expect(await verifyPassword(stored, 'user1password', FOREIGN)).toBe(false);
    const other = { ...FOREIGN, firebaseSignerKey: Buffer.alloc(64, 1) };
    expect(await verifyPassword(stored, 'user1password', other)).toBe(false);
  });

  it('a hash from another system is outdated, and a hash that this server made is not (PW-2)', async () => {
    for (const [, , given] of TEXTS) expect(isOutdated(fromText(given), FOREIGN)).toBe(true);
    expect(isOutdated(fromFirebase(FIREBASE_HASH, FIREBASE) ?? '', FOREIGN)).toBe(true);
    expect(isOutdated(await hashPassword(ENGLISH), { isForeign: false })).toBe(false);
    // Made by a version of this server that knows stronger parameters.
    expect(isOutdated(`$argon2id$v=19$m=65536,t=3,p=1$${SALT}$${TAG}`, { isForeign: false })).toBe(false);
  });

  it('an imported hash is compared with the password as typed and normalised; a hash of this server with the normal form alone (PW-5)', async () => {
    const composed = ENGLISH.normalize('NFC');
    const decomposed = ENGLISH.normalize('NFD');
    const ours = await hashPassword(decomposed);
    for (const [stored, origin, matching] of [
      ['$2b$05$.Jpyg5jE3dosZAK2PhHTBOgyJacEcHQMLkvunuCP0Yl2CtSB211iW', FOREIGN, [composed, decomposed]],
      [await hash(decomposed), FOREIGN, [decomposed]],
      [await hash(decomposed), { isForeign: false }, []],
      [ours, { isForeign: false }, [composed, decomposed]],
      // One of ours that was exported and imported.
      [ours, FOREIGN, [composed, decomposed]],
    ] as const) {
      const matches = [composed, decomposed].map((text) => verifyPassword(stored, text, origin));
      expect(await Promise.all(matches)).toEqual(
        [composed, decomposed].map((text) => matching.some((one) => one === text)),
      );
    }
  });

  it.each([
    ['bcrypt, with bits of its salt that hold nothing', 'U*U', TEXTS[6][2].replace('.E5YPO', '/E5YPO')],
    ['bcrypt, with bits of its tag that hold nothing', 'U*U', TEXTS[6][2].replace(/W$/, 'X')],
    ['argon2, with bits of its salt that hold nothing', ENGLISH, TEXTS[0][2].replace('EFN/Q', 'EFN/R')],
    ['argon2, with bits of its tag that hold nothing', ENGLISH, TEXTS[0][2].replace(/A$/, 'B')],
    ['argon2, with zeros before a number', ENGLISH, TEXTS[0][2].replace('m=256', 'm=0256')],
  ])('an imported hash is verified in another spelling of the same bytes: %s', async (_, password, given) => {
    const stored = fromText(given);
    expect(await verifyPassword(stored, password, FOREIGN)).toBe(true);
    expect(await verifyPassword(stored, `x${password}`, FOREIGN)).toBe(false);
  });

  it('an imported hash that costs too much is not verified, even with the right password (PW-3)', async () => {
    const hashOf = (timeCost: number) => hash(ENGLISH, { memoryCost: 8, timeCost, parallelism: 1 });
    expect(await verifyPassword(await hashOf(10), ENGLISH, FOREIGN)).toBe(true);
    expect(await verifyPassword(await hashOf(11), ENGLISH, FOREIGN)).toBe(false);
  });

  it.each<[string, string, string]>([
    ['argon2 of more than 1 GiB', `m=1048577,t=1,p=1`, `m=1048576,t=1,p=1`],
    ['argon2 of more than 10 passes', `m=1024,t=11,p=1`, `m=1024,t=10,p=1`],
    ['argon2 of more than 1 GiB over all its passes', `m=524289,t=2,p=1`, `m=524288,t=2,p=1`],
    ['argon2 of ten passes over 1 GiB', `m=1048576,t=10,p=1`, `m=104857,t=10,p=1`],
    ['argon2 of more than 16 lanes', `m=1024,t=1,p=17`, `m=1024,t=1,p=16`],
  ])('a password hash costs too much: %s (PW-3)', (_, over, at) => {
    for (const kind of ['argon2id', 'argon2i', 'argon2d']) {
      const hashOf = (cost: string) => `$${kind}$v=19$${cost}$${SALT}$${TAG}`;
      expect(readPasswordHash(hashOf(over))?.isTooCostly).toBe(true);
      expect(readPasswordHash(hashOf(at))?.isTooCostly).toBe(false);
    }
  });

  it.each<[string, string, string]>([
    ['bcrypt of a cost above 15', `$2b$16$${'C'.repeat(53)}`, `$2b$15$${'C'.repeat(53)}`],
    [
      'scrypt of more than 1 GiB',
      `$scrypt$ln=21,r=8,p=1$${SALT}$${TAG}`,
      `$scrypt$ln=20,r=8,p=1$${SALT}$${TAG}`,
    ],
    [
      'scrypt of more than 1 GiB over all its lanes',
      `$scrypt$ln=14,r=8,p=65$${SALT}$${TAG}`,
      `$scrypt$ln=14,r=8,p=64$${SALT}$${TAG}`,
    ],
    [
      'a Firebase hash of more than 1 GiB',
      `$firebase-scrypt$ln=21,r=8$${SALT}$${TAG}`,
      `$firebase-scrypt$ln=20,r=8$${SALT}$${TAG}`,
    ],
    [
      'PBKDF2 of more than 10 million iterations',
      `$pbkdf2-sha256$i=10000001$${SALT}$${TAG}`,
      `$pbkdf2-sha256$i=10000000$${SALT}$${TAG}`,
    ],
    [
      'PBKDF2 of more than 5 million iterations, doubled by its length',
      `$pbkdf2-sha256$i=5000001$${SALT}$${'A'.repeat(86)}`,
      `$pbkdf2-sha256$i=5000000$${SALT}$${'A'.repeat(86)}`,
    ],
  ])('a password hash costs too much: %s (PW-3)', (_, over, at) => {
    expect(readPasswordHash(over)?.isTooCostly).toBe(true);
    expect(readPasswordHash(at)?.isTooCostly).toBe(false);
  });

  it.each([
    ['the empty text', ''],
    ['a password', ENGLISH],
    ['MD5', '5f4dcc3b5aa765d61d8327deb882cf99'],
    ['argon2 without a salt', `$argon2id$v=19$m=19456,t=2,p=1$$${TAG}`],
    ['argon2 with a hash of 8 bytes', `$argon2id$v=19$m=19456,t=2,p=1$${SALT}$AAAAAAAAAAA`],
    ['PBKDF2 with a hash of 8 bytes', `$pbkdf2-sha256$i=1000$${SALT}$AAAAAAAAAAA`],
    ['argon2 with its parameters in another order', `$argon2id$v=19$t=2,m=19456,p=1$${SALT}$${TAG}`],
    ['argon2 with an additional parameter', `$argon2id$v=19$m=19456,t=2,p=1,keyid=1$${SALT}$${TAG}`],
    ['argon2 of an unknown version', `$argon2id$v=18$m=19456,t=2,p=1$${SALT}$${TAG}`],
    ['argon2 without a pass', `$argon2id$v=19$m=19456,t=0,p=1$${SALT}$${TAG}`],
    ['argon2 without a lane', `$argon2id$v=19$m=19456,t=2,p=0$${SALT}$${TAG}`],
    ['argon2 with too little memory', `$argon2id$v=19$m=15,t=2,p=2$${SALT}$${TAG}`],
    ['a salt too short for argon2', `$argon2id$v=19$m=19456,t=2,p=1$AAAA$${TAG}`],
    ['bcrypt of cost 3', `$2b$03$${'C'.repeat(53)}`],
    ['bcrypt of cost 32', `$2b$32$${'C'.repeat(53)}`],
    ['a short bcrypt', `$2b$12$${'C'.repeat(52)}`],
    ['the broken bcrypt of 2x', `$2x$12$${'C'.repeat(53)}`],
    ['scrypt with N = 1', `$scrypt$ln=0,r=8,p=1$${SALT}$${TAG}`],
    ['scrypt with too large an N', `$scrypt$ln=16,r=1,p=1$${SALT}$${TAG}`],
    ['scrypt without a block', `$scrypt$ln=14,r=0,p=1$${SALT}$${TAG}`],
    ["Django's scrypt with an N that is no power of 2", `scrypt$16385$salt$8$1$${TAG}=`],
    ["Django's scrypt without an N", `scrypt$0$salt$8$1$${TAG}=`],
    ["Django's bcrypt of a SHA-256, short", `bcrypt_sha256$$2b$12$${'C'.repeat(52)}`],
    ['PBKDF2 without iterations', `$pbkdf2-sha256$i=0$${SALT}$${TAG}`],
    ['PBKDF2 with MD5', `$pbkdf2-md5$i=1000$${SALT}$${TAG}`],
    ['a salt of a length that base64 never has', `$argon2id$v=19$m=19456,t=2,p=1$${SALT}AAA$${TAG}`],
    ['more than 512 characters', `$pbkdf2-sha256$i=1000$${'A'.repeat(512)}$${TAG}`],
  ])('a text in none of the stored forms verifies no password: %s', async (_, text) => {
    expect(readPasswordHash(fromText(text))).toBeUndefined();
    expect(await verifyPassword(text, ENGLISH, KEYS)).toBe(false);
  });

  it('reading a stored hash never throws, however malformed the text is', () => {
    const pieces = fc.oneof(
      fc.constantFrom('$', '$argon2id', 'v=19', 'm=8,t=1,p=1', '$2b$', 'pbkdf2_sha256$', '=', ','),
      fc.string({ unit: 'binary', maxLength: 60 }),
    );
    const text = fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (given) => {
        readPasswordHash(fromText(given));
        return true;
      }),
      { numRuns: 10_000 },
    );
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a text', 'hash'],
    ['no JSON inside', keycloak('{', '{')],
    [
      'an unknown algorithm',
      keycloak('{"value":"AAAA","salt":"AAAA"}', '{"hashIterations":1,"algorithm":"md5"}'),
    ],
    ['no salt', keycloak('{"value":"AAAA"}', '{"hashIterations":1,"algorithm":"pbkdf2"}')],
    ['a one-time code', { type: 'otp', secretData: '{"value":"AAAA"}', credentialData: '{"digits":6}' }],
  ])('a Keycloak credential yields no hash: %s', (_, credential) => {
    expect(fromKeycloak(credential)).toBeUndefined();
  });

  it('a Keycloak credential may hold its parts as objects, and one without its parameters yields no readable hash', async () => {
    const secretData = { value: KEYCLOAK[1][2].secretData.slice(10, 54), salt: 'P5rtFkGtPfoaryJ6PizUJw==' };
    const credentialData = { hashIterations: 27_500, algorithm: 'pbkdf2-sha256' };
    expect(
      await verifyPassword(fromKeycloak({ secretData, credentialData }) ?? '', 'password', FOREIGN),
    ).toBe(true);
    const incomplete = { hashIterations: 5, algorithm: 'argon2' };
    const stored = fromKeycloak({ secretData, credentialData: incomplete }) ?? '';
    expect(readPasswordHash(stored)).toBeUndefined();
  });

  it.each([
    `$2b$10$${'C'.repeat(53)}`,
    `$scrypt$ln=14,r=8,p=1$${SALT}$${TAG}`,
    `$firebase-scrypt$ln=14,r=8$${SALT}$${TAG}`,
    `$pbkdf2-sha256$i=100000$${SALT}$${TAG}`,
    `$argon2i$v=19$m=19456,t=2,p=1$${SALT}$${TAG}`,
  ])('an imported hash is verified off the event loop, which keeps turning: %s (DOS-1)', async (stored) => {
    // Once before, so that what has to be loaded is.
    await verifyPassword(stored, ENGLISH, KEYS);
    let hasTurned = false;
    setImmediate(() => {
      hasTurned = true;
    });
    await verifyPassword(stored, ENGLISH, KEYS);
    expect(hasTurned).toBe(true);
  });
});
