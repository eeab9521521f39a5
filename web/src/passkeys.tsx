import { loginWithPasskey, suggestsPasskeys, supportsPasskeys } from '@latchkey/client/passkeys';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { auth } from './auth.ts';
import { hasCode, type OwnProblems, problemOf } from './errors.ts';
import { Form, type FormLook } from './form.tsx';
import { say } from './router.ts';
import { settings } from './settings.ts';
import { texts } from './texts/index.ts';

/** Whether this browser and this server have passkeys. Nothing is shown of them otherwise. */
export const hasPasskeys = settings.passkeys && supportsPasskeys();

/** What is said of a passkey that the server refuses, or that came too late. */
const REFUSED: OwnProblems = {
  INVALID_CODE: { text: texts.errors.passkeyRefused },
  INVALID_TOKEN: { text: texts.errors.PASSKEY_CANCELLED },
};

interface PasskeyFormProps {
  readonly submit: string;
  readonly look?: FormLook;
  /** The ceremony. It ends with the form. */
  readonly send: (signal: AbortSignal, values: Record<string, string>) => Promise<void>;
  readonly children?: ComponentChildren;
}

/** A button that asks for a passkey. */
export function PasskeyForm({ send, ...props }: PasskeyFormProps) {
  const ending = useEnding();
  return <Form {...props} own={REFUSED} send={(values) => send(ending, values)} />;
}

/** Is aborted when the component goes. */
function useEnding(): AbortSignal {
  const controller = useRef<AbortController>();
  controller.current ??= new AbortController();
  useEffect(() => () => controller.current?.abort(), []);
  return controller.current.signal;
}

/**
 * Lets the browser offer its passkeys in the field of the address, for as long as `isOn`. A passkey that the server
 * refuses, or that came too late, is said above the page, and ends it: there is a button, too.
 */
export function useSuggestedPasskeys({
  isOn,
  enter,
}: {
  isOn: boolean;
  enter: (login: () => Promise<unknown>) => Promise<void>;
}): void {
  useEffect(() => {
    if (!isOn || !hasPasskeys) return;
    const controller = new AbortController();
    const { signal } = controller;
    const offer = async (): Promise<void> => {
      if (!(await suggestsPasskeys())) return;
      try {
        await enter(() => loginWithPasskey(auth, { suggest: true, signal }));
      } catch (error) {
        // Nobody asked for it, so other failures are no news: the page has other ways in.
        if (!signal.aborted && hasCode(error, 'INVALID_CODE', 'INVALID_TOKEN'))
          say(problemOf(error, REFUSED).text);
      }
    };
    void offer();
    return () => controller.abort();
  }, [isOn]);
}
