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

type Kind = 'txt' | 'html';

/** A mail, declared by the module that sends it. */
export interface MailTemplate {
  readonly name: string;
  /** The folder of its built-in files. */
  readonly folder: string;
}

/** Makes templates whose files are in the folder `templates` beside a module. */
export function templatesBeside(moduleUrl: string): (name: string) => MailTemplate {
  const folder = fileURLToPath(new URL('./templates/', moduleUrl));
  return (name) => ({ name, folder });
}

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

interface Template extends Pick<MailTemplate, 'folder'> {
  readonly txt: string;
  readonly html: string;
  /** What its built-in files say in any case. */
  readonly needs: readonly string[];
}

export type Templates = ReturnType<typeof createTemplates>;

/**
 * The templates of all modules, once they are loaded.
 *
 * @param ownFolder files of the operator, each in the place of the built-in one of the same name.
 */
export function createTemplates(ownFolder?: string) {
  const templates = new Map<string, Template>();

  return {
    /**
     * Reads what the modules declare.
     *
     * @returns what is wrong with the operator's folder; templates are for use when nothing is.
     */
    load(declared: readonly MailTemplate[]): readonly string[] {
      const own = readOwnFiles(ownFolder);
      for (const template of declared) {
        // Two purposes may share a mail.
        if (templates.get(template.name)?.folder === template.folder) continue;
        if (templates.has(template.name)) throw new Error(`Two mails have the name ${template.name}.`);
        templates.set(template.name, readTemplate(template, own));
      }
      const strays = [...own.files.keys()].filter((file) => !own.used.has(file));
      return [...own.problems, ...strays.map((file) => `${file}: there is no such template`)];
    },

    /** @throws Error when the template says something that it has no value for. */
    assertComplete(name: string, values: Values): void {
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

/** The operator's files, those that take the place of a built-in one, and what is wrong with them. */
interface OwnFiles {
  readonly files: ReadonlyMap<string, string>;
  readonly used: Set<string>;
  readonly problems: string[];
}

function readOwnFiles(folder: string | undefined): OwnFiles {
  const own = { files: new Map<string, string>(), used: new Set<string>(), problems: [] as string[] };
  if (folder === undefined) return own;
  try {
    for (const file of readdirSync(folder).filter((name) => /\.(txt|html)$/.test(name)))
      own.files.set(file, readText(folder, file));
  } catch (error) {
    own.problems.push(`cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  return own;
}

function readTemplate({ name, folder }: MailTemplate, { files, used, problems }: OwnFiles): Template {
  const builtIn = { txt: readText(folder, `${name}.txt`), html: readText(folder, `${name}.html`) };
  const known = new Set(['app', 'email', ...namesIn(builtIn.txt), ...namesIn(builtIn.html)]);
  const choose = (kind: Kind): string => {
    const file = `${name}.${kind}`;
    const text = files.get(file);
    if (text === undefined) return builtIn[kind];
    used.add(file);
    problems.push(...problemsOf(text, kind, known).map((problem) => `${file}: ${problem}`));
    return text;
  };
  return {
    folder,
    txt: choose('txt'),
    html: choose('html'),
    needs: namesIn(builtIn.txt.replace(SECTION, '')),
  };
}

const SECTION = /\{\{#\s*(\w+)\s*\}\}\n?(.*?)\{\{\/\s*\1\s*\}\}\n?/gs;
const PLACEHOLDER = /\{\{\s*(\w+)\s*\}\}/g;
const SUBJECT = /^Subject: *(\S.*)\n+/;

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
