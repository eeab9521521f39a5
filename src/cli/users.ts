import { type Command, InvalidArgumentError } from 'commander';
import { Email } from '../core/users/service.ts';
import { confirm, isRead, print } from './output.ts';
import { readPassword } from './password.ts';
import { addUsersTransfer } from './users-transfer.ts';
import { withApp } from './with-app.ts';

/** `latchkey users …`: the operator's hand on accounts. */
export function addUsers(program: Command): void {
  const users = program.command('users').description('the accounts');
  const onOne = (name: string, description: string) =>
    users.command(name).description(description).argument('<email>', "the account's address", parseEmail);

  onOne('create', 'create an account, whatever LATCHKEY_REGISTRATION says')
    .option('--name <name>', 'what to call its owner')
    .option('--password-stdin', 'read the password from standard input instead of asking for it')
    .action(
      async (
        email: string,
        { name, passwordStdin }: PasswordOptions & { name?: string },
        command: Command,
      ) => {
        const password = await readPassword(command, passwordStdin);
        await withApp(async ({ admin }) => {
          const { id } = await admin.createUser({ email, password, name });
          await confirm(id);
        });
      },
    );

  users
    .command('list')
    .description('one line per account: id, address, active or disabled, when it was created')
    .action(() =>
      withApp(async ({ admin }) => {
        for await (const user of admin.listUsers()) {
          if (!isRead()) return;
          const status = user.disabledAt === null ? 'active' : 'disabled';
          await print([user.id, user.email, status, new Date(user.createdAt).toISOString()].join('\t'));
        }
      }),
    );

  onOne('set-password', 'give an account a new password and end its sessions')
    .option('--password-stdin', 'read the password from standard input instead of asking for it')
    .action(async (email: string, { passwordStdin }: PasswordOptions, command: Command) => {
      const password = await readPassword(command, passwordStdin);
      await withApp(({ admin }) => admin.setPassword(email, password));
    });

  onOne('disable', 'end the sessions of an account and let it log in no more').action((email: string) =>
    withApp(({ admin }) => admin.disable(email)),
  );

  onOne('enable', 'let a disabled account log in again').action((email: string) =>
    withApp(({ admin }) => admin.enable(email)),
  );

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
