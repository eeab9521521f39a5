import type { z } from 'zod';
import type { Settings } from './setting.ts';
import { AUDIT } from './settings/audit.ts';
import { EXTERNAL_LOGINS } from './settings/external-logins.ts';
import { GRAPHQL } from './settings/graphql.ts';
import { HTTP } from './settings/http.ts';
import { LOGIN } from './settings/login.ts';
import { MAIL } from './settings/mail.ts';
import { METRICS } from './settings/metrics.ts';
import { MFA } from './settings/mfa.ts';
import { PAGES } from './settings/pages.ts';
import { PASSKEYS } from './settings/passkeys.ts';
import { PASSWORDS } from './settings/passwords.ts';
import { ROLES } from './settings/roles.ts';
import { SECRETS } from './settings/secrets.ts';
import { SERVER } from './settings/server.ts';
import { SESSIONS } from './settings/sessions.ts';
import { THROTTLES } from './settings/throttles.ts';
import { TOKEN_ENDPOINT } from './settings/token-endpoint.ts';
import { TOKENS } from './settings/tokens.ts';
import { WORKERS } from './settings/workers.ts';

/** Every setting, in the order of the docs. Each is declared in the file of its subject. */
export const SETTINGS = {
  ...SERVER,
  ...SECRETS,
  ...TOKENS,
  ...SESSIONS,
  ...ROLES,
  ...PASSWORDS,
  ...LOGIN,
  ...MFA,
  ...PASSKEYS,
  ...EXTERNAL_LOGINS,
  ...THROTTLES,
  ...HTTP,
  ...MAIL,
  ...PAGES,
  ...GRAPHQL,
  ...WORKERS,
  ...METRICS,
  ...AUDIT,
  ...TOKEN_ENDPOINT,
} as const satisfies Settings;

export type SettingKey = keyof typeof SETTINGS;
export const SETTING_KEYS = Object.keys(SETTINGS) as SettingKey[];

/** What each setting is once it is read. */
export type SettingValues = { readonly [Key in SettingKey]: z.output<(typeof SETTINGS)[Key]['value']> };
