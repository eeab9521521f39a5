import { useSyncExternalStore } from 'react';
import type { AuthClient, AuthState } from './client.ts';

const UNKNOWN: AuthState = { status: 'loading' };

/**
 * Who is signed in. The component renders again whenever that changes.
 *
 * @param serverState what a server renders with, and the page at first. `loading` unless the server knows more.
 */
export function useAuth(auth: AuthClient, serverState: AuthState = UNKNOWN): AuthState {
  return useSyncExternalStore(
    auth.subscribe,
    () => auth.state,
    () => serverState,
  );
}
