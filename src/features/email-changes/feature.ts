import type { Feature } from '../../core/feature.ts';
import { CONFIRM_EMAIL, EMAIL_CHANGE_REQUESTED, EMAIL_CHANGE_UNDONE, UNDO_EMAIL_CHANGE } from './mails.ts';
import { createOperatorChange, type OperatorChangeOptions } from './operator-change.ts';
import { emailChangesResolvers } from './resolvers.ts';
import { createEmailChangesService, type EmailChangesOptions } from './service.ts';

/** Another address for an account. */
export function createEmailChanges(
  core: EmailChangesOptions & OperatorChangeOptions,
): Feature & { readonly tellOldAddress: ReturnType<typeof createOperatorChange> } {
  return {
    resolvers: emailChangesResolvers(createEmailChangesService(core)),
    tellOldAddress: createOperatorChange(core),
    purposes: [CONFIRM_EMAIL, UNDO_EMAIL_CHANGE],
    mails: [EMAIL_CHANGE_REQUESTED, EMAIL_CHANGE_UNDONE],
  };
}
