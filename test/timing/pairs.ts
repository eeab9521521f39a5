import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { insertUser } from '../../src/core/users/store.ts';
import { hashPassword } from '../../src/crypto/password-hash.ts';
import { migrate } from '../../src/database/migrate.ts';
import { createClock } from '../../src/platform/clock.ts';
import type { FreshDatabase } from '../support/databases.ts';
import type { Ask, Pair } from './main.ts';

const PASSWORD = 'correct horse battery staple';
const WRONG = 'wrong horse battery staple';
/** As long as what is normalised, and as slow as that can be. */
const SLOW = '\u0f73'.repeat(512);

/** As in production, but for limits that nobody could measure against. */
const ENVIRONMENT = {
  NODE_ENV: 'test',
  LATCHKEY_REGISTRATION: 'verify',
  LATCHKEY_MAGIC_LINKS: 'on',
  LATCHKEY_NETWORK_FAILURES: '100000',
  LATCHKEY_NETWORK_CHECKS: '100000',
  LATCHKEY_NETWORK_REGISTRATIONS: '100000',
  LATCHKEY_ADDRESS_MAILS: '100000',
  LATCHKEY_NETWORK_MAILS: '100000',
};

/** The whole server with as many accounts as there are samples, and the pairs of answers that must be alike. */
export async function startPairs(
  { url, database }: FreshDatabase,
  samples: number,
): Promise<{ pairs: readonly Pair[]; stop(): Promise<void> }> {
  const config = loadConfig({ ...ENVIRONMENT, DATABASE_URL: url });
  await migrate(database);
  const logger = pino({ level: 'silent' });
  const mailer = { send: async () => {}, close: () => {} };
  const app = await createApp({ config, database, clock: createClock(), logger, mailer });
  const server = await app.createServer();

  async function send(
    query: string,
    input: object,
    token?: string,
  ): Promise<Record<string, { accessToken: string }>> {
    const { body } = await server.inject({
      method: 'POST',
      url: '/graphql',
      headers: {
        'content-type': 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      payload: JSON.stringify({ query, variables: { input } }),
    });
    const { data, errors } = JSON.parse(body);
    if (errors !== undefined && errors[0].extensions.code !== 'INVALID_CREDENTIALS')
      throw new Error(`The server answered ${body}`);
    return data;
  }

  let strangers = 0;
  const passwordHash = await hashPassword(PASSWORD);
  await seed('known', Date.now());
  await seed('waiting', null);

  async function seed(kind: string, emailVerifiedAt: number | null): Promise<void> {
    for (let i = 0; i < samples; i += 1) {
      const email = `${kind}${i}@example.com`;
      const user = { email, emailCanonical: email, name: null, passwordHash, emailVerifiedAt };
      await insertUser(database, { id: randomUUID(), ...user, now: Date.now() });
    }
  }

  /** Asks about another address of the kind each time; those of `nobody` are new to each pair. */
  function about(kind: 'known' | 'waiting' | 'nobody', query: string, fields: object = {}): Ask {
    strangers += 1;
    const name = kind === 'nobody' ? `nobody-${strangers}-` : kind;
    let i = 0;
    return async () => {
      await send(query, { email: `${name}${i}@example.com`, ...fields });
      i += 1;
    };
  }

  const login = 'mutation ($input: LoginInput!) { login(input: $input) { accessToken } }';
  const register =
    'mutation ($input: RegisterInput!) { register(input: $input) { verificationRequired auth { expiresIn } } }';
  const reset =
    'mutation ($input: RequestPasswordResetInput!) { requestPasswordReset(input: $input) { expiresIn } }';
  const verification =
    'mutation ($input: RequestEmailVerificationInput!) { requestEmailVerification(input: $input) { expiresIn } }';
  const magicLink =
    'mutation ($input: RequestMagicLinkInput!) { requestMagicLink(input: $input) { expiresIn } }';
  const change =
    'mutation ($input: RequestEmailChangeInput!) { requestEmailChange(input: $input) { expiresIn } }';

  /** Of one account, to another address each time. */
  async function changing(kind: string): Promise<Ask> {
    const { login: auth } = await send(login, { email: 'known0@example.com', password: PASSWORD });
    let i = 1;
    return async () => {
      const input = { newEmail: `${kind}${i}@example.com`, password: PASSWORD };
      await send(change, input, auth?.accessToken);
      i += 1;
    };
  }

  return {
    pairs: [
      {
        name: 'requestPasswordReset: known, unknown',
        one: about('known', reset),
        other: about('nobody', reset),
      },
      {
        name: 'requestEmailVerification: waiting, unknown',
        one: about('waiting', verification),
        other: about('nobody', verification),
      },
      {
        name: 'requestEmailVerification: verified, unknown',
        one: about('known', verification),
        other: about('nobody', verification),
      },
      {
        name: 'requestMagicLink: known, unknown',
        one: about('known', magicLink),
        other: about('nobody', magicLink),
      },
      {
        name: 'login: wrong password, unknown',
        one: about('known', login, { password: WRONG }),
        other: about('nobody', login, { password: WRONG }),
      },
      {
        name: 'login: slow password, unknown',
        one: about('known', login, { password: SLOW }),
        other: about('nobody', login, { password: SLOW }),
      },
      {
        name: 'login: unverified, unknown',
        one: about('waiting', login, { password: PASSWORD }),
        other: about('nobody', login, { password: PASSWORD }),
      },
      {
        name: 'register: known, new',
        one: about('known', register, { password: PASSWORD }),
        other: about('nobody', register, { password: PASSWORD }),
      },
      {
        name: 'requestEmailChange: taken, free',
        one: await changing('waiting'),
        other: await changing('free'),
      },
    ],
    async stop() {
      await server.close();
      await app.close();
    },
  };
}
