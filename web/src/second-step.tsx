import type { PendingLogin } from '@latchkey/client';
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { auth } from './auth.ts';
import { hasCode } from './errors.ts';
import { CodeField, isTyped, pendingOf, type TypedKind, WRONG_CODE } from './factors.tsx';
import { Form } from './form.tsx';
import { Page } from './layout.tsx';
import { leave } from './leave.ts';
import { currentPage, navigate, say } from './router.ts';
import { settings } from './settings.ts';
import { texts } from './texts/index.ts';

/** Pages of a link or a code that the first step has spent. */
const SPENT = ['magic-link', 'email-code'];

/**
 * A way in. `enter` does the first step, and leaves the page where that is all. Otherwise `secondStep` is what to show in
 * the place of the first one.
 */
export function useLogin(): {
  readonly enter: (firstStep: () => Promise<unknown>) => Promise<void>;
  readonly secondStep: JSX.Element | undefined;
} {
  const [pending, setPending] = useState<PendingLogin>();

  async function enter(firstStep: () => Promise<unknown>): Promise<void> {
    say('');
    try {
      await firstStep();
    } catch (error) {
      const owed = pendingOf(error);
      if (owed === undefined) throw error;
      return setPending(owed);
    }
    await leave();
  }

  function startAgain(): void {
    setPending(undefined);
    const notice = texts.secondStep.dead;
    if (SPENT.includes(currentPage())) navigate('sign-in', { replaces: true, notice });
    else say(notice);
  }

  const secondStep = pending && <SecondStep pending={pending} onDead={startAgain} />;
  return { enter, secondStep };
}

interface StepProps {
  readonly pending: PendingLogin;
  /** The first step counts no more. */
  readonly onDead: () => void;
}

/** Asks for a second factor: one of those that the account has. */
function SecondStep({ pending: { token = '', factors }, onDead }: StepProps) {
  const kinds = factors.filter(isTyped);
  const [chosen, setChosen] = useState<TypedKind | 'LOST'>(kinds[0] ?? 'LOST');

  /** @throws what the form shows */
  async function orDead(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!hasCode(error, 'INVALID_TOKEN')) throw error;
      onDead();
    }
  }

  return (
    <>
      {chosen === 'LOST' ? (
        <LostFactor key={chosen} token={token} orDead={orDead} />
      ) : (
        <Page key={chosen} title={texts.secondStep[chosen].title}>
          <p>{texts.secondStep[chosen].explain}</p>
          <Form
            submit={texts.signIn.submit}
            own={WRONG_CODE}
            send={(code) =>
              orDead(async () => {
                await auth.completeMfaLogin({ mfaToken: token, ...code });
                await leave();
              })
            }
          >
            <CodeField kind={chosen} />
          </Form>
        </Page>
      )}
      <div class="links">
        {[...kinds, 'LOST' as const]
          .filter((other) => other !== chosen)
          .map((other) => (
            <button key={other} type="button" class="plain" onClick={() => setChosen(other)}>
              {texts.secondStep[other].use}
            </button>
          ))}
      </div>
    </>
  );
}

/** What is left where no factor is at hand. */
function LostFactor({
  token,
  orDead,
}: {
  token: string;
  orDead: (work: () => Promise<void>) => Promise<void>;
}) {
  const { title, done, doneTitle, ...lost } = texts.secondStep.LOST;
  const [seconds, setSeconds] = useState<number>();
  const hours = Math.round(settings.factorResetSeconds / 3_600);
  if (seconds !== undefined)
    return (
      <Page title={doneTitle}>
        <p>{done(Math.round(seconds / 3_600))}</p>
      </Page>
    );
  return (
    <Page title={title}>
      <p>{lost.first}</p>
      {hours === 0 ? (
        <p>{lost.operator}</p>
      ) : (
        <>
          <p>{lost.reset(hours)}</p>
          <Form
            submit={lost.submit}
            isDangerous
            own={{ FORBIDDEN: { text: lost.unverified } }}
            send={() =>
              orDead(async () => {
                const { expiresIn } = await auth.requestFactorReset({ mfaToken: token });
                setSeconds(expiresIn);
              })
            }
          />
        </>
      )}
    </Page>
  );
}
