/**
 * A link to a page of the app. `appUrl` is what its pages begin with, as in `https://app.example.com` or, for a router
 * that works in the fragment, `https://app.example.com/#/auth`; or it is a template with `{page}` and `{token}`.
 *
 * @param path as in `/reset-password#token=…`
 */
export function linkTo(appUrl: string, path: string): string {
  const [page = '', token = ''] = path.split('#token=');
  return templateOf(appUrl)
    .replace('{page}', () => page.slice(1))
    .replace('{token}', () => token);
}

/** The token is behind the # everywhere: a browser sends that to no server. */
function templateOf(appUrl: string): string {
  if (appUrl.includes('{token}')) return appUrl;
  const base = appUrl.replace(/\/$/, '');
  return base.includes('#') ? `${base}/{page}?token={token}` : `${base}/{page}#token={token}`;
}
