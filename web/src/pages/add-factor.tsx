import { registerPasskey } from '@latchkey/client/passkeys';
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { auth } from '../auth.ts';
import { FactorNameField } from '../form.tsx';
import { useLanding } from '../layout.tsx';
import { hasPasskeys, PasskeyForm } from '../passkeys.tsx';
import { withFreshProof } from '../proof.tsx';
import { texts } from '../texts/index.ts';
import { type EnrolmentProps, TotpEnrolmentForms } from './enrolment.tsx';

/** Adds a factor: an app, where the account has none yet, or a passkey. */
export function AddFactor({ hasApp = false, onDone }: EnrolmentProps & { readonly hasApp?: boolean }) {
  const [adding, setAdding] = useState<'TOTP' | 'PASSKEY'>();
  const kinds = [...(hasApp ? [] : ['TOTP' as const]), ...(hasPasskeys ? ['PASSKEY' as const] : [])];

  async function done(recoveryCodes: readonly string[] | null): Promise<void> {
    setAdding(undefined);
    await onDone(recoveryCodes);
  }

  return (
    <>
      {adding !== undefined && (
        <section key={adding}>
          <SectionTitle>{texts.addFactor[adding]}</SectionTitle>
          {adding === 'TOTP' ? <TotpEnrolmentForms onDone={done} /> : <NewPasskey onDone={done} />}
        </section>
      )}
      <div class="actions">
        {kinds
          .filter((kind) => kind !== adding)
          .map((kind) => (
            <button key={kind} type="button" onClick={() => setAdding(kind)}>
              {texts.addFactor[kind]}
            </button>
          ))}
      </div>
    </>
  );
}

function SectionTitle({ children }: { children: ComponentChildren }) {
  const landing = useLanding<HTMLHeadingElement>();
  return (
    <h2 ref={landing} tabIndex={-1}>
      {children}
    </h2>
  );
}

function NewPasskey({ onDone }: EnrolmentProps) {
  return (
    <>
      <p>{texts.addFactor.explainPasskey}</p>
      <PasskeyForm
        submit={texts.addFactor.createPasskey}
        send={async (signal, { name }) => {
          const made = await withFreshProof(() => registerPasskey(auth, { name: name || undefined, signal }));
          if (made !== undefined) await onDone(made.recoveryCodes);
        }}
      >
        <FactorNameField hint={texts.hints.passkeyName} />
      </PasskeyForm>
    </>
  );
}
