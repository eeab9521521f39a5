import type { FactorKind, PendingLogin } from '@latchkey/client';
import { passkeyAnswer } from '@latchkey/client/passkeys';
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { auth } from './auth.ts';
import { hasCode } from './errors.ts';
import { FactorField, pendingOf, usable, WRONG_CODE } from './factors.tsx';
import { Form } from './form.tsx';
import { Page } from './layout.tsx';
import { leave } from './leave.ts';
import { PasskeyForm } from './passkeys.tsx';
import { currentPage, navigate, say } from './router.ts';
import { settings } from './settings.ts';
import { texts } from './texts/index.ts';

/** Pages of a link or a code that the first step has spent. */
const SPENT = ['magic-link', 'email-code'];

/**
 * A way in. `enter` does the first step, and leaves the page where that is all. Otherwise `secondStep` is what to show in
 * the place of the first one. A first step that answers with false has opened no session yet.
 */
export function useLogin(): {
  readonly enter: (firstStep: () => Promise<unknown>) => Promise<void>;
  readonly secondStep: JSX.Element | undefined;
} {
  const [pending, setPending] = useState<PendingLogin>();

  async function enter(firstStep: () => Promise<unknown>): Promise<void> {
    try {
      if ((await firstStep()) === false) return;
    } catch (error) {
      const owed = pendingOf(error);
      if (owed === undefined) throw error;
      return setPending(owed);
    }
    await leave();
  }

  async function finish(): Promise<void> {
    setPending(undefined);
    await leave();
  }

  function startAgain(): void {
    setPending(undefined);
    const notice = texts.secondStep.dead;
    if (SPENT.includes(currentPage())) navigate('sign-in', { replaces: true, notice });
    else say(notice);
  }

  const secondStep = pending && <SecondStep pending={pending} onDone={finish} onDead={startAgain} />;
  return { enter, secondStep };
}

type Completion = Parameters<typeof auth.completeMfaLogin>[0];

interface StepProps {
  readonly pending: PendingLogin;
  readonly onDone: () => Promise<void>;
  /** The first step counts no more. */
  readonly onDead: () => void;
}

/** Asks for a second factor: one of those that the account has. */
function SecondStep({ pending: { token: mfaToken = '', factors }, onDone, onDead }: StepProps) {
  const kinds = usable(factors);
  const [chosen, setChosen] = useState<FactorKind | 'LOST'>(kinds[0] ?? 'LOST');

  /** @throws what the form shows */
  async function orDead(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!hasCode(error, 'INVALID_TOKEN')) throw error;
      onDead();
    }
  }

  const complete = (show: () => Promise<Omit<Completion, 'mfaToken'>>) =>
    orDead(async () => {
      await auth.completeMfaLogin({ mfaToken, ...(await show()) });
      await onDone();
    });

  return (
    <>
      {chosen === 'LOST' ? (
        <LostFactor key={chosen} mfaToken={mfaToken} orDead={orDead} />
      ) : (
        <Page key={chosen} title={texts.secondStep[chosen].title}>
          <p>{texts.secondStep[chosen].explain}</p>
          {chosen === 'PASSKEY' ? (
            <PasskeyForm
              submit={texts.signIn.byPasskey}
              send={(signal) =>
                complete(async () => ({ passkey: await passkeyAnswer(auth, { mfaToken, signal }) }))
              }
            />
          ) : (
            <Form submit={texts.signIn.submit} own={WRONG_CODE} send={(code) => complete(async () => code)}>
              <FactorField kind={chosen} />
            </Form>
          )}
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
  mfaToken,
  orDead,
}: {
  mfaToken: string;
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
            look="danger"
            own={{ FORBIDDEN: { text: lost.unverified } }}
            send={() =>
              orDead(async () => {
                const { expiresIn } = await auth.requestFactorReset({ mfaToken });
                setSeconds(expiresIn);
              })
            }
          />
        </>
      )}
    </Page>
  );
}
