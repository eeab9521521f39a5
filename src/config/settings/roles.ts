import {
  type ClaimsTemplate,
  PRESETS,
  type Preset,
  readClaimsTemplate,
} from '../../core/roles/claims-template.ts';
import { type RoleDefinitions, readRoles } from '../../core/roles/roles-file.ts';
import { jsonFile } from '../json-file.ts';
import type { Settings } from '../setting.ts';
import { words } from '../values.ts';

const MOST_BYTES = 256 * 1024;
/** A token of 4 KiB has no room for more. */
const MOST_TEMPLATE_BYTES = 16 * 1024;

export const ROLES = {
  rolesFile: {
    name: 'LATCHKEY_ROLES_FILE',
    description:
      'A JSON file of the roles that accounts can have, and of the scopes that each allows. Without one there is `admin`, which allows the `latchkey:` scopes',
    value: jsonFile<RoleDefinitions>(MOST_BYTES, readRoles),
  },
  claims: {
    name: 'LATCHKEY_CLAIMS',
    default: '',
    description: 'Claims for other servers: `hasura`, `postgrest`, or both with a comma between them',
    value: words<Preset>(PRESETS),
  },
  claimsFile: {
    name: 'LATCHKEY_CLAIMS_FILE',
    description: 'A JSON template of more claims of access tokens',
    value: jsonFile<ClaimsTemplate>(MOST_TEMPLATE_BYTES, readClaimsTemplate),
  },
} as const satisfies Settings;
