// Keeps the page of mail up to date: it asks the server for the HTML of the list again, and takes what is new.

for (const article of document.querySelectorAll('article')) prepare(article);

let latest = newest(document);
/** @type {EventSource | undefined} */
let events;
document.addEventListener('visibilitychange', follow);
follow();

/** A browser opens six connections to a host at most, so a hidden tab gives its own back. */
function follow() {
  events?.close();
  if (document.hidden) return;
  events = new EventSource('/dev/mail/events');
  events.onopen = () => say('following', 'New mail appears here by itself.');
  events.onerror = () => say('following', 'The server does not answer: new mail does not appear.');
  events.onmessage = ({ data }) => void read(data);
}

/** @param {string} id Of the newest mail. */
async function read(id) {
  if (id === latest) return;
  latest = id;
  const response = await fetch('/dev/mail/list');
  // A parsed document runs no script, and the text of a mail is escaped in it.
  update(new DOMParser().parseFromString(await response.text(), 'text/html'));
}

/** @param {Document} page */
function newest(page) {
  return page.querySelector('article')?.id.slice('mail-'.length) ?? '';
}

/**
 * What is on the page already stays as it is, and so do the focus and the selection in it.
 *
 * @param {Document} page
 */
function update(page) {
  const main = document.querySelector('main');
  if (main === null) return;
  const gone = new Set([...main.children]);
  /** @type {Element | null} */
  let before = main.firstElementChild;
  for (const child of [...page.body.children]) {
    const known = child.id === '' ? null : document.getElementById(child.id);
    if (known !== null) {
      gone.delete(known);
      before = known.nextElementSibling;
      continue;
    }
    main.insertBefore(child, before);
    if (child.localName !== 'article') continue;
    prepare(child);
    child.classList.add('new');
    say('news', `New mail: ${child.querySelector('h2')?.textContent}`);
  }
  for (const child of gone) child.remove();
}

/** @param {Element} article */
function prepare(article) {
  const time = article.querySelector('time');
  if (time !== null) time.textContent = new Date(time.dateTime).toLocaleString();
  for (const code of article.querySelectorAll('pre code')) {
    const button = document.createElement('button');
    button.textContent = 'Copy code';
    button.addEventListener('click', () => copy(code, button));
    code.after(button);
  }
}

/**
 * @param {Element} code
 * @param {HTMLButtonElement} button
 */
async function copy(code, button) {
  try {
    await navigator.clipboard.writeText(code.textContent ?? '');
    button.textContent = 'Copied';
  } catch {
    // The browser does not let the page: selected, it is one key away.
    getSelection()?.selectAllChildren(code);
  }
}

/**
 * @param {string} id
 * @param {string} sentence
 */
function say(id, sentence) {
  const element = document.getElementById(id);
  if (element !== null) element.textContent = sentence;
}
