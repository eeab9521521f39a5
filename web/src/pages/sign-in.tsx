import { useState } from 'preact/hooks';
import { auth } from '../auth.ts';
import { EmailField, Field, Form, PasswordField } from '../form.tsx';
import { Page, To } from '../layout.tsx';
import { linkToken } from '../link.ts';
import { leave } from '../router.ts';
import { settings } from '../settings.ts';
import { texts } from '../texts/index.ts';
import { MailRequest, MailSent } from './mail-sent.tsx';
import { NoLink } from './no-link.tsx';

export function SignIn() {
  return (
    <Page title={texts.signIn.title}>
      <Form
        submit={texts.signIn.submit}
        send={async ({ email = '', password = '' }) => {
          await auth.login({ email, password });
          leave();
        }}
      >
        <EmailField />
        <PasswordField />
      </Form>
      <nav class="links">
        {settings.mail && <To page="forgot-password">{texts.signIn.forgot}</To>}
        {settings.magicLinks && <To page="email-code">{texts.signIn.byMail}</To>}
        {settings.registration !== 'closed' && (
          <span>
            {texts.signIn.toSignUp} <To page="sign-up">{texts.signIn.signUp}</To>
          </span>
        )}
      </nav>
    </Page>
  );
}

export function SignUp() {
  const [sent, setSent] = useState<{ email: string }>();
  const isByMail = settings.registration === 'verify';
  if (settings.registration === 'closed')
    return (
      <Page title={texts.signUp.title}>
        <p>{texts.signUp.closed}</p>
      </Page>
    );
  // A link to make an account works for a day.
  if (sent !== undefined)
    return <MailSent text={texts.mailSent.signUp(sent.email, 24 * 60)} onAgain={() => setSent(undefined)} />;
  return (
    <Page title={texts.signUp.title}>
      {isByMail && <p>{texts.signUp.explainMail}</p>}
      <Form
        submit={isByMail ? texts.signUp.submitWithMail : texts.signUp.submit}
        send={async ({ email = '', name, password }) => {
          const { verificationRequired } = await auth.register({
            email,
            ...(name && { name }),
            ...(password && { password }),
          });
          if (verificationRequired) setSent({ email });
          else leave();
        }}
        own={{ EMAIL_TAKEN: { field: 'email', text: texts.errors.EMAIL_TAKEN } }}
      >
        <Field name="name" label={texts.fields.name} autoComplete="name" required={false} />
        <EmailField />
        {!isByMail && <PasswordField isNew name="password" label={texts.fields.password} />}
      </Form>
      <nav class="links">
        <span>
          {texts.signUp.toSignIn} <To page="sign-in">{texts.signUp.signIn}</To>
        </span>
      </nav>
    </Page>
  );
}

/** A mail with a link and a code. */
export function EmailCode() {
  const { title, explain, submit, enterCode, submitCode } = texts.byMail;
  const wrong = { field: 'code', text: texts.errors.wrongCode };
  return (
    <MailRequest title={title} explain={explain} submit={submit} request={auth.requestMagicLink}>
      {(email) => (
        <>
          <p>{enterCode}</p>
          <Form
            submit={submitCode}
            send={async ({ code = '' }) => {
              await auth.loginWithEmailCode({ email, code: code.replace(/\s/g, '') });
              leave();
            }}
            own={{ INVALID_TOKEN: wrong, BAD_USER_INPUT: wrong }}
          >
            <Field
              name="code"
              label={texts.fields.code}
              hint={texts.hints.code}
              inputMode="numeric"
              autoComplete="one-time-code"
            />
          </Form>
        </>
      )}
    </MailRequest>
  );
}

/** A button, because programs that look at mail open its links. */
export function MagicLink() {
  const token = linkToken();
  if (token === undefined) return <NoLink />;
  return (
    <Page title={texts.magicLink.title}>
      <p>{texts.magicLink.explain}</p>
      <Form
        submit={texts.magicLink.submit}
        send={async () => {
          await auth.loginWithMagicLink({ token });
          leave();
        }}
      />
    </Page>
  );
}
