import type { ComponentChildren } from 'preact';
import { Page } from '../layout.tsx';
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
