/*
 * GraphiQL with the first story typed in. It sends an operation, and puts the tokens of the answer where the next
 * operation needs them. Tokens live in this page alone: they are in no URL, and GraphiQL gets a storage that forgets.
 */

/** @typedef {{ query: string, variables?: Record<string, unknown> | null, operationName?: string | null }} Request */
/** @typedef {{ accessToken: string, refreshToken: string | null }} Tokens */

/** @type {{ document: string, variables: Record<string, unknown>, headers: Record<string, string> }} */
const page = JSON.parse(document.getElementById('page-data')?.textContent ?? '');
const { React, ReactDOM, GraphiQL } = /** @type {any} */ (window);
const { parse, print, separateOperations } = GraphiQL.GraphQL;
const root = ReactDOM.createRoot(document.getElementById('graphiql'));

/** What the editors hold; a change of it here replaces their text. */
const editors = { variables: json(page.variables), headers: json(page.headers) };
const storage = forgetfulStorage();
render();

function render() {
  root.render(
    React.createElement(GraphiQL, {
      fetcher,
      storage,
      ...editors,
      defaultQuery: page.document,
      defaultEditorToolsVisibility: 'headers',
      showPersistHeadersSettings: false,
    }),
  );
}

/**
 * @param {Request} request
 * @param {{ headers?: Record<string, string> }} [options]
 */
async function fetcher(request, { headers = {} } = {}) {
  const response = await fetch('/graphql', {
    method: 'POST',
    credentials: 'omit',
    headers: {
      accept: 'application/graphql-response+json, application/json',
      'content-type': 'application/json',
      ...headers,
    },
    body: JSON.stringify({ ...request, query: chosenOperation(request) }),
  });
  const answer = await response.json();
  const tokens = tokensOf(answer.data);
  if (tokens !== undefined) takeOver(tokens, request, headers);
  return answer;
}

/**
 * The operation that is run, with its fragments. The server refuses a whole document that checks several credentials,
 * even if one of its operations is run.
 *
 * @param {Request} request
 * @returns {string}
 */
function chosenOperation({ query, operationName }) {
  try {
    const operation = separateOperations(parse(query))[operationName ?? ''];
    return operation === undefined ? query : print(operation);
  } catch {
    // It does not parse, and the server says why.
    return query;
  }
}

/**
 * The pair of tokens in an answer: a payload itself, or its `auth`.
 *
 * @param {Record<string, any> | null | undefined} data
 * @returns {Tokens | undefined}
 */
function tokensOf(data) {
  const payloads = Object.values(data ?? {}).flatMap((payload) => [payload, payload?.auth]);
  return payloads.find((payload) => typeof payload?.accessToken === 'string');
}

/**
 * @param {Tokens} tokens
 * @param {Request} request
 * @param {Record<string, string>} headers As the editor has them.
 */
function takeOver({ accessToken, refreshToken }, { variables }, headers) {
  const others = Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization');
  editors.headers = json({ ...Object.fromEntries(others), Authorization: `Bearer ${accessToken}` });
  if (typeof refreshToken === 'string') editors.variables = json({ ...variables, refresh: { refreshToken } });
  render();
  say(
    'The access token of the answer is in the Authorization header now, its refresh token in the variables.',
  );
}

/** What GraphiQL would keep for the next visit, headers with tokens among it, is kept until this page is left. */
function forgetfulStorage() {
  const items = new Map();
  return {
    get length() {
      return items.size;
    },
    getItem: (/** @type {string} */ key) => items.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => void items.set(key, value),
    removeItem: (/** @type {string} */ key) => void items.delete(key),
    clear: () => items.clear(),
  };
}

/** @param {unknown} value */
function json(value) {
  return JSON.stringify(value, null, 2);
}

/** @param {string} sentence */
function say(sentence) {
  const news = document.getElementById('news');
  if (news !== null) news.textContent = sentence;
}
