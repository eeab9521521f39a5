import type { Letter } from '../../src/platform/mailer.ts';
import type { TestApp } from './start-app.ts';

/** What was mailed to an address, the oldest first. */
export async function lettersTo(app: TestApp, email = 'ada@example.com'): Promise<Letter[]> {
  return (await app.mailed()).filter(({ to }) => to.toLowerCase() === email.toLowerCase());
}

/** The subjects of what was mailed to an address, which tell its templates apart. */
export async function subjectsTo(app: TestApp, email?: string): Promise<string[]> {
  return (await lettersTo(app, email)).map(({ subject }) => subject);
}

/** The token in the newest link to `path` that was mailed to an address; throws when there is none. */
export async function mailedToken(app: TestApp, path: string, email?: string): Promise<string> {
  const link = new RegExp(`^http://localhost:3000${path}#token=(\\S+)$`, 'm');
  const tokens = (await lettersTo(app, email)).flatMap(({ text }) => link.exec(text)?.[1] ?? []);
  const token = tokens.at(-1);
  if (token === undefined) throw new Error(`no link to ${path} came`);
  return token;
}

/** The newest code that was mailed to an address; throws when there is none. */
export async function mailedCode(app: TestApp, email?: string): Promise<string> {
  const codes = (await lettersTo(app, email)).flatMap(({ text }) => /^(\d{8})$/m.exec(text)?.[1] ?? []);
  const code = codes.at(-1);
  if (code === undefined) throw new Error('no code came');
  return code;
}
