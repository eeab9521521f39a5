import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { texts } from './texts/index.ts';

interface DialogProps {
  readonly title: string;
  readonly onCancel: () => void;
  readonly children: ComponentChildren;
}

/** A question above the page, for as long as it is rendered. */
export function Dialog({ title, onCancel, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const { current } = dialog;
    current?.showModal();
    // The focus goes back to where it was.
    return () => current?.close();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={id} onCancel={onCancel}>
      <h2 id={id}>{title}</h2>
      {children}
      <button type="button" class="plain" onClick={onCancel}>
        {texts.cancel}
      </button>
    </dialog>
  );
}
