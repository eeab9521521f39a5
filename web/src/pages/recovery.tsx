import { useState } from 'preact/hooks';
import { auth } from '../auth.ts';
import { Form, PasswordField } from '../form.tsx';
import { Page, To } from '../layout.tsx';
import { linkToken } from '../link.ts';
import { settings } from '../settings.ts';
import { texts } from '../texts/index.ts';
import { MailRequest } from './mail-sent.tsx';
import { NoLink } from './no-link.tsx';

export function ForgotPassword() {
  const { title, explain, submit, noMail } = texts.forgotPassword;
  if (settings.mail)
    return (
      <MailRequest title={title} explain={explain} submit={submit} request={auth.requestPasswordReset} />
    );
  return (
    <Page title={title}>
      <p>{noMail}</p>
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
