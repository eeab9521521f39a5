import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('the list of fixed defects', () => {
  /** The bullets of the section of SECURITY.md. */
  const listed =
    /^## Fixed defects\n((?:(?!^## )[\s\S])*)/m.exec(readFileSync(join(ROOT, 'SECURITY.md'), 'utf8'))?.[1] ??
    '';

  /** The files of regression tests that a list names and that do not name their defect. */
  function untested(list: string): string[] {
    const rows = list.split('\n').filter((line) => line.startsWith('- '));
    return rows.filter((row) => {
      const [, name = '', path = ''] = /^- \*\*(.+?)\*\*.*`(test\/[\w/.-]+)`/.exec(row) ?? [];
      return name === '' || !namesDefect(path, name);
    });
  }

  function namesDefect(path: string, name: string): boolean {
    return existsSync(join(ROOT, path)) && readFileSync(join(ROOT, path), 'utf8').includes(name);
  }

  it('each fixed defect in SECURITY.md has a regression test that names it (SUP-4)', () => {
    expect(listed).toMatch(/^(None yet\.|- )/m);
    expect(untested(listed)).toEqual([]);
  });

  it.each([
    ['a defect without a test', '- **a hole** was there.'],
    ['a test that is not there', '- **a hole** was there: `test/none.test.ts`'],
    [
      'a test that does not name the defect',
      '- **a hole in the hedge** was there: `test/architecture.test.ts`',
    ],
  ])('the check of the fixed defects refuses %s (SUP-4, control)', (_what, row) => {
    expect(untested(row)).toEqual([row]);
    expect(untested('- **the architecture** was wrong: `test/architecture.test.ts`')).toEqual([]);
  });
});
