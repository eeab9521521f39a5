import type { ExternalLogin } from '@latchkey/client';
import { useState } from 'preact/hooks';
import { auth } from '../auth.ts';
import { Dialog } from '../dialog.tsx';
import { Form } from '../form.tsx';
import { Page } from '../layout.tsx';
import { useLoaded, Waiting } from '../loading.tsx';
import { momentOf } from '../moments.ts';
import { withFreshProof } from '../proof.tsx';
import { say } from '../router.ts';
import { settings } from '../settings.ts';
import { texts } from '../texts/index.ts';

/** The accounts at providers that the owner signs in with. */
export function ExternalLogins() {
  const { value: logins, ...loading } = useLoaded(auth.externalLogins);
  const [leaving, setLeaving] = useState<ExternalLogin>();
  const { title, explain, none, link, unlink, unlinkTitle, unlinks, unlinked } = texts.externalLogins;

  async function remove({ id }: ExternalLogin): Promise<void> {
    if ((await withFreshProof(() => auth.unlinkExternalLogin({ id }))) === undefined) return;
    setLeaving(undefined);
    await loading.reload();
    say('', unlinked);
  }

  return (
    <Page title={title}>
      <p>{explain}</p>
      {logins === undefined ? (
        <Waiting {...loading} />
      ) : (
        <>
          {logins.length === 0 && <p class="muted">{none}</p>}
          <ul class="rows">
            {logins.map((login) => (
              <LoginItem key={login.id} login={login} onUnlink={() => setLeaving(login)} />
            ))}
          </ul>
        </>
      )}
      {settings.providers.map(({ name, displayName }) => (
        <Form
          key={name}
          submit={link(displayName)}
          look="secondary"
          send={async () => {
            await withFreshProof(() => auth.linkWith(name));
          }}
        />
      ))}
      {leaving && (
        <Dialog title={unlinkTitle(leaving.displayName)} onCancel={() => setLeaving(undefined)}>
          <p>{unlinks}</p>
          <Form submit={unlink} look="danger" send={() => remove(leaving)} />
        </Dialog>
      )}
    </Page>
  );
}

function LoginItem({ login, onUnlink }: { login: ExternalLogin; onUnlink: () => void }) {
  const { linkedAt, lastUsed, neverUsed, unlink, unlinkLabel } = texts.externalLogins;
  const { displayName, email } = login;
  return (
    <li>
      <div>
        <strong>{displayName}</strong>
        <p class="muted">
          {email !== null && (
            <>
              {email}
              <br />
            </>
          )}
          {linkedAt(momentOf(login.linkedAt))}
          <br />
          {login.lastUsedAt === null ? neverUsed : lastUsed(momentOf(login.lastUsedAt))}
        </p>
      </div>
      <button type="button" aria-label={unlinkLabel(displayName, email)} onClick={onUnlink}>
        {unlink}
      </button>
    </li>
  );
}
