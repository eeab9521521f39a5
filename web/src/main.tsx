import './link.ts';
import './style.css';
import type { User } from '@latchkey/client';
import type { ComponentChildren } from 'preact';
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { auth, useAuthState } from './auth.ts';
import { Header, Page } from './layout.tsx';
import { onLink } from './link.ts';
import { ChangeEmail, ChangePassword, DeleteAccount, Profile } from './pages/account.tsx';
import { ConfirmEmail, UndoEmailChange, VerifyEmail } from './pages/addresses.tsx';
import { NotFound } from './pages/no-link.tsx';
import { ForgotPassword, ResetPassword } from './pages/recovery.tsx';
import { Sessions } from './pages/sessions.tsx';
import { EmailCode, MagicLink, SignIn, SignUp } from './pages/sign-in.tsx';
import { ProofDialog } from './proof.tsx';
import { ENTRANCES, followLink, leave, navigate, usePage } from './router.ts';
import { texts } from './texts/index.ts';

/** Pages for everyone. */
const OPEN: Readonly<Record<string, () => ComponentChildren>> = {
  '': SignIn,
  'sign-in': SignIn,
  'sign-up': SignUp,
  'email-code': EmailCode,
  'magic-link': MagicLink,
  'forgot-password': ForgotPassword,
  'reset-password': ResetPassword,
  'verify-email': VerifyEmail,
  'confirm-email': ConfirmEmail,
  'undo-email-change': UndoEmailChange,
};
/** Those that ask for a password unless there is a session. */
const CONFIRMATIONS = ['verify-email', 'confirm-email'];

/** Pages of the account, in the order of the navigation. */
const ACCOUNT = ['profile', 'password', 'sessions', 'remove'] as const;

function App() {
  const page = usePage();
  const [linkCount, setLinkCount] = useState(0);
  const [isDeleted, setDeleted] = useState(false);
  const [notice, setNotice] = useState('');
  useEffect(() => onLink(() => setLinkCount((count) => count + 1)), []);
  const { status, user } = useAuthState();
  const isEntrance = ENTRANCES.includes(page);
  const Open = Object.hasOwn(OPEN, page) ? OPEN[page] : undefined;
  // The other open pages are the same for everyone.
  const waits = Open === undefined || isEntrance || CONFIRMATIONS.includes(page);
  useEffect(() => {
    if (isEntrance && status === 'signedIn') leave();
  }, [isEntrance, status]);

  /** The pages forget the session at once. What the browser keeps of it goes with the answer of the server. */
  function signOut(): void {
    setNotice('');
    auth.logout().catch(() => setNotice(texts.signedOut.failed));
    navigate('sign-in');
  }

  if (isDeleted)
    return (
      <Card>
        <Page title={texts.remove.doneTitle}>
          <p>{texts.remove.done}</p>
        </Page>
      </Card>
    );
  if ((waits && status === 'loading') || (isEntrance && status === 'signedIn')) return <Loading />;
  if (Open !== undefined) {
    return (
      <Card notice={notice}>
        <Open key={`${page}${linkCount}`} />
      </Card>
    );
  }
  if (![...ACCOUNT, 'email'].includes(page))
    return (
      <Card>
        <NotFound />
      </Card>
    );
  if (user === undefined)
    return (
      <Card>
        <SignIn />
      </Card>
    );
  return <Account page={page} user={user} onSignOut={signOut} onDeleted={() => setDeleted(true)} />;
}

function Card({ notice, children }: { notice?: string; children: ComponentChildren }) {
  return (
    <>
      <Header />
      <main class="card">
        <p class="problem" role="alert">
          {notice}
        </p>
        {children}
      </main>
    </>
  );
}

/** While it is not known whether there is a session. After a while that has a reason. */
function Loading() {
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), 5_000);
    return () => clearTimeout(timer);
  }, []);
  return (
    <Card>
      {isLong ? (
        <Page title={texts.offline.title}>
          <p role="status">{texts.offline.text}</p>
        </Page>
      ) : (
        <p role="status" class="muted">
          {texts.loading}
        </p>
      )}
    </Card>
  );
}

interface AccountProps {
  readonly page: string;
  readonly user: User;
  readonly onSignOut: () => void;
  readonly onDeleted: () => void;
}

function Account({ page, user, onSignOut, onDeleted }: AccountProps) {
  return (
    <>
      <Header />
      <div class="account">
        <nav aria-label={texts.account.navigation} class="tabs">
          {ACCOUNT.map((name) => (
            <a key={name} href={name + location.search} aria-current={name === page ? 'page' : undefined}>
              {texts.account[name]}
            </a>
          ))}
          <button type="button" class="plain" onClick={onSignOut}>
            {texts.account.signOut}
          </button>
        </nav>
        <main class="card">
          {page === 'profile' && <Profile key={user.id} user={user} />}
          {page === 'email' && <ChangeEmail user={user} />}
          {page === 'password' && <ChangePassword user={user} />}
          {page === 'sessions' && <Sessions />}
          {page === 'remove' && <DeleteAccount user={user} onDone={onDeleted} />}
        </main>
      </div>
      <ProofDialog />
    </>
  );
}

document.addEventListener('click', followLink);
const container = document.getElementById('app');
container?.replaceChildren();
if (container !== null) render(<App />, container);
