import './link.ts';
import './style.css';
import type { User } from '@latchkey/client';
import type { ComponentChildren } from 'preact';
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useArrival } from './arrival.tsx';
import { auth, useAuthState } from './auth.ts';
import { useFactors } from './factors.tsx';
import { Header, Page } from './layout.tsx';
import { leave } from './leave.ts';
import { onLink } from './link.ts';
import { Waiting } from './loading.tsx';
import { ChangeEmail, ChangePassword, DeleteAccount, Profile } from './pages/account.tsx';
import { ConfirmEmail, FirstAdministrator, UndoEmailChange, VerifyEmail } from './pages/addresses.tsx';
import { ExternalLogins } from './pages/external-logins.tsx';
import { FirstFactor } from './pages/first-factor.tsx';
import { NotFound } from './pages/no-link.tsx';
import { ForgotPassword, ResetPassword } from './pages/recovery.tsx';
import { RecoveryCodes } from './pages/recovery-codes.tsx';
import { SecondFactor } from './pages/second-factor.tsx';
import { Sessions } from './pages/sessions.tsx';
import { EmailCode, MagicLink, SignIn, SignUp } from './pages/sign-in.tsx';
import { ProofDialog } from './proof.tsx';
import { ENTRANCES, followLink, navigate, say, usePage } from './router.ts';
import { settings } from './settings.ts';
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
  'first-administrator': FirstAdministrator,
  'confirm-email': ConfirmEmail,
  'undo-email-change': UndoEmailChange,
};
/** Those that ask for a password unless there is a session. */
const CONFIRMATIONS = ['verify-email', 'confirm-email'];

/** Pages of the account, in the order of the navigation. */
const ACCOUNT = ['profile', 'password', 'second-factor', 'external-logins', 'sessions', 'remove'] as const;
const TABS = ACCOUNT.filter((name) => name !== 'external-logins' || settings.providers.length > 0);

function App() {
  const { page, notice, news } = usePage();
  const { isUnderWay, step } = useArrival();
  const [linkCount, setLinkCount] = useState(0);
  const [isDeleted, setDeleted] = useState(false);
  useEffect(() => onLink(() => setLinkCount((count) => count + 1)), []);
  const { status, user } = useAuthState();
  const isEntrance = ENTRANCES.includes(page);
  const Open = Object.hasOwn(OPEN, page) ? OPEN[page] : undefined;
  // The other open pages are the same for everyone.
  const waits = Open === undefined || isEntrance || CONFIRMATIONS.includes(page);
  const isThrough = isEntrance && status === 'signedIn';
  const isArriving = isUnderWay || step !== undefined;
  useEffect(() => {
    if (isThrough && !isArriving) void leave();
  }, [isThrough, isArriving]);

  /** The pages forget the session at once. What the browser keeps of it goes with the answer of the server. */
  function signOut(): void {
    auth.logout().catch(() => say(texts.signedOut.failed));
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
  if (step !== undefined) return <Card notice={notice}>{step}</Card>;
  if (isUnderWay || (waits && status === 'loading') || isThrough) return <Loading />;
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
      <Card notice={notice}>
        <SignIn />
      </Card>
    );
  return (
    <Account
      key={user.id}
      page={page}
      said={{ notice, news }}
      user={user}
      onSignOut={signOut}
      onDeleted={() => setDeleted(true)}
    />
  );
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
  readonly said: { readonly notice: string; readonly news: string };
  readonly user: User;
  readonly onSignOut: () => void;
  readonly onDeleted: () => void;
}

/** The pages of who is signed in. New recovery codes, and a factor that is owed, take the place of all of them. */
function Account({ page, said, user, onSignOut, onDeleted }: AccountProps) {
  const factors = useFactors();
  const { mfa, problem, reload } = factors;
  const [codes, setCodes] = useState<readonly string[]>();
  const isRequired = settings.mfa === 'required';
  const owesFactor = isRequired && mfa?.enabled === false;

  async function show(recoveryCodes: readonly string[] | null): Promise<void> {
    setCodes(recoveryCodes ?? undefined);
    await reload();
  }

  async function goOn(): Promise<void> {
    setCodes(undefined);
    // An app may have sent people here to add a factor.
    await leave();
  }

  function content(): ComponentChildren {
    if (codes !== undefined) return <RecoveryCodes codes={codes} email={user.email} onKept={goOn} />;
    if (!isRequired && page === 'profile') return <Profile user={user} />;
    if (!isRequired && page === 'external-logins') return <ExternalLogins />;
    if (!isRequired && page === 'sessions') return <Sessions />;
    if (mfa === undefined) return <Waiting problem={problem} reload={reload} />;
    if (owesFactor) return <FirstFactor onDone={show} />;
    const own = { user, hasFactor: mfa.enabled };
    switch (page) {
      case 'email':
        return <ChangeEmail {...own} />;
      case 'password':
        return <ChangePassword {...own} />;
      case 'second-factor':
        return <SecondFactor mfa={mfa} reload={reload} onCodes={show} />;
      case 'external-logins':
        return <ExternalLogins />;
      case 'sessions':
        return <Sessions />;
      case 'remove':
        return <DeleteAccount {...own} onDone={onDeleted} />;
      default:
        return <Profile user={user} />;
    }
  }

  return (
    <>
      <Header />
      <div class="account">
        {codes === undefined && (
          <nav aria-label={texts.account.navigation} class="tabs">
            {!owesFactor &&
              TABS.map((name) => (
                <a key={name} href={name + location.search} aria-current={name === page ? 'page' : undefined}>
                  {texts.account[name]}
                </a>
              ))}
            <button type="button" class="plain" onClick={onSignOut}>
              {texts.account.signOut}
            </button>
          </nav>
        )}
        <main class="card">
          <p class="problem" role="alert">
            {said.notice}
          </p>
          <p role="status">{said.news}</p>
          {content()}
        </main>
      </div>
      <ProofDialog factors={factors} />
    </>
  );
}

document.addEventListener('click', followLink);
const container = document.getElementById('app');
container?.replaceChildren();
if (container !== null) render(<App />, container);
