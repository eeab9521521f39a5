import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TABLE = 'docs/requirements.md';

/** Standards and algorithms that are named as requirements are. */
const OTHER_NAMES = ['AES', 'ECMA', 'ISO', 'SHA', 'UTF'];

/** Folders and files of the project that no one wrote. */
const MADE = /(^|\/)(node_modules|dist|cache|build|\.svelte-kit|\.next|package-lock\.json)(\/|$)/;

interface Requirement {
  readonly id: string;
  readonly sentence: string;
  readonly source: string;
  readonly isBuilt: boolean;
}

interface Citation {
  readonly id: string;
  readonly file: string;
}

/** The rows of the tables of the page. */
function readRequirements(page: string): Requirement[] {
  const rows = page.matchAll(/^\| ([A-Z]+-\d+) \| (.*) \| (.*) \|$/gm);
  return [...rows].map(([, id = '', sentence = '', source = '']) => {
    const isBuilt = !sentence.startsWith('**Not built.** ');
    return { id, sentence, source, isBuilt };
  });
}

/** The ids that comments, names of tests and sentences cite; a string of exactly that text is a value. */
function citedIn(text: string): string[] {
  const found = text.matchAll(/(?<![\w'"`-])([A-Z]{2,6})-\d{1,3}(?![\w-])/g);
  return [...found].filter(([, name = '']) => !OTHER_NAMES.includes(name)).map(([id]) => id);
}

/** What is wrong between the page and what the tree cites. */
function faultsOf(requirements: readonly Requirement[], citations: readonly Citation[]): string[] {
  const defined = new Set(requirements.map(({ id }) => id));
  const tested = new Set(citations.filter(({ file }) => file.startsWith('test/')).map(({ id }) => id));
  return [
    ...citations
      .filter(({ id }) => !defined.has(id))
      .map(({ id, file }) => `${file} cites ${id}, which is not defined`),
    ...requirements
      .filter(({ id, isBuilt }) => isBuilt && !tested.has(id))
      .map(({ id }) => `no test cites ${id}`),
    ...requirements
      .filter(({ id, isBuilt }) => !isBuilt && tested.has(id))
      .map(({ id }) => `a test cites ${id}, which is marked as not built`),
  ];
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length))
    .filter((file) => !MADE.test(file));
}

const pages = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
const files = [...pages, ...['src', 'test', 'schema', 'docs', 'bench', 'examples', '.ci'].flatMap(filesBelow)]
  // The page defines, and this file is about citations.
  .filter((file) => file !== TABLE && file !== 'test/docs/requirements.test.ts');
const texts = files.map((file) => ({ file, text: readFileSync(join(ROOT, file), 'utf8') }));
const requirements = readRequirements(readFileSync(join(ROOT, TABLE), 'utf8'));
const citations = texts.flatMap(({ file, text }) => citedIn(text).map((id) => ({ id, file })));

describe('the table of requirements', () => {
  it('each cited requirement is defined, and tests cite every requirement that is built and none that is not', () => {
    expect(citations.length).toBeGreaterThan(400);
    expect(faultsOf(requirements, citations)).toEqual([]);
  });

  it('the table of requirements has one row for each id, in the order of its numbers, with a sentence and a source', () => {
    const names = new Set(requirements.map(({ id }) => id.replace(/-.*/, '')));
    for (const name of names) {
      const rows = requirements.filter(({ id }) => id.startsWith(`${name}-`));
      expect(rows.map(({ id }) => id)).toEqual(rows.map((_, index) => `${name}-${index + 1}`));
    }
    expect(
      requirements.filter(({ sentence, source }) => !sentence.endsWith('.') || source.length < 8),
    ).toEqual([]);
  });

  const [BUILT, PLANNED] = [
    { id: 'AA-1', sentence: '', source: '', isBuilt: true },
    { id: 'AA-2', sentence: '', source: '', isBuilt: false },
  ];
  it.each<[string, Citation[]]>([
    ['an id that is not defined', [{ id: 'AA-3', file: 'src/a.ts' }]],
    ['an id that no test cites', [{ id: 'AA-1', file: 'src/a.ts' }]],
    ['a test of a requirement that is not built', [{ id: 'AA-2', file: 'test/a.test.ts' }]],
  ])('the check of the requirements refuses %s (control)', (_what, wrong) => {
    const right = [{ id: 'AA-1', file: 'test/a.test.ts' }];
    expect(faultsOf([BUILT, PLANNED], right)).toEqual([]);
    const cited = wrong[0]?.id === 'AA-1' ? wrong : [...right, ...wrong];
    expect(faultsOf([BUILT, PLANNED], cited)).toHaveLength(1);
  });

  it.each<[string, string[]]>([
    ['as RFC 9068 asks (AA-1, BB-12)', ['AA-1', 'BB-12']],
    ['/** Bounded (AA-1). */', ['AA-1']],
    ["{ kid: 'AA-1' }, UTF-8, SHA-256, HKDF-SHA-256, AES-256-GCM, CVE-2025-32442, x-AA-1", []],
  ])('the check of the requirements reads the citations of %j (control)', (text, ids) => {
    expect(citedIn(text)).toEqual(ids);
  });

  it('the table of requirements is the only list of rules that the tree cites by number', () => {
    const cites =
      /\b[Ff]act \d|\b(DESIGN|CASES|HOUSE_STYLE|DEPENDENCIES)(\.md)?\b(?!\()|\b(issue|section) #?\d/;
    expect(texts.filter(({ text }) => cites.test(text)).map(({ file }) => file)).toEqual([]);
  });
});
