import type { Command } from 'commander';
import { withExamples } from './help.ts';
import { JSON_OPTION, printListing } from './listing.ts';
import { confirm, print } from './output.ts';
import { withApp } from './with-app.ts';

/** `latchkey keys …`: the keys that sign access tokens. */
export function addKeys(program: Command): void {
  const keys = program
    .command('keys')
    .description('list, publish and rotate the keys that sign access tokens');

  const list = keys
    .command('list')
    .description('one line per key: id, algorithm, status, when it was made, since when it signs')
    .option(...JSON_OPTION)
    .action(({ json }: { json?: true }) =>
      withApp(async ({ tokens }) => {
        const entries = (await tokens.listKeys()).map(
          ({ kid, algorithm, status, createdAt, activatesAt }) => ({
            ...{ kid, algorithm, status },
            ...{ createdAt: new Date(createdAt), activatesAt: new Date(activatesAt) },
          }),
        );
        await printListing(entries, { json, emptiness: 'No keys: the first start of a server makes one.' });
      }),
    );
  withExamples(list, 'latchkey keys list', 'latchkey keys list --json');

  const jwks = keys
    .command('jwks')
    .description('print the public keys as a JSON Web Key Set (RFC 7517), for servers that take it inline')
    .action(() =>
      withApp(async ({ tokens }) => {
        // A set without a key would make others refuse good tokens.
        if (!tokens.keysLoaded()) throw new Error('No secret of LATCHKEY_SECRET opens every signing key.');
        await print(JSON.stringify(tokens.jwks()));
      }),
    );
  withExamples(jwks, 'latchkey keys jwks > jwks.json');

  const rotate = keys
    .command('rotate')
    .description('add a key, which signs once every verifier had the time to load it')
    .option(
      '--emergency',
      'sign with it at once and drop all others: every access token ends, clients refresh',
    )
    .action(({ emergency = false }: { emergency?: boolean }) =>
      withApp(async ({ tokens }) => {
        await tokens.rotateKeys({ emergency });
        await confirm(emergency ? 'Replaced all keys.' : 'Added a key.');
      }),
    );
  withExamples(rotate, 'latchkey keys rotate', 'latchkey keys rotate --emergency');

  const reseal = keys
    .command('reseal')
    .summary('seal keys, second factors and queued mail under the first secret of LATCHKEY_SECRET')
    .description(
      'seal every key, second factor and queued mail, and prove the audit trail, under the first secret of LATCHKEY_SECRET, so that the others can go',
    )
    .action(() =>
      withApp(async ({ audit, factors, mail, tokens }) => {
        await confirm(`Resealed ${await tokens.reseal()} keys and ${await mail.reseal()} mails.`);
        await confirm(`Resealed ${await factors.reseal()} second factors.`);
        await confirm(`Proved ${await audit.reseal()} batches of the audit trail.`);
      }),
    );
  withExamples(reseal, 'LATCHKEY_SECRET=new,old latchkey keys reseal');
}
