import { auth } from './auth.ts';
import { currentPage, ENTRANCES, navigate } from './router.ts';
import { settings } from './settings.ts';

/**
 * After a person signed in: back to where they came from, if that is a place that the operator allows. Else to the
 * account, unless they are at a page of it. A person who has to add a second factor does that first.
 */
export async function leave(): Promise<void> {
  if (await owesFactor()) return navigate('second-factor', { replaces: true });
  const target = new URLSearchParams(location.search).get('redirect_to') ?? '';
  const url = URL.canParse(target) ? new URL(target) : undefined;
  if (url !== undefined && settings.redirectOrigins.includes(url.origin)) location.assign(url.href);
  else if ([...ENTRANCES, 'magic-link'].includes(currentPage())) navigate('profile', { replaces: true });
}

/** True also where the server did not say: the page of second factors asks again. */
async function owesFactor(): Promise<boolean> {
  if (settings.mfa === 'optional') return false;
  return auth.mfa().then(
    ({ enabled }) => !enabled,
    () => true,
  );
}
