import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { auth } from './auth.ts';
import { problemOf } from './errors.ts';
import { ExternalRegistration, type Registration } from './pages/external-registration.tsx';
import { say } from './router.ts';
import { useLogin } from './second-step.tsx';
import { texts } from './texts/index.ts';

/*
 * A login at a provider comes back to the page that it began on, whichever that is. The client takes the answer out of
 * the address at once, and leaves every other address as it is.
 */

const { hash } = location;
const redirect = auth.completeRedirect();
const hasArrived = location.hash !== hash;
// A failure may come before the page is there. The page says it.
redirect.catch(() => {});

/** Completes what a provider was asked for. `step` is what to show instead of the page, where something is owed. */
export function useArrival(): { readonly isUnderWay: boolean; readonly step: JSX.Element | undefined } {
  const { enter, secondStep } = useLogin();
  const [isUnderWay, setUnderWay] = useState(hasArrived);
  const [registration, setRegistration] = useState<Registration>();
  useEffect(() => {
    if (!hasArrived) return;
    arrive()
      .catch((error) => say(problemOf(error).text))
      .finally(() => setUnderWay(false));
  }, []);

  function arrive(): Promise<void> {
    return enter(async () => {
      const result = await redirect;
      if (result?.kind === 'link') say('', texts.externalLogins.linked);
      if (result?.kind !== 'login') return false;
      const { registrationToken, email } = result;
      if (registrationToken === null) return true;
      setRegistration({ registrationToken, email });
      return false;
    });
  }

  function end(notice = ''): void {
    setRegistration(undefined);
    say(notice);
  }

  async function complete(lastStep: () => Promise<unknown>): Promise<void> {
    await enter(lastStep);
    setRegistration(undefined);
  }

  const step =
    secondStep ?? (registration && <ExternalRegistration {...registration} enter={complete} onEnd={end} />);
  return { isUnderWay, step };
}
