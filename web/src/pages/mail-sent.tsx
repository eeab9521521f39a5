import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { EmailField, Form } from '../form.tsx';
import { Page, To } from '../layout.tsx';
import { texts } from '../texts/index.ts';

interface MailSentProps {
  readonly text: string;
  readonly onAgain: () => void;
  readonly children?: ComponentChildren;
}

/** What comes after a mail was asked for. It is the same whether or not there is an account. */
export function MailSent({ text, onAgain, children }: MailSentProps) {
  return (
    <Page title={texts.mailSent.title}>
      <p>{text}</p>
      {children}
      <p class="muted">{texts.mailSent.nothing}</p>
      <button type="button" class="plain" onClick={onAgain}>
        {texts.mailSent.again}
      </button>
    </Page>
  );
}

interface MailRequestProps {
  readonly title: string;
  readonly explain: string;
  readonly submit: string;
  /** Asks the server for the mail. */
  readonly request: (input: { email: string }) => Promise<{ expiresIn: number }>;
  /** What the person can do beside opening the link. */
  readonly children?: (email: string) => ComponentChildren;
}

/** Asks for a mail to an address, and says that it is on its way. */
export function MailRequest({ title, explain, submit, request, children }: MailRequestProps) {
  const [sent, setSent] = useState<{ email: string; minutes: number }>();
  if (sent !== undefined)
    return (
      <MailSent text={texts.mailSent.text(sent.email, sent.minutes)} onAgain={() => setSent(undefined)}>
        {children?.(sent.email)}
      </MailSent>
    );
  return (
    <Page title={title}>
      <p>{explain}</p>
      <Form
        submit={submit}
        send={async ({ email = '' }) => {
          const { expiresIn } = await request({ email });
          setSent({ email, minutes: Math.round(expiresIn / 60) });
        }}
      >
        <EmailField />
      </Form>
      <nav class="links">
        <To page="sign-in">{texts.back}</To>
      </nav>
    </Page>
  );
}
