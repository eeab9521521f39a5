import { useEffect, useRef, useState } from 'preact/hooks';
import { auth, useAuthState } from './auth.ts';
import { hasCode } from './errors.ts';
import { AccountOf, Form, PasswordField } from './form.tsx';
import { texts } from './texts/index.ts';

type Answer = (isProven: boolean) => void;

let ask: (answer: Answer) => void = (answer) => answer(false);

/** Does what needs a recent proof, and asks for one where it is too old. Undefined where the person gave it up. */
export async function withFreshProof<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!hasCode(error, 'REAUTHENTICATION_REQUIRED')) throw error;
  }
  const isProven = await new Promise<boolean>((resolve) => ask(resolve));
  return isProven ? work() : undefined;
}

/** The question, above whatever page asks it. */
export function ProofDialog() {
  const { user } = useAuthState();
  const dialog = useRef<HTMLDialogElement>(null);
  const [answer, setAnswer] = useState<{ give: Answer }>();
  useEffect(() => {
    ask = (give) => setAnswer({ give });
  }, []);
  useEffect(() => {
    if (answer !== undefined) dialog.current?.showModal();
  }, [answer]);

  function close(isProven: boolean): void {
    dialog.current?.close();
    answer?.give(isProven);
    setAnswer(undefined);
  }

  if (answer === undefined || user === undefined) return null;
  return (
    <dialog ref={dialog} aria-labelledby="proof-title" onCancel={() => close(false)}>
      <h2 id="proof-title">{texts.proveAgain.title}</h2>
      <p>{texts.proveAgain.explain}</p>
      <Form
        submit={texts.proveAgain.submit}
        send={async ({ password = '' }) => {
          await auth.reauthenticate({ password });
          close(true);
        }}
        own={{ INVALID_CREDENTIALS: { field: 'password', text: texts.errors.wrongPassword } }}
      >
        <AccountOf email={user.email} />
        <PasswordField />
      </Form>
      <button type="button" class="plain" onClick={() => close(false)}>
        {texts.cancel}
      </button>
    </dialog>
  );
}
