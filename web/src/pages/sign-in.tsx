import { loginWithPasskey } from '@latchkey/client/passkeys';
import { useState } from 'preact/hooks';
import { auth } from '../auth.ts';
import { CodeField, EmailField, Field, Form, PasswordField } from '../form.tsx';
import { Page, To } from '../layout.tsx';
import { leave } from '../leave.ts';
import { linkToken } from '../link.ts';
import { hasPasskeys, PasskeyForm, useSuggestedPasskeys } from '../passkeys.tsx';
import { ProviderButtons } from '../providers.tsx';
import { useLogin } from '../second-step.tsx';
import { settings } from '../settings.ts';
import { texts } from '../texts/index.ts';
import { MailRequest, MailSent } from './mail-sent.tsx';
import { NoLink } from './no-link.tsx';

export function SignIn() {
  const { enter, secondStep } = useLogin();
  useSuggestedPasskeys({ isOn: secondStep === undefined, enter });
  if (secondStep) return secondStep;
  return (
    <Page title={texts.signIn.title}>
      <Form
        submit={texts.signIn.submit}
        send={({ email = '', password = '' }) => enter(() => auth.login({ email, password }))}
      >
        <EmailField autoComplete={hasPasskeys ? 'username webauthn' : 'username'} />
        <PasswordField />
      </Form>
      {hasPasskeys && (
        <PasskeyForm
          submit={texts.signIn.byPasskey}
          look="secondary"
          send={(signal) => enter(() => loginWithPasskey(auth, { signal }))}
        />
      )}
      <ProviderButtons />
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
          else await leave();
        }}
        own={{ EMAIL_TAKEN: { field: 'email', text: texts.errors.EMAIL_TAKEN } }}
      >
        <Field name="name" label={texts.fields.name} autoComplete="name" required={false} />
        <EmailField />
        {!isByMail && <PasswordField isNew name="password" label={texts.fields.password} />}
      </Form>
      <ProviderButtons />
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
  const { enter, secondStep } = useLogin();
  if (secondStep) return secondStep;
  return (
    <MailRequest title={title} explain={explain} submit={submit} request={auth.requestMagicLink}>
      {(email) => (
        <>
          <p>{enterCode}</p>
          <Form
            submit={submitCode}
            send={({ code = '' }) =>
              enter(() => auth.loginWithEmailCode({ email, code: code.replace(/\s/g, '') }))
            }
            own={{ INVALID_TOKEN: wrong, BAD_USER_INPUT: wrong }}
          >
            <CodeField hint={texts.hints.code} />
          </Form>
        </>
      )}
    </MailRequest>
  );
}

/** A button, because programs that look at mail open its links. */
export function MagicLink() {
  const token = linkToken();
  const { enter, secondStep } = useLogin();
  if (secondStep) return secondStep;
  if (token === undefined) return <NoLink />;
  return (
    <Page title={texts.magicLink.title}>
      <p>{texts.magicLink.explain}</p>
      <Form submit={texts.magicLink.submit} send={() => enter(() => auth.loginWithMagicLink({ token }))} />
    </Page>
  );
}
