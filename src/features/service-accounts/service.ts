import { randomUUID } from 'node:crypto';
import { forbidden, type Operation, type Operators } from '../../core/operators/service.ts';
import { readScope, refusedScope } from '../../core/roles/service.ts';
import type { ServiceAccounts, ServiceAccountView } from '../../core/service-accounts/service.ts';
import * as store from '../../core/service-accounts/store.ts';
import { SERVICE_ACCOUNT_PREFIX } from '../../core/tokens/access-token.ts';
import { createApiKey, readApiKey } from '../../crypto/api-key.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { isId } from '../../platform/id.ts';
import { parseLabel } from '../../platform/label.ts';
import { wordsOf } from '../../platform/words.ts';
import { createListing, SCOPE } from './listing.ts';

/** How many there may be, so that lists stay short. */
const MOST_ACCOUNTS = 1_000;
const MOST_KEYS = 20;
const LONGEST_DESCRIPTION = 500;

export interface ServiceAccountAdminOptions {
  readonly database: Database;
  readonly operators: Pick<Operators, 'change'>;
  readonly serviceAccounts: Pick<ServiceAccounts, 'keyRevoked' | 'keyChanged'>;
}

interface NewServiceAccount {
  readonly name: string;
  readonly description?: string | null | undefined;
  readonly scope?: readonly string[] | null | undefined;
}

interface NewApiKey {
  readonly serviceAccountId: string;
  readonly name?: string | null | undefined;
  readonly scope: readonly string[];
  readonly expiresAt?: Date | null | undefined;
}

export type ServiceAccountAdmin = ReturnType<typeof createServiceAccountAdmin>;

/** What operators do with service accounts and their keys. */
export function createServiceAccountAdmin({
  database,
  operators,
  serviceAccounts,
}: ServiceAccountAdminOptions) {
  const { list, withKeys } = createListing({ database });

  function setDisabled(operation: Operation, id: string, isDisabled: boolean): Promise<ServiceAccountView> {
    return operators.change(operation, SCOPE, async (tx, { now, record }) => {
      const account = isServiceAccountId(id) ? await store.lockServiceAccount(tx, id) : undefined;
      if (account === undefined) throw new AuthError('NOT_FOUND');
      const [view] = await withKeys(tx, [account]);
      if (view === undefined) throw new Error('An account has one view');
      if ((account.disabledAt !== null) === isDisabled) return view;
      const disabledAt = isDisabled ? now : null;
      await store.writeDisabledAt(tx, { id, disabledAt });
      for (const key of view.keys) serviceAccounts.keyChanged(tx, key.id);
      const reason = isDisabled ? 'disabled' : 'enabled';
      await record('authz_admin', undefined, { object: 'service_account', serviceAccount: id, reason });
      return { ...view, disabledAt };
    });
  }

  return {
    /** @throws AuthError as `Operators.change` does; `BAD_USER_INPUT`; `FORBIDDEN` with the reason `LIMIT_REACHED`. */
    create(operation: Operation, input: NewServiceAccount): Promise<ServiceAccountView> {
      const name = parseLabel(input.name, 'input.name');
      if (name === null) throw new AuthError('BAD_USER_INPUT', { field: 'input.name' });
      const description = parseLabel(input.description, 'input.description', LONGEST_DESCRIPTION);
      const scope = readScope(input.scope)?.join(' ') ?? null;
      return operators.change(operation, SCOPE, async (tx, { operator, now, record }) => {
        // Of two who create the last one at once, the second counts that of the first.
        await store.lockAccountCount(tx);
        if ((await store.countServiceAccounts(tx)) >= MOST_ACCOUNTS) throw forbidden('LIMIT_REACHED');
        const account = await store.insertServiceAccount(tx, {
          id: SERVICE_ACCOUNT_PREFIX + randomUUID(),
          name,
          description,
          scope,
          createdBy: operator.userId,
          createdAt: now,
        });
        if (account === undefined)
          throw new AuthError('BAD_USER_INPUT', {
            field: 'input.name',
            hint: 'Another service account has the name.',
          });
        await record('sensitive_create', undefined, {
          object: 'service_account',
          serviceAccount: account.id,
        });
        return { ...account, keys: [] };
      });
    },

    /**
     * The key is in the answer, and nowhere else.
     *
     * @throws AuthError as `Operators.change` does; `NOT_FOUND`; `BAD_USER_INPUT` for a scope beyond that of its maker or
     * of the account; `FORBIDDEN` with the reason `LIMIT_REACHED`.
     */
    createKey(operation: Operation, input: NewApiKey): Promise<{ key: string; apiKey: store.ApiKeyRecord }> {
      const name = parseLabel(input.name, 'input.name');
      const scope = readScope(input.scope) ?? [];
      if (scope.length === 0) throw new AuthError('BAD_USER_INPUT', { field: 'input.scope' });
      const expiresAt = input.expiresAt?.getTime() ?? null;
      return operators.change(operation, SCOPE, async (tx, { operator, now, record }) => {
        if (expiresAt !== null && expiresAt <= now)
          throw new AuthError('BAD_USER_INPUT', { field: 'input.expiresAt' });
        const { serviceAccountId } = input;
        // Locked, so that two who make keys at once do not both make the last one.
        const account = isServiceAccountId(serviceAccountId)
          ? await store.lockServiceAccount(tx, serviceAccountId)
          : undefined;
        if (account === undefined) throw new AuthError('NOT_FOUND');
        const ceiling = account.scope === null ? undefined : wordsOf(account.scope);
        if (!scope.every((one) => operator.scope.has(one) && (ceiling?.includes(one) ?? true)))
          throw refusedScope();
        const keys = await store.listApiKeysOf(tx, [account.id]);
        if (keys.length >= MOST_KEYS) throw forbidden('LIMIT_REACHED');
        const { text, id, secretHash } = createApiKey();
        const apiKey = await store.insertApiKey(tx, {
          id,
          serviceAccountId: account.id,
          name,
          secretHash,
          scope: scope.join(' '),
          createdBy: operator.userId,
          createdAt: now,
          expiresAt,
        });
        if (apiKey === undefined) throw new Error('INSERT … RETURNING answered no row');
        await record('sensitive_create', undefined, {
          object: 'api_key',
          serviceAccount: account.id,
          key: id,
          scope,
        });
        return { key: text, apiKey };
      });
    },

    /**
     * @param idOrKey a key that leaked says itself which one it is. Its secret need not be right: the id would do, too.
     * @throws AuthError as `Operators.change` does; `NOT_FOUND`.
     */
    revokeKey(operation: Operation, idOrKey: string): Promise<store.ApiKeyRecord> {
      const id = readApiKey(idOrKey)?.id ?? idOrKey;
      return operators.change(operation, SCOPE, async (tx, { operator, now, record }) => {
        const revoked = isId(id)
          ? await store.revokeApiKey(tx, { id, revokedBy: operator.userId, now })
          : undefined;
        if (revoked === undefined) {
          const ended = isId(id) ? await store.findApiKey(tx, id) : undefined;
          if (ended === undefined) throw new AuthError('NOT_FOUND');
          return ended;
        }
        serviceAccounts.keyRevoked(tx, id);
        const { serviceAccountId: serviceAccount } = revoked;
        await record('sensitive_delete', undefined, { object: 'api_key', serviceAccount, key: id });
        return revoked;
      });
    },

    /** @throws AuthError as `Operators.change` does; `NOT_FOUND`. */
    disable: (operation: Operation, id: string) => setDisabled(operation, id, true),

    /** @throws AuthError as `Operators.change` does; `NOT_FOUND`. */
    enable: (operation: Operation, id: string) => setDisabled(operation, id, false),

    list,

    /** The scopes of an account or a key; null is no limit. */
    scopeOf: ({ scope }: { readonly scope: string | null }): string[] | null =>
      scope === null ? null : wordsOf(scope),
  };
}

function isServiceAccountId(id: string): boolean {
  return id.startsWith(SERVICE_ACCOUNT_PREFIX) && isId(id.slice(SERVICE_ACCOUNT_PREFIX.length));
}
