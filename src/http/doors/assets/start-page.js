/*
 * The start page of development. Tokens live in this module alone: they are in no URL and in no storage, and a reload
 * forgets them.
 */

/** @typedef {'register' | 'login' | 'me' | 'refreshToken' | 'logout'} Name */
/** @typedef {{ accessToken: string, refreshToken: string }} Tokens */
/** @typedef {{ data?: Record<string, unknown> | null, errors?: { message: string, extensions: Record<string, unknown> }[] }} Answer */
/** @typedef {{ query: string, variables?: Record<string, unknown>, token?: string | undefined }} Call */

/** @type {{ documents: Record<Name, string>, account: { email: string, password: string }, claims: Record<string, string> }} */
const { documents, account, claims } = JSON.parse(find('#page-data').textContent ?? '');
const endpoint = new URL('/graphql', location.href).href;

const TIMES = ['exp', 'iat', 'auth_time'];

/** What came of a call that went well. */
const DONE = /** @type {Record<Name, string>} */ ({
  register: 'Registered and logged in.',
  login: 'Logged in.',
  me: 'That is you: see the last answer.',
  refreshToken: 'Refreshed: both tokens are new ones.',
  logout: 'Logged out. Within a second no server takes the access token any more.',
});

/** @type {Tokens | undefined} */
let tokens;
/** ms since 1970. */
let expiresAt = 0;
let isBusy = false;

const form = /** @type {HTMLFormElement} */ (find('#account'));
const email = /** @type {HTMLInputElement} */ (find('#email'));
const password = /** @type {HTMLInputElement} */ (find('#password'));
const chosenCall = /** @type {HTMLSelectElement} */ (find('#call'));
email.value = account.email;
password.value = account.password;

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const { submitter } = event;
  if (submitter instanceof HTMLButtonElement) void run(/** @type {Name} */ (submitter.value));
});
for (const button of buttons('[data-call]'))
  button.addEventListener('click', () => run(/** @type {Name} */ (button.dataset.call)));
for (const button of buttons('[data-copy]')) button.addEventListener('click', () => copy(button));
form.addEventListener('input', showSnippet);
chosenCall.addEventListener('change', showSnippet);
for (const radio of document.querySelectorAll('[name="language"]'))
  radio.addEventListener('change', showSnippet);
find('#show-password').addEventListener('click', ({ currentTarget }) => {
  const isShown = password.type === 'text';
  password.type = isShown ? 'password' : 'text';
  const button = /** @type {HTMLButtonElement} */ (currentTarget);
  button.ariaPressed = String(!isShown);
  button.textContent = isShown ? 'Show' : 'Hide';
});
setInterval(showTimeLeft, 1000);
showSnippet();

/**
 * What a call of this page sends.
 *
 * @param {Name} name
 * @returns {Call}
 */
function callOf(name) {
  const credentials = { email: email.value, password: password.value };
  const query = documents[name];
  switch (name) {
    case 'register':
      return { query, variables: { account: credentials } };
    case 'login':
      return { query, variables: { credentials: { ...credentials, deviceName: 'Start page' } } };
    case 'me':
      return { query, token: tokens?.accessToken ?? 'ACCESS_TOKEN' };
    case 'refreshToken':
      return { query, variables: { refresh: { refreshToken: tokens?.refreshToken ?? 'REFRESH_TOKEN' } } };
    case 'logout':
      // The refresh token ends its session also when the access token has expired.
      return { query, variables: { session: { refreshToken: tokens?.refreshToken ?? 'REFRESH_TOKEN' } } };
  }
}

/** @param {Name} name */
async function run(name) {
  if (isBusy) return;
  isBusy = true;
  chosenCall.value = name;
  say('…', '');
  try {
    const answer = await send(callOf(name));
    find('#answer').textContent = JSON.stringify(answer, null, 2);
    find('#answer-part').hidden = false;
    take(name, answer);
  } catch {
    say('The server does not answer. Is it still running?', 'bad');
  }
  isBusy = false;
  showSnippet();
}

/**
 * @param {Call} call
 * @returns {Promise<Answer>}
 */
async function send({ token, ...body }) {
  const response = await fetch(endpoint, {
    method: 'POST',
    credentials: 'omit',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  return response.json();
}

/** @type {(name: Name, answer: Answer) => void} */
function take(name, { data, errors }) {
  const error = errors?.[0];
  if (error !== undefined) {
    const { code, reason, retryAfter } = error.extensions;
    const details = [reason && `reason ${reason}`, retryAfter && `try again in ${retryAfter} s`].filter(
      Boolean,
    );
    return say(`${[code, ...details].join(', ')}: ${error.message}`, 'bad');
  }
  if (name === 'logout') keep(undefined);
  const payload = /** @type {any} */ (data?.[name]);
  if (name === 'register' && payload.verificationRequired)
    return say('A mail with a link was sent. The account works once the link was followed.', 'good');
  if (name === 'register') keep(payload.auth);
  if (name === 'login' || name === 'refreshToken') keep(payload);
  say(DONE[name], 'good');
}

/** @param {Tokens | undefined} next */
function keep(next) {
  tokens = next;
  find('#tokens').hidden = next === undefined;
  enableButtons();
  if (next === undefined) return;
  const [header, payload] = next.accessToken.split('.').map(decode);
  expiresAt = Number(payload?.exp) * 1000;
  find('#claims').replaceChildren(...Object.entries({ ...header, ...payload }).map(rowOf));
  find('#access').textContent = next.accessToken;
  find('#refresh').textContent = next.refreshToken;
  showTimeLeft();
}

/**
 * A part of a JWT (RFC 7515 §2); the signature is none, and comes to nothing.
 *
 * @param {string} part
 * @returns {Record<string, unknown>}
 */
function decode(part) {
  try {
    const bytes = atob(part.replaceAll('-', '+').replaceAll('_', '/'));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))));
  } catch {
    return {};
  }
}

/**
 * @param {[string, unknown]} claim
 * @returns {HTMLTableRowElement}
 */
function rowOf([name, value]) {
  const row = document.createElement('tr');
  const heading = document.createElement('th');
  heading.scope = 'row';
  heading.append(codeOf(name));
  const [shown, meaning] = [document.createElement('td'), document.createElement('td')];
  shown.append(codeOf(typeof value === 'string' && value !== '' ? value : JSON.stringify(value)));
  const time = TIMES.includes(name) ? ` (${new Date(Number(value) * 1000).toLocaleTimeString()})` : '';
  meaning.textContent = (claims[name] ?? '') + time;
  row.append(heading, shown, meaning);
  return row;
}

/** @param {string} text */
function codeOf(text) {
  const code = document.createElement('code');
  code.textContent = text;
  return code;
}

function showTimeLeft() {
  const left = Math.ceil((expiresAt - Date.now()) / 1000);
  const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
  const element = find('#time-left');
  element.textContent = left > 0 ? `It expires in ${clock}.` : 'It has expired: press Refresh.';
  element.className = left > 0 ? 'good' : 'bad';
}

function showSnippet() {
  const call = callOf(/** @type {Name} */ (chosenCall.value));
  const isCurl = /** @type {HTMLInputElement} */ (find('[name="language"]')).checked;
  find('#snippet').textContent = isCurl ? asCurl(call) : asTypeScript(call);
}

/**
 * For a POSIX shell, where everything between two `'` is as it is written.
 *
 * @param {Call} call
 */
function asCurl({ token, ...body }) {
  const quoted = (/** @type {string} */ text) => `'${text.replaceAll("'", "'\\''")}'`;
  return [
    `curl -s ${endpoint}`,
    `-H 'content-type: application/json'`,
    ...(token === undefined ? [] : [`-H ${quoted(`authorization: Bearer ${token}`)}`]),
    `-d ${quoted(JSON.stringify({ ...body, query: inOneLine(body.query) }))}`,
  ].join(' \\\n  ');
}

/** @param {Call} call */
function asTypeScript({ token, query, variables }) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const indented = (/** @type {unknown} */ value) =>
    JSON.stringify(value, null, 2).replaceAll('\n', '\n    ');
  return [
    `const response = await fetch(${JSON.stringify(endpoint)}, {`,
    `  method: 'POST',`,
    `  headers: ${JSON.stringify(headers, null, 2).replaceAll('\n', '\n  ')},`,
    '  body: JSON.stringify({',
    `    query: ${JSON.stringify(inOneLine(query))},`,
    ...(variables === undefined ? [] : [`    variables: ${indented(variables)},`]),
    '  }),',
    '});',
    'const { data, errors } = await response.json();',
    'console.log(errors ?? data);',
  ].join('\n');
}

/**
 * The documents of this page hold no strings and no comments, so blanks mean nothing.
 *
 * @param {string} document
 */
function inOneLine(document) {
  return document.replaceAll(/\s+/g, ' ').trim();
}

/** @param {HTMLButtonElement} button */
async function copy(button) {
  const source = find(`#${button.dataset.copy}`);
  try {
    await navigator.clipboard.writeText(source.textContent ?? '');
    const { ariaLabel } = button;
    if (ariaLabel === 'Copied') return;
    button.textContent = button.ariaLabel = 'Copied';
    setTimeout(() => {
      button.textContent = 'Copy';
      button.ariaLabel = ariaLabel;
    }, 2000);
  } catch {
    // The browser does not let the page: selected, it is one key away.
    getSelection()?.selectAllChildren(source);
  }
}

/** Buttons that need tokens work while there are some. */
function enableButtons() {
  for (const button of buttons('[data-call]')) {
    if (tokens === undefined && button === document.activeElement) find('[value="login"]').focus();
    button.disabled = tokens === undefined;
  }
}

/**
 * @param {string} sentence
 * @param {'' | 'good' | 'bad'} kind
 */
function say(sentence, kind) {
  const status = find('#status');
  status.textContent = sentence;
  status.className = kind;
}

/**
 * @param {string} selector
 * @returns {HTMLElement}
 */
function find(selector) {
  const element = document.querySelector(selector);
  if (!(element instanceof HTMLElement)) throw new Error(`${selector} is not on the page`);
  return element;
}

/** @type {(selector: string) => NodeListOf<HTMLButtonElement>} */
function buttons(selector) {
  return document.querySelectorAll(selector);
}
