import type { ApolloServerPlugin } from '@apollo/server';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import { readAsset } from './page.ts';
import { inventAccount, STORY } from './story.ts';

const REGISTER = `# One operation at a time: place the cursor in it and press Run. Start with Register.

${STORY.register}`;

const WITH_COOKIES = `# The browser keeps the refresh token, in a cookie that RefreshToken exchanges.
mutation Login($credentials: LoginInput!) {
  login(input: $credentials) {
    accessToken
    expiresAt
    refreshExpiresAt
    user {
      id
      email
    }
  }
}

mutation RefreshToken {
  refreshToken {
    accessToken
    expiresAt
  }
}
`;

const WITHOUT_COOKIES = `${STORY.login}
# Put the refreshToken of an answer above into the variable.
${STORY.refreshToken}`;

const ME = `# Put the accessToken of an answer above into the Authorization header, under Headers.
${STORY.me}`;

/**
 * Apollo's Sandbox with the first story typed in (WEB-4). The account is another one for each process, so that
 * its registration succeeds at the first click; its password opens nothing else. A refresh token cannot be known
 * before the login, so where there are cookies the login leaves it in one.
 */
export function sandboxPlugin({ cookies }: { cookies: boolean }): ApolloServerPlugin {
  const { email, password } = inventAccount();
  const landingPage = ApolloServerPluginLandingPageLocalDefault({
    embed: { runTelemetry: false },
    document: [REGISTER, cookies ? WITH_COOKIES : WITHOUT_COOKIES, ME].join('\n'),
    variables: {
      account: { email, password, name: 'Ada Lovelace' },
      credentials: { email, password, deviceName: 'Sandbox', ...(cookies && { delivery: 'COOKIE' }) },
      ...(!cookies && { refresh: { refreshToken: 'PASTE_REFRESH_TOKEN' } }),
    },
    headers: { Authorization: 'Bearer PASTE_ACCESS_TOKEN' },
    includeCookies: cookies,
  });
  return {
    async serverWillStart(service) {
      const started = await landingPage.serverWillStart?.(service);
      const rendered = await started?.renderLandingPage?.();
      if (rendered === undefined) throw new Error('Apollo has no landing page');
      const { html } = rendered;
      const page = async () => withWordsForItsAbsence(typeof html === 'string' ? html : await html());
      return { ...started, renderLandingPage: async () => ({ html: page }) };
    },
  };
}

/** The page with what it says when Apollo's CDN cannot be reached. The script is the first, so it sees all that fails. */
function withWordsForItsAbsence(html: string): string {
  const nonce = nonceOf(html);
  return html
    .replace('<head>', () => `<head><script nonce="${nonce}">\n${readAsset('sandbox.js')}</script>`)
    .replace(
      '<body>',
      () => `<body><style nonce="${nonce}">\n${readAsset('sandbox.css')}</style>
<div id="sandbox-missing" role="alert" hidden>
  <h1>Apollo's Sandbox did not load</h1>
  <p>It comes from Apollo's site, and this browser cannot reach that site. This server works without it.</p>
  <p><a href="/graphiql">Open GraphiQL</a>, which this server serves itself, or go to <a href="/">the start page</a>.</p>
</div>`,
    );
}

/**
 * The Content-Security-Policy of one landing page: Apollo's CDN, the fonts it asks for, and the two inline
 * scripts and styles that carry this page's own nonce.
 */
export function sandboxPolicy(html: string): string {
  const ownNonce = `'nonce-${nonceOf(html)}' `;
  return [
    "default-src 'none'",
    `script-src ${ownNonce}https://embeddable-sandbox.cdn.apollographql.com`,
    `style-src ${ownNonce}https://embeddable-sandbox.cdn.apollographql.com https://fonts.googleapis.com`,
    'font-src https://fonts.gstatic.com',
    'img-src https://apollo-server-landing-page.cdn.apollographql.com',
    'manifest-src https://apollo-server-landing-page.cdn.apollographql.com',
    'frame-src https://sandbox.embed.apollographql.com',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function nonceOf(html: string): string {
  const [, nonce] = /<script nonce="([0-9a-f]+)"/.exec(html) ?? [];
  if (nonce === undefined) throw new Error('The page of the Sandbox has no nonce');
  return nonce;
}
