import type { Config } from '../../src/config/config.ts';
import { type ClaimsTemplate, readClaimsTemplate } from '../../src/core/roles/claims-template.ts';
import { type RoleDefinitions, readRoles } from '../../src/core/roles/roles-file.ts';

/** The file of the manual. */
export const ROLES_FILE = {
  default: ['member'],
  roles: {
    admin: {
      includes: ['editor'],
      scopes: [
        'latchkey:users:read',
        'latchkey:users:write',
        'latchkey:roles:write',
        'latchkey:keys:write',
        'latchkey:audit:read',
        'latchkey:impersonate',
      ],
    },
    editor: { includes: ['member'], scopes: ['posts:write'] },
    member: { scopes: ['posts:read'] },
  },
};

function refuse(path: string, problem: string): never {
  throw new Error(`${path} ${problem}`);
}

/** A definition of roles, as the configuration has it. */
export function rolesFile(file: unknown = ROLES_FILE): NonNullable<Config['rolesFile']> {
  const content: RoleDefinitions = readRoles(file, refuse);
  return { path: 'roles.json', text: JSON.stringify(file), content };
}

/** A template of claims, as the configuration has it. */
export function claimsFile(file: unknown): NonNullable<Config['claimsFile']> {
  const content: ClaimsTemplate = readClaimsTemplate(file, refuse);
  return { path: 'claims.json', text: JSON.stringify(file), content };
}

/** What an access token says. Its signature is not looked at. */
// biome-ignore lint/suspicious/noExplicitAny: a test looks at whatever is there
export function claimsOf(accessToken: string): any {
  return JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString());
}
