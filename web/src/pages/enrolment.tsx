import type { TotpEnrolment } from '@latchkey/client';
import { useState } from 'preact/hooks';
import { auth } from '../auth.ts';
import { CopyButton } from '../copy.tsx';
import { hasCode } from '../errors.ts';
import { WRONG_CODE } from '../factors.tsx';
import { CodeField, FactorNameField, Form } from '../form.tsx';
import { useLanding } from '../layout.tsx';
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

  if (enrolment !== undefined) return <ScanForm enrolment={enrolment} confirm={confirm} />;
  return (
    <>
      <p>{texts.enrolment.explain}</p>
      <p class="problem" role="alert">
        {isLate && texts.enrolment.late}
      </p>
      <Form submit={texts.enrolment.submit} send={start} />
    </>
  );
}

interface ScanProps {
  readonly enrolment: TotpEnrolment;
  readonly confirm: (values: Record<string, string>) => Promise<void>;
}

function ScanForm({ enrolment: { secret, otpauthUri, qrCode }, confirm }: ScanProps) {
  const landing = useLanding<HTMLParagraphElement>();
  return (
    <>
      <p ref={landing} tabIndex={-1}>
        {texts.enrolment.scan}
      </p>
      <img class="qr-code" src={qrCode} alt={texts.enrolment.qrCode} width="224" height="224" />
      <p>
        <a href={otpauthUri}>{texts.enrolment.open}</a>
      </p>
      <details>
        <summary>{texts.enrolment.byHand}</summary>
        <p>
          {texts.enrolment.secret} <code>{inGroups(secret)}</code>
        </p>
        <CopyButton text={secret} label={texts.enrolment.copy} />
      </details>
      <Form submit={texts.enrolment.confirm} send={confirm} own={WRONG_CODE}>
        <CodeField hint={texts.hints.totpCode} />
        <FactorNameField hint={texts.hints.factorName} />
      </Form>
    </>
  );
}

/** Four characters at a time are easier to type. */
function inGroups(secret: string): string {
  return secret.match(/.{1,4}/g)?.join(' ') ?? secret;
}
