import { passkeyAnswer } from '@latchkey/client/passkeys';
import { useEffect, useState } from 'preact/hooks';
import { auth, useAuthState } from './auth.ts';
import { Dialog } from './dialog.tsx';
import { asksForProof } from './errors.ts';
import {
  FactorField,
  type Factors,
  kindsOf,
  pendingOf,
  type TypedKind,
  usable,
  WRONG_CODE,
} from './factors.tsx';
import { AccountOf, Form, PasswordField } from './form.tsx';
import { PasskeyForm } from './passkeys.tsx';
import { ProviderButtons, useOwnProviders } from './providers.tsx';
import { texts } from './texts/index.ts';

type Answer = (isProven: boolean) => void;

let ask: (answer: Answer) => void = (answer) => answer(false);

/** Asks who it is, whatever was proven before. False where the person gave it up. */
export function prove(): Promise<boolean> {
  return new Promise<boolean>((resolve) => ask(resolve));
}

/** Does what needs a recent proof, and asks for one where it is too old. Undefined where the person gave it up. */
export async function withFreshProof<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!asksForProof(error)) throw error;
  }
  return (await prove()) ? work() : undefined;
}

/** The question, above whatever page asks it. */
export function ProofDialog({ factors: { mfa, reload } }: { factors: Factors }) {
  const { user } = useAuthState();
  const [answer, setAnswer] = useState<{ give: Answer }>();
  const [usesRecoveryCode, setUsesRecoveryCode] = useState(false);
  useEffect(() => {
    ask = (give) => setAnswer({ give });
  }, []);

  function close(isProven: boolean): void {
    answer?.give(isProven);
    setAnswer(undefined);
    setUsesRecoveryCode(false);
  }

  async function send(shown: Parameters<typeof auth.reauthenticate>[0]): Promise<void> {
    try {
      await auth.reauthenticate(shown);
    } catch (error) {
      // The factor was added elsewhere meanwhile.
      if (pendingOf(error) !== undefined) await reload();
      throw error;
    }
    close(true);
  }

  if (answer === undefined || user === undefined) return null;
  const kinds = usable(kindsOf(mfa));
  const takesPasskey = kinds.includes('PASSKEY');
  const kind: TypedKind = usesRecoveryCode || !kinds.includes('TOTP') ? 'RECOVERY_CODE' : 'TOTP';
  const { title, explain, explainBoth, explainPasskey, explainOr, byPasskey, submit } = texts.proveAgain;
  return (
    <Dialog title={title} onCancel={() => close(false)}>
      {takesPasskey && (
        <>
          <p>{explainPasskey}</p>
          <PasskeyForm
            submit={byPasskey}
            send={async (signal) => send({ passkey: await passkeyAnswer(auth, { signal }) })}
          />
        </>
      )}
      <p>{kinds.length === 0 ? explain : takesPasskey ? explainOr : explainBoth}</p>
      <Form
        submit={submit}
        look={takesPasskey ? 'secondary' : 'primary'}
        send={send}
        own={{ ...WRONG_PASSWORD, ...WRONG_CODE }}
      >
        <AccountOf email={user.email} />
        <PasswordField />
        {kinds.length > 0 && <FactorField kind={kind} />}
      </Form>
      {kinds.includes('TOTP') && kinds.includes('RECOVERY_CODE') && (
        <button type="button" class="plain" onClick={() => setUsesRecoveryCode(!usesRecoveryCode)}>
          {texts.secondStep[usesRecoveryCode ? 'TOTP' : 'RECOVERY_CODE'].use}
        </button>
      )}
      <ProofByProvider />
    </Dialog>
  );
}

/** For owners without a password. They leave the page, so what they wanted is begun anew. */
function ProofByProvider() {
  const providers = useOwnProviders();
  if (providers.length === 0) return null;
  return (
    <>
      <p>{texts.proveAgain.explainProvider}</p>
      <ProviderButtons providers={providers} redirectTo={location.origin + location.pathname} />
    </>
  );
}

const WRONG_PASSWORD = { INVALID_CREDENTIALS: { field: 'password', text: texts.errors.wrongPassword } };
