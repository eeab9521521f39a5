import { createDefinition, type DefinitionOptions } from './definition.ts';
import { createMetadata, type MetadataOptions } from './metadata.ts';
import { createOperatorChanges, type OperatorChangesOptions } from './operator-changes.ts';
import { createRoleGrants, type RoleGrantsOptions } from './role-grants.ts';

export type RolesServiceOptions = RoleGrantsOptions &
  MetadataOptions &
  DefinitionOptions &
  OperatorChangesOptions;

/** What operators give to accounts: roles, and metadata on which claims may rest. */
export function createRolesService(
  options: RolesServiceOptions,
  /** The text of the file that defines roles; none for the built-in ones. */
  { definition }: { readonly definition: string | undefined },
) {
  return {
    ...createRoleGrants(options),
    ...createMetadata(options),
    ...createDefinition(options, definition),
    ...createOperatorChanges(options),
  };
}
