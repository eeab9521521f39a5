import { useState } from 'preact/hooks';
import { auth } from '../auth.ts';
import { EmailField, Form, PasswordField } from '../form.tsx';
import { Page, To } from '../layout.tsx';
import { linkToken } from '../link.ts';
import { settings } from '../settings.ts';
import { texts } from '../texts/index.ts';
import { MailSent } from './mail-sent.tsx';
import { NoLink } from './no-link.tsx';

export function ForgotPassword() {
  const [sent, setSent] = useState<{ email: string; minutes: number }>();
  if (sent !== undefined)
    return (
      <MailSent text={texts.mailSent.text(sent.email, sent.minutes)} onAgain={() => setSent(undefined)} />
    );
  return (
    <Page title={texts.forgotPassword.title}>
      <p>{settings.mail ? texts.forgotPassword.explain : texts.forgotPassword.noMail}</p>
      {settings.mail && (
        <Form
          submit={texts.forgotPassword.submit}
          send={async ({ email = '' }) => {
            const { expiresIn } = await auth.requestPasswordReset({ email });
            setSent({ email, minutes: Math.round(expiresIn / 60) });
          }}
        >
          <EmailField />
        </Form>
      )}
      <nav class="links">
        <To page="sign-in">{texts.back}</To>
      </nav>
    </Page>
  );
}

export function ResetPassword() {
  const token = linkToken();
  const [isDone, setDone] = useState(false);
  if (isDone)
    return (
      <Page title={texts.resetPassword.doneTitle}>
        <p>{texts.resetPassword.done}</p>
        <To page="sign-in" class="button primary">
          {texts.signIn.title}
        </To>
      </Page>
    );
  if (token === undefined) return <NoLink />;
  return (
    <Page title={texts.resetPassword.title}>
      <Form
        submit={texts.resetPassword.submit}
        send={async ({ newPassword = '' }) => {
          await auth.resetPassword({ token, newPassword });
          setDone(true);
        }}
      >
        <PasswordField isNew />
      </Form>
      <nav class="links">
        <To page="forgot-password">{texts.forgotPassword.title}</To>
      </nav>
    </Page>
  );
}
