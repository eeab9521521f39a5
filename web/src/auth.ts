import { type AuthState, createAuthClient } from '@latchkey/client';
import { useEffect, useState } from 'preact/hooks';
import { graphqlUrl } from './router.ts';

/** These pages may do what every client may, and no more. */
export const auth = createAuthClient({ url: graphqlUrl, tokens: 'cookie' });

export function useAuthState(): AuthState {
  const [state, setState] = useState(auth.state);
  useEffect(() => {
    setState(auth.state);
    return auth.subscribe(setState);
  }, []);
  return state;
}
