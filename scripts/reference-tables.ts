import type { Argument, Command, Option } from 'commander';
import {
  buildASTSchema,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isIntrospectionType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
  parse,
} from 'graphql';
import { createProgram } from '../src/cli/commands.ts';
import type { Setting } from '../src/config/setting.ts';
import { SETTINGS } from '../src/config/settings.ts';
import { AUDIT_EVENTS } from '../src/core/audit/store.ts';
import { ERRORS, type ErrorCode } from '../src/errors.ts';
import { isMarked } from '../src/graphql/marks.ts';
import { readTypeDefs } from '../src/graphql/type-defs.ts';

type Sections = Readonly<Record<string, () => string>>;

/** The pages of `docs/reference/`, with what the code writes into each. */
export const TABLES: Readonly<Record<string, Sections>> = {
  'docs/reference/configuration.md': { settings: settingsTable },
  'docs/reference/errors.md': { errors: errorsTable },
  'docs/reference/cli.md': { commands: commandsTable, help: helpOfCommands },
  'docs/reference/graphql.md': { operations, types },
  'docs/reference/events.md': { events: eventsTable },
};

function settingsTable(): string {
  const rows = Object.values(SETTINGS).map((setting: Setting) => {
    const inDevelopment = setting.developmentDefault && `${code(setting.developmentDefault)} in development`;
    const defaults = [setting.default && code(setting.default), inDevelopment].filter(Boolean);
    return [code(setting.name), defaults.join(', ') || 'none', setting.description];
  });
  return table(['variable', 'default', 'what it is'], rows);
}

function errorsTable(): string {
  const type = schema().getType('ErrorCode');
  const values = isEnumType(type) ? type.getValues() : [];
  const rows = values.map(({ name, description }) => [
    code(name),
    oneLine(description),
    ERRORS[name as ErrorCode],
  ]);
  return table(['code', 'when', 'message'], rows);
}

function eventsTable(): string {
  const rows = Object.entries(AUDIT_EVENTS).map(([name, description]) => [code(name), description]);
  return table(['event', 'what happened'], rows);
}

function commandsTable(): string {
  const rows = leaves(createProgram()).map((command) => [code(signature(command)), command.description()]);
  return table(['command', 'what it does'], rows);
}

function helpOfCommands(): string {
  const sections = leaves(createProgram()).map((command) => {
    const { registeredArguments, options } = command as Command & { readonly options: readonly Option[] };
    const rows = [
      ...registeredArguments.map((argument: Argument) => [code(humanName(argument)), argument.description]),
      ...options.map(({ flags, description }) => [code(flags), description]),
    ];
    const parameters = rows.length > 0 ? [table(['argument or option', 'what it is'], rows)] : [];
    const examples = examplesOf(command).map((example) => `- ${code(example)}`);
    const shown = examples.length > 0 ? ['Examples:', examples.join('\n')] : [];
    const title = `### ${code(path(command).join(' '))}`;
    return [title, sentence(command.description()), ...parameters, ...shown].join('\n\n');
  });
  return sections.join('\n\n');
}

/** The lines that begin with `$` in the help of a command. */
function examplesOf(command: Command): string[] {
  let help = '';
  command.configureOutput({
    writeOut: (text) => {
      help += text;
    },
  });
  command.outputHelp();
  return [...help.matchAll(/^ {2}\$ (.+)$/gm)].map(([, example = '']) => example);
}

/** The commands that do something, in the order of the help. */
function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

/** The words of a command, without the name of the program. */
function path(command: Command): string[] {
  return command.parent === null ? [] : [...path(command.parent), command.name()];
}

function signature(command: Command): string {
  return [...path(command), ...command.registeredArguments.map(humanName)].join(' ');
}

function humanName(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function operations(): string {
  const { query, mutation } = roots(schema());
  return [
    '## Queries',
    ...Object.values(query).map((field) => operation('query', field)),
    '## Mutations',
    ...Object.values(mutation).map((field) => operation('mutation', field)),
  ].join('\n\n');
}

function roots(whole: GraphQLSchema) {
  return {
    query: whole.getQueryType()?.getFields() ?? {},
    mutation: whole.getMutationType()?.getFields() ?? {},
  };
}

function operation(kind: 'query' | 'mutation', field: GraphQLField<unknown, unknown>): string {
  const access = isMarked(field, 'public') ? 'Needs no access token.' : 'Needs a live access token.';
  const credential = isMarked(field, 'credential') ? ' One document holds one such field at most.' : '';
  return [
    `### ${kind} ${code(field.name)}`,
    paragraphs(field.description),
    ...(field.args.length > 0 ? [fieldsTable('argument', field.args)] : []),
    `Answers ${typeLink(field.type)}. ${access}${credential}`,
  ].join('\n\n');
}

function types(): string {
  const named = Object.values(schema().getTypeMap())
    .filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type))
    .filter(({ name }) => name !== 'Query' && name !== 'Mutation')
    .sort((a, b) => a.name.localeCompare(b.name));
  const of = (title: string, is: (type: GraphQLNamedType) => boolean) => [
    `## ${title}`,
    ...named.filter(is).map(typeSection),
  ];
  return [
    ...of('Objects', isObjectType),
    ...of('Inputs', isInputObjectType),
    // The error codes have a page of their own.
    ...of('Enums', (type) => isEnumType(type) && type.name !== 'ErrorCode'),
    ...of('Scalars', isScalarType),
  ].join('\n\n');
}

function typeSection(type: GraphQLNamedType): string {
  return [`### ${type.name}`, paragraphs(type.description), ...membersTable(type)].join('\n\n');
}

function membersTable(type: GraphQLNamedType): string[] {
  if (isObjectType(type) || isInputObjectType(type))
    return [fieldsTable('field', Object.values(type.getFields()))];
  if (!isEnumType(type)) return [];
  const rows = type.getValues().map(({ name, description }) => [code(name), oneLine(description)]);
  return [table(['value', 'what it means'], rows)];
}

function fieldsTable(
  kind: string,
  fields: readonly (GraphQLField<unknown, unknown> | GraphQLArgument | GraphQLInputField)[],
): string {
  const rows = fields.map(({ name, type, description }) => [
    code(name),
    typeLink(type),
    oneLine(description),
  ]);
  return table([kind, 'type', 'what it is'], rows);
}

function typeLink(type: GraphQLField<unknown, unknown>['type'] | GraphQLArgument['type']): string {
  const named = getNamedType(type);
  if (isSpecifiedScalarType(named)) return code(String(type));
  const target = named.name === 'ErrorCode' ? 'errors.md' : `#${named.name.toLowerCase()}`;
  return `[${code(String(type))}](${target})`;
}

function schema(): GraphQLSchema {
  return buildASTSchema(parse(readTypeDefs()));
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [
    head,
    head.map(() => '---'),
    ...rows.map((cells) => cells.map((cell) => cell.replaceAll('|', '\\|'))),
  ];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}

function oneLine(text: string | null | undefined): string {
  return text?.replace(/\s*\n\s*/g, ' ') ?? '';
}

function paragraphs(text: string | null | undefined): string {
  return (text ?? '')
    .split(/\n{2,}/)
    .map(oneLine)
    .join('\n\n');
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;
}
