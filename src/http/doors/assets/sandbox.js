// Says so in words when Apollo's Sandbox cannot be loaded. Runs in the head, before anything of Apollo's is asked for.
(() => {
  const CDN = 'https://embeddable-sandbox.cdn.apollographql.com/';
  const FRAME = 'https://sandbox.embed.apollographql.com';
  /** A network that drops packets gives no error for minutes. */
  const PATIENCE_MS = 5000;
  let hasFailed = false;

  /** @param {boolean} isLate Whether it may still come. */
  function say(isLate) {
    const words = document.getElementById('sandbox-missing');
    if (words === null) return;
    words.classList.toggle('late', isLate);
    words.hidden = false;
  }

  // Errors of elements do not bubble; they can be captured.
  window.addEventListener(
    'error',
    ({ target }) => {
      if (!(target instanceof HTMLScriptElement) || !target.src.startsWith(CDN)) return;
      hasFailed = true;
      say(false);
    },
    true,
  );

  const timer = setTimeout(() => {
    // A browser paints nothing while it waits for a style sheet of the head.
    for (const link of document.querySelectorAll('link[rel="stylesheet"]')) link.remove();
    const hasScript = 'EmbeddedSandbox' in window;
    if (!hasFailed) say(hasScript);
  }, PATIENCE_MS);

  // The first word of the Sandbox, once its frame runs. It may come after the time is over.
  window.addEventListener('message', ({ origin }) => {
    if (origin !== FRAME) return;
    clearTimeout(timer);
    const words = document.getElementById('sandbox-missing');
    if (words !== null) words.hidden = true;
  });
})();
