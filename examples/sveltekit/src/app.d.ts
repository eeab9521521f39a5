import type { ServerSession } from '@latchkey/client/server';

declare global {
  namespace App {
    interface Locals {
      /** Who the visitor is. An action that signs in or out puts the next session here. */
      session: ServerSession;
    }
  }
}
