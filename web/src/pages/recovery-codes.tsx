import { useEffect, useState } from 'preact/hooks';
import { CopyButton } from '../copy.tsx';
import { Page } from '../layout.tsx';
import { settings } from '../settings.ts';
import { texts } from '../texts/index.ts';

interface RecoveryCodesProps {
  readonly codes: readonly string[];
  readonly email: string;
  readonly onKept: () => void;
}

/** New recovery codes. The server shows them this once, so people say that they have kept them before they go on. */
export function RecoveryCodes({ codes, email, onKept }: RecoveryCodesProps) {
  const { newTitle, explain, belongTo, copy, download, print, kept } = texts.recoveryCodes;
  const owner = belongTo(email, settings.name);
  const [file] = useState(() =>
    URL.createObjectURL(new Blob([`${owner}\n\n${codes.join('\n')}\n`], { type: 'text/plain' })),
  );
  useEffect(() => {
    addEventListener('beforeunload', hold);
    return () => {
      removeEventListener('beforeunload', hold);
      URL.revokeObjectURL(file);
    };
  }, [file]);

  return (
    <Page title={newTitle}>
      <p class="screen-only">{explain}</p>
      <p>{owner}</p>
      <ol class="codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ol>
      <div class="actions">
        <CopyButton text={codes.join('\n')} label={copy} />
        <a class="button" href={file} download="recovery-codes.txt">
          {download}
        </a>
        <button type="button" onClick={() => globalThis.print()}>
          {print}
        </button>
      </div>
      <div class="actions">
        <button type="button" class="primary" onClick={onKept}>
          {kept}
        </button>
      </div>
    </Page>
  );
}

/** The browser asks before it leaves the page. */
function hold(event: Event): void {
  event.preventDefault();
}
