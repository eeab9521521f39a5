import { type Command, InvalidArgumentError } from 'commander';
import type { App } from '../app.ts';
import { withExamples } from './help.ts';
import { type Entry, JSON_OPTION, printListing } from './listing.ts';
import { complain, confirm, print } from './output.ts';
import { withApp } from './with-app.ts';

type Roles = App['roles'];
/** Adds a command that is about one account. */
type OnOne = (name: string, description: string) => Command;

/** `latchkey roles …`: what roles there are. */
export function addRoles(program: Command): void {
  const roles = program.command('roles').description('list the roles that accounts can have');
  const list = roles
    .command('list')
    .description('one line per role, the highest first: its scopes, and how many accounts have it')
    .option(...JSON_OPTION)
    .action(({ json }: { json?: true }) =>
      withRoles(async (app) => {
        const entries = (await app.list()).map(
          ({ role, scopes, accounts }): Entry => ({
            role,
            scopes: scopes === null ? 'not defined: allows nothing' : scopes.join(' ') || null,
            accounts,
          }),
        );
        await printListing(entries, { json, emptiness: 'No roles: LATCHKEY_ROLES_FILE defines none.' });
      }),
    );
  withExamples(list, 'latchkey roles list', 'latchkey roles list --json');
}

/** `latchkey users grant`, `revoke` and `metadata`. */
export function addUsersRoles(onOne: OnOne): void {
  const change = (name: 'grant' | 'revoke', description: string) =>
    onOne(name, description)
      .argument('<roles...>', 'names of roles')
      .action((email: string, names: string[]) =>
        withRoles(async (roles) => {
          const now = await roles[name](email, names);
          await confirm(now.length === 0 ? `${email} has no roles.` : `${email} has: ${now.join(', ')}`);
        }),
      );
  withExamples(change('grant', 'give roles to an account'), 'latchkey users grant ada@example.com editor');
  withExamples(
    change('revoke', 'take roles away from an account; this server knows within a second'),
    'latchkey users revoke ada@example.com editor',
  );

  const metadata = onOne(
    'metadata',
    'print what is kept about an account for claims, or change it key by key',
  )
    .option('--set <json>', 'an object whose keys are set; the others stay', parseJson)
    .option('--unset <key...>', 'keys to remove')
    .action((email: string, { set, unset }: { set?: unknown; unset?: string[] }) =>
      withApp(async ({ roles }) => {
        if (set === undefined && unset === undefined)
          return print(JSON.stringify(await roles.metadataOf(email)));
        await confirm(JSON.stringify(await roles.changeMetadata(email, { set, unset })));
      }),
    );
  withExamples(
    metadata,
    'latchkey users metadata ada@example.com',
    `latchkey users metadata ada@example.com --set '{"tenant":"acme"}'`,
    'latchkey users metadata ada@example.com --unset tenant',
  );
}

/** What the servers of the database take for roles is what their file says, which may not be this command's. */
async function withRoles(work: (roles: Roles) => Promise<void>): Promise<void> {
  await withApp(async ({ roles }) => {
    if (await roles.isOther())
      await complain(
        'the servers of this database began with another LATCHKEY_ROLES_FILE, or another content of it',
      );
    await work(roles);
  });
}

function parseJson(text: string, earlier: unknown): unknown {
  if (earlier !== undefined) throw new InvalidArgumentError('It is there twice.');
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError('It is no JSON.');
  }
}
