import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type Auth,
  CHANGE_PASSWORD,
  CONFIRM_EMAIL_CHANGE,
  DELETE_ME,
  LOGIN,
  LOGIN_WITH_LINK,
  ME,
  REFRESH,
  REGISTER,
  REQUEST_EMAIL_CHANGE,
  REQUEST_MAGIC_LINK,
  REQUEST_RESET,
  REQUEST_VERIFICATION,
  RESET_PASSWORD,
  UNDO_EMAIL_CHANGE,
  VERIFY_EMAIL,
} from '../../support/documents.ts';
import { describeApp, type TestApp } from '../../support/start-app.ts';

/*
 * Two people and one mailbox. The owner reads it, and is careless: follows every link that comes, their own or a
 * stranger's doing, and shows now a session, now a password, now nothing along with it. The stranger knows the address
 * and has a mailbox of their own. Both do what they like, in any order. Then the owner sets things right in the one way
 * that all users are told of: a reset of the password, or a registration. From then on the stranger tries every
 * password, link and token they ever had, and opens nothing.
 *
 * A failure prints a seed and a path; `fc.assert(…, { seed, path })` plays that story again.
 */

const STORIES = 25;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const FINAL_PASSWORD = 'the last word of the owner';

interface Person {
  readonly mailbox: string;
  /** The one in use, and the next one. */
  passwords: [string, string];
  readonly sessions: Pick<Auth, 'accessToken' | 'refreshToken'>[];
}

interface Story {
  readonly app: TestApp;
  readonly people: { readonly owner: Person; readonly stranger: Person };
}

const LINKS = {
  '/verify-email': VERIFY_EMAIL,
  '/reset-password': RESET_PASSWORD,
  '/magic-link': LOGIN_WITH_LINK,
  '/confirm-email': CONFIRM_EMAIL_CHANGE,
  '/undo-email-change': UNDO_EMAIL_CHANGE,
} as const;
type Path = keyof typeof LINKS;
const PATHS = Object.keys(LINKS) as Path[];

type Shown = 'session' | 'password' | 'nothing';
const SHOWN = ['session', 'password', 'nothing'] as const;

const REQUESTS = [REQUEST_VERIFICATION, REQUEST_RESET, REQUEST_MAGIC_LINK] as const;

type Who = keyof Story['people'];
type Act = (story: Story, who: Who) => Promise<unknown>;
type Asking = (story: Story, who: Who) => ReturnType<typeof attempt>;

const bearer = (person: Person) => ({ token: person.sessions.at(-1)?.accessToken });

/** Sends a request, and keeps the tokens of its answer for the person. */
async function attempt({ app }: Story, person: Person, document: string, input: object, sender = {}) {
  const answer = await app.send(document, { input }, sender);
  for (const value of Object.values(answer.data ?? {}) as (Auth & { auth?: Auth | null })[]) {
    const auth = value?.auth ?? value;
    if (auth?.refreshToken !== undefined) person.sessions.push(auth);
  }
  return answer;
}

/** The tokens in the links to `path` that came to a mailbox, the oldest first. */
async function tokensIn({ app }: Story, mailbox: string, path: Path): Promise<string[]> {
  const link = new RegExp(`^http://localhost:3000${path}#token=(\\S+)$`, 'm');
  const letters = (await app.mailed()).filter(({ to }) => to === mailbox);
  return letters.flatMap(({ text }) => link.exec(text)?.[1] ?? []);
}

async function follow(story: Story, person: Person, path: Path, token: string, shown: Shown) {
  const [password] = person.passwords;
  const input = {
    '/verify-email': { token, ...(shown === 'password' && { password }) },
    '/reset-password': { token, newPassword: password },
    '/magic-link': { token },
    '/confirm-email': { token, ...(shown === 'password' && { password }) },
    '/undo-email-change': { token },
  }[path];
  return attempt(story, person, LINKS[path], input, shown === 'session' ? bearer(person) : {});
}

/** Whose address an act is about. The owner has no business with the stranger's. */
const addressOf = ({ people }: Story, who: Who, target: Who) =>
  people[who === 'owner' ? 'owner' : target].mailbox;

const acts = {
  register:
    (target: Who): Asking =>
    (story, who) => {
      const person = story.people[who];
      return attempt(story, person, REGISTER, {
        email: addressOf(story, who, target),
        password: person.passwords[0],
      });
    },
  login:
    (target: Who): Asking =>
    (story, who) => {
      const person = story.people[who];
      return attempt(story, person, LOGIN, {
        email: addressOf(story, who, target),
        password: person.passwords[0],
      });
    },
  ask:
    (document: string, target: Who): Act =>
    (story, who) =>
      attempt(story, story.people[who], document, { email: addressOf(story, who, target) }),
  move:
    (target: Who): Act =>
    (story, who) => {
      const person = story.people[who];
      const input = { newEmail: addressOf(story, who, target), password: person.passwords[0] };
      return attempt(story, person, REQUEST_EMAIL_CHANGE, input, bearer(person));
    },
  changePassword: (): Act => async (story, who) => {
    const person = story.people[who];
    const [currentPassword, newPassword] = person.passwords;
    const input = { currentPassword, newPassword };
    const { code } = await attempt(story, person, CHANGE_PASSWORD, input, bearer(person));
    if (code === 'OK') person.passwords = [newPassword, currentPassword];
  },
  delete: (): Act => (story, who) => {
    const person = story.people[who];
    return attempt(story, person, DELETE_ME, { password: person.passwords[0] }, bearer(person));
  },
  refresh: (): Act => async (story, who) => {
    const person = story.people[who];
    const refreshToken = person.sessions.at(-1)?.refreshToken;
    if (refreshToken !== undefined) await attempt(story, person, REFRESH, { refreshToken });
  },
  /** @param age how many newer links there are. */
  follow:
    (path: Path, shown: Shown, age: number): Act =>
    async (story, who) => {
      const person = story.people[who];
      const token = (await tokensIn(story, person.mailbox, path)).at(-1 - age);
      if (token !== undefined) await follow(story, person, path, token, shown);
    },
  wait:
    (ms: number): Act =>
    async ({ app }) =>
      app.clock.travel(ms),
};

const target = fc.constantFrom<Who>('owner', 'owner', 'stranger');
const act: fc.Arbitrary<readonly [string, Act]> = fc.oneof(
  { weight: 4, arbitrary: target.map((t) => [`register ${t}`, acts.register(t)] as const) },
  { weight: 3, arbitrary: target.map((t) => [`login ${t}`, acts.login(t)] as const) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(...REQUESTS), target)
      .map(
        ([document, t]) =>
          [`ask ${/(request\w+)\(/.exec(document)?.[1]} ${t}`, acts.ask(document, t)] as const,
      ),
  },
  { weight: 4, arbitrary: target.map((t) => [`move to ${t}`, acts.move(t)] as const) },
  { weight: 1, arbitrary: fc.constant(['change password', acts.changePassword()] as const) },
  { weight: 1, arbitrary: fc.constant(['delete', acts.delete()] as const) },
  { weight: 1, arbitrary: fc.constant(['refresh', acts.refresh()] as const) },
  {
    weight: 10,
    arbitrary: fc
      .tuple(fc.constantFrom(...PATHS), fc.constantFrom<Shown>(...SHOWN), fc.constantFrom(0, 0, 0, 1))
      .map(
        ([path, shown, age]) => [`follow ${path} ${shown} ${age}`, acts.follow(path, shown, age)] as const,
      ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(11 * MINUTE_MS, DAY_MS, 6 * DAY_MS)
      .map((ms) => [`wait ${ms}`, acts.wait(ms)] as const),
  },
);

const story = fc.array(fc.tuple(fc.constantFrom<Who>('owner', 'stranger'), act), { maxLength: 25 });

type Step = readonly [Who, readonly [string, Act]];
const step = (who: Who, act: Act): Step => [who, ['told', act]];

/** Stories that went wrong once, or would with one check less: told first, each time. */
const TOLD: Record<string, readonly Step[]> = {
  'a stranger moves their account to the mailbox, whose owner confirms it': [
    step('stranger', acts.register('stranger')),
    step('stranger', acts.follow('/verify-email', 'password', 0)),
    step('stranger', acts.login('stranger')),
    step('stranger', acts.ask(REQUEST_VERIFICATION, 'stranger')),
    step('stranger', acts.follow('/verify-email', 'password', 0)),
    step('stranger', acts.move('owner')),
    step('owner', acts.follow('/confirm-email', 'nothing', 0)),
  ],
  'a stranger registers first, and the owner follows the link': [
    step('stranger', acts.register('owner')),
    step('stranger', acts.move('stranger')),
    step('stranger', acts.ask(REQUEST_VERIFICATION, 'owner')),
    step('owner', acts.follow('/verify-email', 'nothing', 0)),
    step('stranger', acts.follow('/confirm-email', 'session', 0)),
  ],
  'a stranger registers after the owner, who follows the newest link': [
    step('owner', acts.register('owner')),
    step('stranger', acts.register('owner')),
    step('owner', acts.follow('/verify-email', 'password', 0)),
    step('stranger', acts.login('owner')),
  ],
  'a stranger registers first and moves on, and the owner registers': [
    step('stranger', acts.register('owner')),
    step('stranger', acts.move('stranger')),
    step('stranger', acts.follow('/confirm-email', 'session', 0)),
    step('owner', acts.register('owner')),
    step('stranger', acts.move('owner')),
    step('owner', acts.follow('/confirm-email', 'session', 0)),
  ],
};

const way = fc.constantFrom('reset', 'magic link');
const examples = Object.values(TOLD).flatMap((steps): [Step[], 'reset' | 'magic link'][] => [
  [[...steps], 'reset'],
  [[...steps], 'magic link'],
]);

/** Sets a password by mail, if there is an account. */
async function resetPassword(story: Story): Promise<boolean> {
  const { owner } = story.people;
  const answer = await askAndFollow(story, REQUEST_RESET, '/reset-password');
  if (answer?.code !== 'OK') return false;
  const { code } = await acts.login('owner')(story, 'owner');
  expect(code).toBe('OK');
  return owner.sessions.length > 0;
}

async function askAndFollow(story: Story, document: string, path: Path) {
  const { owner } = story.people;
  const known = (await tokensIn(story, owner.mailbox, path)).length;
  await acts.ask(document, 'owner')(story, 'owner');
  const token = (await tokensIn(story, owner.mailbox, path)).slice(known).at(-1);
  return token === undefined ? undefined : follow(story, owner, path, token, 'password');
}

/** The owner sets things right: by a link where there is an account, a way back where one is kept, else a registration. */
async function settle(story: Story, way: 'reset' | 'magic link'): Promise<void> {
  const { owner } = story.people;
  owner.passwords = [FINAL_PASSWORD, FINAL_PASSWORD];
  if (way === 'magic link') {
    const answer = await askAndFollow(story, REQUEST_MAGIC_LINK, '/magic-link');
    if (answer?.code === 'OK') return;
  }
  if (await resetPassword(story)) return;

  const { code } = await acts.register('owner')(story, 'owner');
  if (code === 'EMAIL_TAKEN') {
    for (const token of await tokensIn(story, owner.mailbox, '/undo-email-change'))
      await follow(story, owner, '/undo-email-change', token, 'nothing');
    expect(await resetPassword(story)).toBe(true);
    return;
  }
  const verified = await askAndFollow(story, REQUEST_VERIFICATION, '/verify-email');
  expect(verified?.code).toBe('OK');
}

/** The stranger tries every password, link and token they ever had once more. */
async function attack(story: Story, accountId: string): Promise<void> {
  const { owner, stranger } = story.people;
  for (const password of new Set(stranger.passwords))
    expect((await attempt(story, stranger, LOGIN, { email: owner.mailbox, password })).code).not.toBe('OK');
  for (const path of PATHS) {
    for (const token of await tokensIn(story, stranger.mailbox, path))
      for (const shown of SHOWN) await follow(story, stranger, path, token, shown);
  }
  for (const { refreshToken } of [...stranger.sessions])
    await attempt(story, stranger, REFRESH, { refreshToken });
  for (const { accessToken: token } of stranger.sessions) {
    const { data } = await story.app.send(ME, {}, { token });
    expect(data?.me?.id).not.toBe(accountId);
  }
}

describeApp('two people and one mailbox', (start) => {
  it.each(['open', 'verify'] as const)(
    'only the owner of a mailbox can enter its account after recovering it, in any order of earlier acts (%s registration)',
    async (registration) => {
      const limits = { throttles: false, networkMails: 100_000, addressMails: 100_000 };
      const app = await start({ config: { registration, magicLinks: true, ...limits } });
      let count = 0;

      await fc.assert(
        fc.asyncProperty(story, way, async (steps, way) => {
          count += 1;
          const person = (name: string): Person => ({
            mailbox: `${name}${count}@example.com`,
            passwords: [`first words of the ${name}`, `other words of the ${name}`],
            sessions: [],
          });
          const people = { owner: person('owner'), stranger: person('stranger') };
          const told: Story = { app, people };
          for (const [who, [, perform]] of steps) await perform(told, who);

          await settle(told, way);
          const mine = () => app.send(ME, {}, bearer(people.owner));
          const { me } = (await mine()).data;
          expect(me.email).toBe(people.owner.mailbox);
          await attack(told, me.id);
          expect((await mine()).data).toEqual({ me });
          expect(await resetPassword(told)).toBe(true);
          expect((await mine()).data.me.id).toBe(me.id);
        }),
        { numRuns: STORIES, examples },
      );
    },
    120_000,
  );
});
