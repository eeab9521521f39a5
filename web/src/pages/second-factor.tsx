import type { Factor, Mfa } from '@latchkey/client';
import { Fragment } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { auth } from '../auth.ts';
import { Dialog } from '../dialog.tsx';
import { Field, Form } from '../form.tsx';
import { Page } from '../layout.tsx';
import { momentOf } from '../moments.ts';
import { withFreshProof } from '../proof.tsx';
import { texts } from '../texts/index.ts';
import { AddFactor } from './add-factor.tsx';

/** At so few recovery codes people should make new ones. */
const FEW_CODES = 3;

interface SecondFactorProps {
  readonly mfa: Mfa;
  readonly reload: () => Promise<void>;
  /** Shows new recovery codes, if there are any, and reloads. */
  readonly onCodes: (codes: readonly string[] | null) => Promise<void>;
}

interface Question {
  readonly about: 'rename' | 'remove' | 'regenerate';
  readonly factor?: Factor;
}

/** What an account has as second factors, and what its owner can do with them. */
export function SecondFactor({ mfa, reload, onCodes }: SecondFactorProps) {
  const [question, setQuestion] = useState<Question>();
  const [news, setNews] = useState('');
  useEffect(() => {
    // Somebody may have asked for a removal since.
    void reload();
  }, [reload]);
  const { title, on, off } = texts.secondFactor;
  const hasApp = mfa.factors.some(({ kind }) => kind === 'TOTP');

  async function changed(sentence: string, codes?: readonly string[] | null): Promise<void> {
    setQuestion(undefined);
    await (codes ? onCodes(codes) : reload());
    setNews(sentence);
  }

  function asks(next: Question): void {
    setNews('');
    setQuestion(next);
  }

  return (
    <Page title={title}>
      <p>{mfa.enabled ? on : off}</p>
      <p role="status">{news}</p>
      {mfa.resetAt !== null && (
        <PendingReset at={mfa.resetAt} onCancelled={() => changed(texts.secondFactor.resetCancelled)} />
      )}
      <ul class="rows">
        {mfa.factors.map((factor) => (
          <FactorItem key={factor.id} factor={factor} onAsk={(about) => asks({ about, factor })} />
        ))}
      </ul>
      <AddFactor hasApp={hasApp} onDone={(codes) => changed(texts.secondFactor.added, codes)} />
      {mfa.enabled && <RecoveryCodesLeft mfa={mfa} onRegenerate={() => asks({ about: 'regenerate' })} />}
      {question && (
        <QuestionDialog
          {...question}
          isLast={mfa.factors.length === 1}
          onCancel={() => setQuestion(undefined)}
          onChanged={changed}
        />
      )}
    </Page>
  );
}

/** What a factor is called: by its owner, by its authenticator, or by its kind. */
function nameOf({ name, kind, passkey }: Factor): string {
  return name ?? passkey?.authenticator ?? texts.secondFactor.kinds[kind];
}

function FactorItem({ factor, onAsk }: { factor: Factor; onAsk: (about: 'rename' | 'remove') => void }) {
  const { kinds, copied, notCopied, created, lastUsed, neverUsed, rename, renameLabel, remove, removeLabel } =
    texts.secondFactor;
  const name = nameOf(factor);
  const { kind, passkey } = factor;
  const details = [
    kinds[kind],
    ...(passkey?.authenticator ? [passkey.authenticator] : []),
    ...(passkey ? [passkey.backedUp ? copied : notCopied] : []),
  ].filter((detail) => detail !== name);
  return (
    <li>
      <div>
        <strong>{name}</strong>
        <p class="muted">
          {details.map((detail) => (
            <Fragment key={detail}>
              {detail}
              <br />
            </Fragment>
          ))}
          {created(momentOf(factor.createdAt))}
          <br />
          {factor.lastUsedAt === null ? neverUsed : lastUsed(momentOf(factor.lastUsedAt))}
        </p>
      </div>
      <div class="actions">
        <button type="button" aria-label={renameLabel(name)} onClick={() => onAsk('rename')}>
          {rename}
        </button>
        <button type="button" aria-label={removeLabel(name)} onClick={() => onAsk('remove')}>
          {remove}
        </button>
      </div>
    </li>
  );
}

function RecoveryCodesLeft({ mfa, onRegenerate }: { mfa: Mfa; onRegenerate: () => void }) {
  const { title, left, few, regenerate } = texts.recoveryCodes;
  return (
    <section>
      <h2>{title}</h2>
      <p>{left(mfa.recoveryCodesLeft)}</p>
      {mfa.recoveryCodesLeft <= FEW_CODES && <p class="problem">{few}</p>}
      <button type="button" onClick={onRegenerate}>
        {regenerate}
      </button>
    </section>
  );
}

/** Somebody asked for the removal of all factors. The owner may be the one who did not. */
function PendingReset({ at, onCancelled }: { at: string; onCancelled: () => Promise<void> }) {
  const { resetAt, cancelReset } = texts.secondFactor;
  return (
    <section class="warning">
      <p>{resetAt(momentOf(at))}</p>
      <Form
        submit={cancelReset}
        send={async () => {
          await auth.cancelFactorReset();
          await onCancelled();
        }}
      />
    </section>
  );
}

interface QuestionProps extends Question {
  readonly isLast: boolean;
  readonly onCancel: () => void;
  readonly onChanged: (news: string, codes?: readonly string[]) => Promise<void>;
}

function QuestionDialog({ about, factor, isLast, onCancel, onChanged }: QuestionProps) {
  const { rename, renameTitle, remove, removeTitle, removed, renamed, removes } = texts.secondFactor;
  if (about === 'regenerate' || factor === undefined)
    return (
      <Dialog title={texts.recoveryCodes.regenerate} onCancel={onCancel}>
        <p>{texts.recoveryCodes.regenerates}</p>
        <Form
          submit={texts.recoveryCodes.regenerate}
          send={async () => {
            const made = await withFreshProof(() => auth.regenerateRecoveryCodes());
            if (made !== undefined) await onChanged('', made.recoveryCodes);
          }}
        />
      </Dialog>
    );
  const name = nameOf(factor);
  if (about === 'rename')
    return (
      <Dialog title={renameTitle(name)} onCancel={onCancel}>
        <Form
          submit={rename}
          send={async (values) => {
            await auth.renameFactor({ id: factor.id, name: values.name || null });
            await onChanged(renamed);
          }}
        >
          <Field
            name="name"
            label={texts.fields.name}
            required={false}
            maxLength={100}
            autoComplete="off"
            defaultValue={factor.name ?? ''}
          />
        </Form>
      </Dialog>
    );
  return (
    <Dialog title={removeTitle(name)} onCancel={onCancel}>
      <p>{isLast ? removes.last : removes.one}</p>
      {factor.kind === 'PASSKEY' && <p>{removes.passkey}</p>}
      <Form
        submit={remove}
        look="danger"
        send={async () => {
          if (await withFreshProof(() => auth.removeFactor({ id: factor.id }))) await onChanged(removed);
        }}
      />
    </Dialog>
  );
}
