import type { User } from '@latchkey/client';
import { useState } from 'preact/hooks';
import { auth } from '../auth.ts';
import { AccountOf, Field, Form, PasswordField } from '../form.tsx';
import { Page, To } from '../layout.tsx';
import { settings } from '../settings.ts';
import { texts } from '../texts/index.ts';

const WRONG_PASSWORD = (field: string) => ({
  INVALID_CREDENTIALS: { field, text: texts.errors.wrongPassword },
});

export function Profile({ user }: { user: User }) {
  const [news, setNews] = useState('');
  return (
    <Page title={texts.profile.title}>
      <Form
        submit={texts.profile.submit}
        send={async ({ name = '' }) => {
          setNews('');
          await auth.updateMe({ name: name === '' ? null : name });
          setNews(texts.profile.saved);
        }}
      >
        <Field
          name="name"
          label={texts.fields.name}
          autoComplete="name"
          required={false}
          defaultValue={user.name ?? ''}
        />
      </Form>
      <p role="status">{news}</p>
      <h2>{texts.profile.email}</h2>
      <p>
        {user.email}{' '}
        <span class="muted">({user.emailVerified ? texts.profile.verified : texts.profile.unverified})</span>
      </p>
      {settings.mail && (
        <>
          {!user.emailVerified && (
            <Form
              submit={texts.profile.verify}
              send={async () => {
                setNews('');
                await auth.requestEmailVerification({ email: user.email });
                setNews(texts.profile.verifySent);
              }}
            />
          )}
          <To page="email">{texts.profile.change}</To>
        </>
      )}
    </Page>
  );
}

export function ChangeEmail({ user }: { user: User }) {
  const [sent, setSent] = useState<{ email: string; minutes: number }>();
  if (sent !== undefined)
    return (
      <Page title={texts.mailSent.title}>
        <p>{texts.email.sent(sent.email, sent.minutes)}</p>
        <p class="muted">{texts.mailSent.nothing}</p>
      </Page>
    );
  return (
    <Page title={texts.email.title}>
      <p>{texts.email.explain}</p>
      <Form
        submit={texts.email.submit}
        send={async ({ newEmail = '', password = '' }) => {
          const { expiresIn } = await auth.requestEmailChange({ newEmail, password });
          setSent({ email: newEmail, minutes: Math.round(expiresIn / 60) });
        }}
        own={WRONG_PASSWORD('password')}
      >
        <Field name="newEmail" label={texts.fields.newEmail} type="email" autoComplete="email" />
        <AccountOf email={user.email} />
        <PasswordField label={texts.fields.currentPassword} />
      </Form>
    </Page>
  );
}

export function ChangePassword({ user }: { user: User }) {
  const [isDone, setDone] = useState(false);
  return (
    <Page title={texts.password.title}>
      <p>{texts.password.explain}</p>
      <Form
        // A form that was sent is empty again.
        key={String(isDone)}
        submit={texts.password.submit}
        send={async ({ password = '', newPassword = '' }) => {
          setDone(false);
          await auth.changePassword({ currentPassword: password, newPassword });
          setDone(true);
        }}
        own={WRONG_PASSWORD('password')}
      >
        <AccountOf email={user.email} />
        <PasswordField label={texts.fields.currentPassword} />
        <PasswordField isNew />
      </Form>
      <p role="status">{isDone && texts.password.done}</p>
    </Page>
  );
}

export function DeleteAccount({ user, onDone }: { user: User; onDone: () => void }) {
  return (
    <Page title={texts.remove.title}>
      <p>{texts.remove.explain}</p>
      <Form
        submit={texts.remove.submit}
        isDangerous
        send={async ({ password = '' }) => {
          await auth.deleteMe({ password });
          onDone();
        }}
        own={WRONG_PASSWORD('password')}
      >
        <AccountOf email={user.email} />
        <PasswordField label={texts.fields.currentPassword} />
      </Form>
    </Page>
  );
}
