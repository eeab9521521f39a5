import type { User } from '@latchkey/client';
import { useState } from 'preact/hooks';
import { auth } from '../auth.ts';
import { Dialog } from '../dialog.tsx';
import { AccountOf, Field, Form, PasswordField } from '../form.tsx';
import { Page, To } from '../layout.tsx';
import { prove, withFreshProof } from '../proof.tsx';
import { useOwnProviders } from '../providers.tsx';
import { settings } from '../settings.ts';
import { texts } from '../texts/index.ts';

const WRONG_PASSWORD = (field: string) => ({
  INVALID_CREDENTIALS: { field, text: texts.errors.wrongPassword },
});

interface OwnProps {
  readonly user: User;
  /** Then the dialog asks for the password, together with the factor. */
  readonly hasFactor: boolean;
}

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

export function ChangeEmail({ user, hasFactor }: OwnProps) {
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
          const asked = await withFreshProof(() =>
            auth.requestEmailChange({ newEmail, password: password || null }),
          );
          if (asked) setSent({ email: newEmail, minutes: Math.round(asked.expiresIn / 60) });
        }}
        own={WRONG_PASSWORD('password')}
      >
        <Field name="newEmail" label={texts.fields.newEmail} type="email" autoComplete="email" />
        <AccountOf email={user.email} />
        {!hasFactor && <CurrentPassword />}
      </Form>
    </Page>
  );
}

export function ChangePassword({ user, hasFactor }: OwnProps) {
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
          const changed = await withFreshProof(() =>
            auth.changePassword({ currentPassword: password || null, newPassword }),
          );
          setDone(changed !== undefined);
        }}
        own={WRONG_PASSWORD('password')}
      >
        <AccountOf email={user.email} />
        {!hasFactor && <CurrentPassword />}
        <PasswordField isNew />
      </Form>
      <p role="status">{isDone && texts.password.done}</p>
    </Page>
  );
}

export function DeleteAccount({ user, hasFactor, onDone }: OwnProps & { readonly onDone: () => void }) {
  const [isAsked, setAsked] = useState(false);

  async function remove(password: string | null): Promise<void> {
    await auth.deleteMe({ password });
    onDone();
  }

  return (
    <Page title={texts.remove.title}>
      <p>{texts.remove.explain}</p>
      <Form
        submit={texts.remove.submit}
        look="danger"
        send={async ({ password = '' }) => {
          // There is no way back, so nobody gets here by one click.
          if (password !== '' || (hasFactor && (await prove()))) await remove(password || null);
          else if (!hasFactor) setAsked(true);
        }}
        own={WRONG_PASSWORD('password')}
      >
        <AccountOf email={user.email} />
        {!hasFactor && <CurrentPassword />}
      </Form>
      {isAsked && (
        <Dialog title={texts.remove.sure} onCancel={() => setAsked(false)}>
          <Form
            submit={texts.remove.submit}
            look="danger"
            send={async () => {
              await withFreshProof(() => remove(null));
            }}
          />
        </Dialog>
      )}
    </Page>
  );
}

/** Accounts that came from a provider have no password. A recent proof stands in for it. */
function CurrentPassword() {
  const mayHaveNone = useOwnProviders().length > 0;
  return (
    <PasswordField
      label={texts.fields.currentPassword}
      required={!mayHaveNone}
      {...(mayHaveNone && { hint: texts.hints.noPassword })}
    />
  );
}
