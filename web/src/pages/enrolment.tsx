import type { TotpEnrolment } from '@latchkey/client';
import { useState } from 'preact/hooks';
import { auth } from '../auth.ts';
import { CopyButton } from '../copy.tsx';
import { hasCode } from '../errors.ts';
import { WRONG_CODE } from '../factors.tsx';
import { Field, Form } from '../form.tsx';
import { withFreshProof } from '../proof.tsx';
import { texts } from '../texts/index.ts';

export interface EnrolmentProps {
  /** The codes are new where the app is the first factor. */
  readonly onDone: (recoveryCodes: readonly string[] | null) => Promise<void>;
}

/** Adds an authenticator app: its QR code, then a code that it shows. */
export function TotpEnrolmentForms({ onDone }: EnrolmentProps) {
  const [enrolment, setEnrolment] = useState<TotpEnrolment>();
  const [isLate, setLate] = useState(false);

  async function start(): Promise<void> {
    setLate(false);
    setEnrolment(await withFreshProof(() => auth.startTotpEnrolment()));
  }

  async function confirm({ code = '', name }: Record<string, string>): Promise<void> {
    try {
      const done = await withFreshProof(() => auth.confirmTotpEnrolment({ code, ...(name && { name }) }));
      if (done !== undefined) await onDone(done.recoveryCodes);
    } catch (error) {
      if (!hasCode(error, 'NOT_FOUND')) throw error;
      setLate(true);
      setEnrolment(undefined);
    }
  }

  const { explain, submit, scan, qrCode, byHand, secret, copy, open, late, confirm: done } = texts.enrolment;
  if (enrolment === undefined)
    return (
      <>
        <p>{explain}</p>
        <p class="problem" role="alert">
          {isLate && late}
        </p>
        <Form submit={submit} send={start} />
      </>
    );
  return (
    <>
      <p>{scan}</p>
      <img class="qr-code" src={enrolment.qrCode} alt={qrCode} width="224" height="224" />
      <p>
        <a href={enrolment.otpauthUri}>{open}</a>
      </p>
      <details>
        <summary>{byHand}</summary>
        <p>
          {secret} <code>{inGroups(enrolment.secret)}</code>
        </p>
        <CopyButton text={enrolment.secret} label={copy} />
      </details>
      <Form submit={done} send={confirm} own={WRONG_CODE}>
        <Field
          name="code"
          label={texts.fields.code}
          hint={texts.hints.totpCode}
          inputMode="numeric"
          autoComplete="one-time-code"
        />
        <Field
          name="name"
          label={texts.fields.factorName}
          hint={texts.hints.factorName}
          required={false}
          maxLength={100}
          autoComplete="off"
        />
      </Form>
    </>
  );
}

/** Four characters at a time are easier to type. */
function inGroups(secret: string): string {
  return secret.match(/.{1,4}/g)?.join(' ') ?? secret;
}
