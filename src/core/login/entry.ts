import type { Caller } from '../../platform/caller.ts';

/** How a session begins: what the audit trail calls it, and which session it takes the place of, if any. */
export type Entry = { readonly caller: Caller } & (
  | {
      readonly as: 'login' | 'registration';
      readonly deviceName: string | null;
      /** A device that is known from an earlier login. */
      readonly deviceId?: string | undefined;
      /** What the session is narrowed to; null is all that the roles allow. */
      readonly scope: readonly string[] | null;
    }
  | {
      readonly as: 'reauthenticated' | 'password' | 'factor';
      /** The session of the viewer, which ends. */
      readonly replaces: string;
    }
);
