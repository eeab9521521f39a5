import { type Command, InvalidArgumentError } from 'commander';
import type { Head } from '../core/audit/chain.ts';
import type { Finding } from '../core/audit/finding.ts';
import { withExamples } from './help.ts';
import { print } from './output.ts';
import { withApp } from './with-app.ts';

/** `latchkey audit …`: the trail of what happened to accounts, sessions and keys. */
export function addAudit(program: Command): void {
  const audit = program
    .command('audit')
    .description('check the trail of what happened to accounts, sessions and keys');

  const verifyCommand = audit
    .command('verify')
    .description('find events that were changed, removed or put in; exits with 1 if there are any')
    .option(
      '--head <head>',
      'what an earlier run printed: finds whether newer events were cut off since',
      parseHead,
    )
    .option('--json', 'print one JSON object')
    .action(({ head: expectedHead, json }: { head?: Head; json?: true }) =>
      withApp(async ({ audit: { verify } }) => {
        const { findings, batchCount, eventCount, unchainedCount, bareCount, head } =
          await verify(expectedHead);
        if (findings.length > 0) process.exitCode = 1;
        if (json) {
          const problems = findings.map((finding) => ({ ...finding, message: describeFinding(finding) }));
          const counts = { batchCount, eventCount, unchainedCount, bareCount };
          const isIntact = findings.length === 0;
          await print(JSON.stringify({ isIntact, findings: problems, ...counts, head: writeHead(head) }));
          return;
        }
        for (const finding of findings) await print(describeFinding(finding));
        if (findings.length === 0) await print('Intact.');
        await print(
          `${eventCount} events in ${batchCount} batches; ${unchainedCount} newer events, not chained yet.`,
        );
        if (bareCount > 0)
          await print(`${bareCount} of them have no proof of their own: the version before wrote them.`);
        await print(`Head: ${writeHead(head)}`);
      }),
    );
  withExamples(verifyCommand, 'latchkey audit verify', 'latchkey audit verify --json');
}

const PROBLEMS: Record<Finding['problem'], string> = {
  changed: 'events or the batch itself changed, or events removed or put in, after they were chained',
  missing: 'removed',
  inserted: 'put in, or dated by a clock that was over 15 minutes slow',
  forged: 'not made by this server, or changed',
  bare: 'without a proof of its own, though events before it have one: put in, or written by the version before more than a day after the upgrade',
  unproven: 'proven by a secret that is not in LATCHKEY_SECRET',
  cut: 'removed or replaced since that head was printed, or that event written',
};

function describeFinding({ problem, batches, eventId }: Finding): string {
  const [first, last] = batches ?? [];
  const where = [
    first !== undefined && (first === last ? `batch ${first}` : `batches ${first} to ${last}`),
    eventId !== undefined && `event ${eventId}`,
  ];
  return `${where.filter(Boolean).join(', ')}: ${PROBLEMS[problem]}`;
}

function writeHead({ sequence, digest }: Head): string {
  return `${sequence}:${digest}`;
}

function parseHead(text: string): Head {
  const [, sequence, digest] = /^(\d{1,15}):([\w-]*)$/.exec(text) ?? [];
  if (sequence === undefined || digest === undefined) throw new InvalidArgumentError('It is no head.');
  return { sequence: Number(sequence), digest };
}
