import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { escapeHtml } from '../../platform/html.ts';

/*
 * A mail is made of two files: `<template>.txt`, whose first line is `Subject: …`, and `<template>.html`.
 *
 *   {{link}}              the value of that name, escaped in HTML
 *   {{#link}}…{{/link}}   what is between, when there is such a value
 *
 * The built-in files decide which values a template has. One of an operator's own may use the same ones, and `app`
 * and `email`, which all have; it must use the link and the code where the built-in one does.
 */

const BUILT_IN = fileURLToPath(new URL('./templates/', import.meta.url));

const NAMES = [
  'verify-email',
  'address-taken',
  'reset-password',
  'password-changed',
  'confirm-email',
  'email-change-requested',
  'email-changed',
  'email-change-undone',
  'magic-link',
  'login-after-failures',
] as const;
type Kind = 'txt' | 'html';

/** Every mail there is. */
export type MailTemplate = (typeof NAMES)[number];

/** What a template may say. */
export interface Values {
  /** The host name of the app. */
  readonly app: string;
  /** Whom the mail is to. */
  readonly email: string;
  readonly link?: string | undefined;
  readonly code?: string | undefined;
  /** How long link and code work, as in `30 minutes`. */
  readonly lifetime?: string | undefined;
}

interface Rendered {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

interface Template {
  readonly txt: string;
  readonly html: string;
  /** What its built-in files say in any case. */
  readonly needs: readonly string[];
}

export type Templates = ReturnType<typeof createTemplates>;

/**
 * Reads the built-in templates and, file by file, those of `folder` instead.
 *
 * @returns what is wrong with the folder, too; templates are for use when nothing is.
 */
export function loadTemplates(folder?: string): { templates: Templates; problems: readonly string[] } {
  const problems: string[] = [];
  const ownFiles = new Map<string, string>();
  try {
    if (folder !== undefined)
      for (const file of readdirSync(folder).filter((name) => /\.(txt|html)$/.test(name)))
        ownFiles.set(file, readText(folder, file));
  } catch (error) {
    problems.push(`cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  const templates = new Map(NAMES.map((name) => [name, readTemplate(name)] as const));
  problems.push(...[...ownFiles.keys()].map((file) => `${file}: there is no such template`));
  return { templates: createTemplates(templates), problems };

  function readTemplate(name: MailTemplate): Template {
    const builtIn = { txt: readText(BUILT_IN, `${name}.txt`), html: readText(BUILT_IN, `${name}.html`) };
    const known = new Set(['app', 'email', ...namesIn(builtIn.txt), ...namesIn(builtIn.html)]);
    const choose = (kind: Kind): string => {
      const file = `${name}.${kind}`;
      const own = ownFiles.get(file);
      if (own === undefined) return builtIn[kind];
      ownFiles.delete(file);
      problems.push(...problemsOf(own, kind, known).map((problem) => `${file}: ${problem}`));
      return own;
    };
    return { txt: choose('txt'), html: choose('html'), needs: namesIn(builtIn.txt.replace(SECTION, '')) };
  }
}

const SECTION = /\{\{#\s*(\w+)\s*\}\}\n?(.*?)\{\{\/\s*\1\s*\}\}\n?/gs;
const PLACEHOLDER = /\{\{\s*(\w+)\s*\}\}/g;
const SUBJECT = /^Subject: *(\S.*)\n+/;

function createTemplates(templates: ReadonlyMap<string, Template>) {
  return {
    /** @throws Error when the template says something that it has no value for. */
    assertComplete(name: MailTemplate, values: Values): void {
      const missing = templates
        .get(name)
        ?.needs.filter((value) => values[value as keyof Values] === undefined);
      if (missing?.length !== 0) throw new Error(`The mail ${name} lacks ${missing ?? 'its template'}.`);
    },

    /** `undefined` for a template of another version. */
    render(name: string, values: Values): Rendered | undefined {
      const template = templates.get(name);
      if (template === undefined) return undefined;
      const text = fill(template.txt, values, (value) => value);
      return {
        subject: SUBJECT.exec(text)?.[1] ?? '',
        text: text.replace(SUBJECT, ''),
        html: fill(template.html, values, escapeHtml),
      };
    },
  };
}

function fill(text: string, values: Values, encode: (value: string) => string): string {
  const find = (name: string) => values[name as keyof Values];
  return text
    .replace(SECTION, (_, name: string, inner: string) => (find(name) === undefined ? '' : inner))
    .replace(PLACEHOLDER, (_, name: string) => encode(find(name) ?? ''));
}

/** What keeps a file from taking the place of the built-in one, whose values are `known`. */
function problemsOf(text: string, kind: Kind, known: ReadonlySet<string>): string[] {
  const used = namesIn(text);
  const list = [...known]
    .sort()
    .map((name) => `{{${name}}}`)
    .join(', ');
  const problems = used.filter((name) => !known.has(name)).map((name) => `{{${name}}} is none of ${list}`);
  for (const name of ['link', 'code'])
    if (known.has(name) && !used.includes(name)) problems.push(`does not say {{${name}}}`);
  if (/\{\{/.test(text.replace(SECTION, '$2').replace(PLACEHOLDER, '')))
    problems.push('has {{ that begin no placeholder');
  if (kind === 'txt' && !SUBJECT.test(text)) problems.push('does not begin with a line "Subject: …"');
  return problems;
}

function namesIn(text: string): string[] {
  const sections = [...text.matchAll(SECTION)];
  const matches = [...sections, ...text.replace(SECTION, '$2').matchAll(PLACEHOLDER)];
  return [...new Set(matches.map(([, name = '']) => name))];
}

function readText(folder: string, file: string): string {
  return readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n');
}
