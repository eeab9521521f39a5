import { Page, To } from '../layout.tsx';
import { texts } from '../texts/index.ts';

/** The page of a link that was loaded without one: a second time, or by hand. */
export function NoLink() {
  return (
    <Page title={texts.noLink.title}>
      <p>{texts.noLink.text}</p>
      <nav class="links">
        <To page="sign-in">{texts.signIn.title}</To>
      </nav>
    </Page>
  );
}

export function NotFound() {
  return (
    <Page title={texts.notFound.title}>
      <nav class="links">
        <To page="">{texts.notFound.home}</To>
      </nav>
    </Page>
  );
}
