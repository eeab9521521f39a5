import type { User } from '@latchkey/client';
import { useState } from 'preact/hooks';
import { auth, useAuthState } from '../auth.ts';
import { Form, PasswordField } from '../form.tsx';
import { Page, To } from '../layout.tsx';
import { linkToken } from '../link.ts';
import { navigate } from '../router.ts';
import { settings } from '../settings.ts';
import { texts } from '../texts/index.ts';
import { NoLink } from './no-link.tsx';

const WRONG_PASSWORD = { INVALID_CREDENTIALS: { field: 'password', text: texts.errors.wrongPassword } };

/** A new account has nothing to lose, and needs a password. */
const NEW_ACCOUNT = { text: texts.verifyEmail.newAccount };

/** Proves an address: of a new account, whose password is chosen here, or of one that is there already. */
export function VerifyEmail() {
  const { user } = useAuthState();
  const [token] = useState(linkToken);
  const [done, setDone] = useState<string>();
  if (done !== undefined)
    return (
      <Done title={texts.verifyEmail.doneTitle} text={done} to={texts.verifyEmail.toAccount} page="profile" />
    );
  if (token === undefined) return <NoLink />;
  const isNew = settings.registration === 'verify';
  const explain = isNew ? texts.verifyEmail.chooseOrType : texts.verifyEmail.type;
  return (
    <Page title={texts.verifyEmail.title}>
      <p>{user === undefined ? explain : texts.verifyEmail.signedIn(user.email)}</p>
      <Form
        submit={texts.verifyEmail.submit}
        send={async ({ password }) => {
          await auth.verifyEmail({ token, ...(password && { password }) });
          await reload(user);
          setDone(texts.verifyEmail.done);
        }}
        own={WRONG_PASSWORD}
      >
        {user === undefined && <PasswordField isNew={isNew} name="password" label={texts.fields.password} />}
      </Form>
      {user === undefined && (
        <details>
          <summary>{texts.verifyEmail.lostTitle}</summary>
          <p>{texts.verifyEmail.lost}</p>
          <Form
            submit={texts.verifyEmail.lostSubmit}
            look="danger"
            own={{ BAD_USER_INPUT: NEW_ACCOUNT, WEAK_PASSWORD: NEW_ACCOUNT }}
            send={async () => {
              await auth.verifyEmail({ token });
              setDone(texts.verifyEmail.doneLost);
            }}
          />
        </details>
      )}
    </Page>
  );
}

/** Makes the first account of a new server. The link is from its terminal. */
export function FirstAdministrator() {
  const [token] = useState(linkToken);
  if (token === undefined) return <NoLink />;
  return (
    <Page title={texts.firstAdministrator.title}>
      <p>{texts.firstAdministrator.explain}</p>
      <Form
        submit={texts.firstAdministrator.submit}
        send={async ({ password }) => {
          await auth.verifyEmail({ token, ...(password && { password }) });
          navigate('profile');
        }}
      >
        <PasswordField isNew name="password" label={texts.fields.password} />
      </Form>
    </Page>
  );
}

/** Proves the address that an account is to have. The mailbox alone is not enough. */
export function ConfirmEmail() {
  const { user } = useAuthState();
  const [token] = useState(linkToken);
  const [isDone, setDone] = useState(false);
  if (isDone)
    return (
      <Done
        title={texts.confirmEmail.doneTitle}
        text={texts.confirmEmail.done}
        to={texts.verifyEmail.toAccount}
        page="profile"
      />
    );
  if (token === undefined) return <NoLink />;
  return (
    <Page title={texts.confirmEmail.title}>
      <p>{user === undefined ? texts.confirmEmail.type : texts.confirmEmail.signedIn(user.email)}</p>
      <Form
        submit={texts.confirmEmail.submit}
        send={async ({ password }) => {
          await auth.confirmEmailChange({ token, ...(password && { password }) });
          await reload(user);
          setDone(true);
        }}
        own={WRONG_PASSWORD}
      >
        {user === undefined && <PasswordField />}
      </Form>
    </Page>
  );
}

export function UndoEmailChange() {
  const [token] = useState(linkToken);
  const [isDone, setDone] = useState(false);
  if (isDone)
    return (
      <Done
        title={texts.undoEmailChange.doneTitle}
        text={texts.undoEmailChange.done}
        to={texts.signIn.title}
        page="sign-in"
      />
    );
  if (token === undefined) return <NoLink />;
  return (
    <Page title={texts.undoEmailChange.title}>
      <p>{texts.undoEmailChange.explain}</p>
      <Form
        submit={texts.undoEmailChange.submit}
        look="danger"
        send={async () => {
          await auth.undoEmailChange({ token });
          setDone(true);
        }}
      />
    </Page>
  );
}

/** The account has changed. A failure says nothing of the change, which is done. */
async function reload(user: User | undefined): Promise<void> {
  if (user !== undefined) await auth.me().catch(() => {});
}

function Done({ title, text, to, page }: { title: string; text: string; to: string; page: string }) {
  return (
    <Page title={title}>
      <p>{text}</p>
      <To page={page} class="button primary">
        {to}
      </To>
    </Page>
  );
}
