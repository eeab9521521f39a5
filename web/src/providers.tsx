import { auth } from './auth.ts';
import { Form } from './form.tsx';
import { useLoaded } from './loading.tsx';
import { settings } from './settings.ts';
import { texts } from './texts/index.ts';

interface ButtonsProps {
  readonly providers?: typeof settings.providers;
  /** Where the browser comes back to. This page unless given. */
  readonly redirectTo?: string;
}

/** A button for each provider, which signs people in. */
export function ProviderButtons({ providers = settings.providers, redirectTo }: ButtonsProps) {
  return providers.map(({ name, displayName }) => (
    <Form
      key={name}
      submit={texts.signIn.byProvider(displayName)}
      look="secondary"
      send={() => auth.loginWith(name, { redirectTo })}
    />
  ));
}

/** The providers by which who is signed in can sign in. None until the server answered. */
export function useOwnProviders(): typeof settings.providers {
  const { value: logins = [] } = useLoaded(readLogins);
  return settings.providers.filter(({ name }) => logins.some(({ provider }) => provider === name));
}

async function readLogins(): ReturnType<typeof auth.externalLogins> {
  return settings.providers.length === 0 ? [] : auth.externalLogins();
}
