import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from '@jest/globals';
import { cleanEnvironment } from './support/server-process.ts';

const TESTS = fileURLToPath(new URL('./', import.meta.url));

const environment = process.env;
afterEach(() => {
  process.env = environment;
});

it('child processes of the tests print the same with any environment around them, that of a terminal included', () => {
  const print = () =>
    execFileSync(process.execPath, ['-e', 'console.log(process.env, true)'], {
      env: cleanEnvironment(),
      encoding: 'utf8',
    });
  const { PATH, HOME } = environment;
  process.env = { PATH, HOME };
  const plain = print();
  process.env = {
    ...{ PATH, HOME, FORCE_COLOR: '3', COLORTERM: 'truecolor', TERM: 'xterm-256color', CI: 'true' },
    ...{
      NODE_OPTIONS: '--max-http-header-size=9',
      LATCHKEY_SECRET: 'x',
      npm_config_color: 'always',
      LANG: 'de_DE',
    },
  };
  expect(print()).toBe(plain);
});

it('every test file that starts child processes uses the clean environment for them', () => {
  const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const sources = files.map((name) => ({ name, text: readFileSync(join(TESTS, name), 'utf8') }));
  const starters = sources.filter(({ text }) => text.includes("from 'node:child_process'"));
  expect(starters.length).toBeGreaterThan(8);
  expect(starters.filter(({ text }) => !text.includes('cleanEnvironment()')).map(({ name }) => name)).toEqual(
    [],
  );
});
