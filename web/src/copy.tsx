import { useState } from 'preact/hooks';
import { texts } from './texts/index.ts';

/** A button that puts a text on the clipboard. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [news, setNews] = useState('');

  async function copy(): Promise<void> {
    setNews('');
    try {
      await navigator.clipboard.writeText(text);
      setNews(texts.copied);
    } catch {
      // No permission, or a page without TLS.
      setNews(texts.notCopied);
    }
  }

  return (
    <span class="copy">
      <button type="button" onClick={copy}>
        {label}
      </button>
      <span role="status" class="muted">
        {news}
      </span>
    </span>
  );
}
