import { type Command, InvalidArgumentError } from 'commander';
import { Email } from '../core/users/service.ts';
import { addUsersFactors } from './factors.ts';
import { withExamples } from './help.ts';
import { type Entry, JSON_OPTION, printListing } from './listing.ts';
import { confirm } from './output.ts';
import { readPassword } from './password.ts';
import { addUsersRoles } from './roles.ts';
import { addUsersTransfer } from './users-transfer.ts';
import { withApp } from './with-app.ts';

/** `latchkey users …`: the operator's hand on accounts. */
export function addUsers(program: Command): void {
  const users = program
    .command('users')
    .description('create, list, disable and move accounts, and give them roles');
  const onOne = (name: string, description: string) =>
    users.command(name).description(description).argument('<email>', "the account's address", parseEmail);

  const create = onOne('create', 'create an account, whatever LATCHKEY_REGISTRATION says')
    .option('--name <name>', 'what to call its owner')
    .option('--role <role...>', 'roles to give it, as `users grant` does')
    .option('--password-stdin', 'read the password from standard input instead of asking for it')
    .action(
      async (
        email: string,
        { name, role = [], passwordStdin }: PasswordOptions & { name?: string; role?: string[] },
        command: Command,
      ) => {
        const password = await readPassword(command, passwordStdin);
        await withApp(async ({ admin, roles }) => {
          roles.assertDefined(role);
          const { id } = await admin.createUser({ email, password, name });
          await confirm(id);
          if (role.length > 0) await confirm(`${email} has: ${(await roles.grant(email, role)).join(', ')}`);
        });
      },
    );
  withExamples(
    create,
    'latchkey users create ada@example.com',
    "latchkey users create ada@example.com --name 'Ada Lovelace' --password-stdin < password.txt",
    'latchkey users create chief@example.com --role admin',
  );

  const list = users
    .command('list')
    .description('one line per account: id, address, active or disabled, when it was created, its roles')
    .option(...JSON_OPTION)
    .action(({ json }: { json?: true }) =>
      withApp(async ({ admin, roles }) => {
        async function* entries(): AsyncGenerator<Entry> {
          for await (const { id, email, disabledAt, createdAt, roles: given } of admin.listUsers()) {
            const status = disabledAt === null ? 'active' : 'disabled';
            const names = roles.namesOf(given).join(' ') || null;
            yield { id, email, status, createdAt: new Date(createdAt), roles: names };
          }
        }
        await printListing(entries(), {
          json,
          emptiness: 'No accounts: `register` makes one, and so does `latchkey users create`.',
        });
      }),
    );
  withExamples(
    list,
    'latchkey users list',
    'latchkey users list --json | jq -r \'select(.status == "disabled").email\'',
  );

  const setPassword = onOne('set-password', 'give an account a new password and end its sessions')
    .option('--password-stdin', 'read the password from standard input instead of asking for it')
    .action(async (email: string, { passwordStdin }: PasswordOptions, command: Command) => {
      const password = await readPassword(command, passwordStdin);
      await withApp(({ admin }) => admin.setPassword(email, password));
    });
  withExamples(setPassword, 'latchkey users set-password ada@example.com');

  const disable = onOne('disable', 'end the sessions of an account and let it log in no more').action(
    (email: string) => withApp(({ admin }) => admin.disable(email)),
  );
  withExamples(disable, 'latchkey users disable ada@example.com');

  const enable = onOne('enable', 'let a disabled account log in again').action((email: string) =>
    withApp(({ admin }) => admin.enable(email)),
  );
  withExamples(enable, 'latchkey users enable ada@example.com');

  addUsersFactors(onOne);
  addUsersRoles(onOne);
  addUsersTransfer(users);
}

interface PasswordOptions {
  readonly passwordStdin?: true;
}

function parseEmail(text: string): string {
  const { data } = Email.safeParse(text);
  if (data === undefined) throw new InvalidArgumentError('It is not an email address.');
  return data;
}
