import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { AuthClient } from '../../packages/client/src/client.ts';
import {
  type CeremonyOptions,
  loginWithPasskey,
  passkeyAnswer,
  registerPasskey,
  suggestsPasskeys,
  supportsPasskeys,
} from '../../packages/client/src/passkeys.ts';
import { codeOf, lost, refusal, scriptServer, standStill } from './support/scripted-server.ts';

interface Ceremony {
  readonly options: CredentialRequestOptions;
  answer(): void;
  refuse(name: string): void;
}

const ANSWER = {
  id: 'aWQ',
  rawId: 'aWQ',
  type: 'public-key',
  authenticatorAttachment: 'platform',
  clientExtensionResults: { later: true },
  response: {
    clientDataJSON: 'e30',
    authenticatorData: 'YXV0aA',
    signature: 'c2ln',
    userHandle: 'aGFuZGxl',
    attestationObject: 'YXR0',
    transports: ['internal'],
    publicKeyAlgorithm: -7,
  },
};

/** The functions of a browser. They refuse a second ceremony, as browsers do. */
function installBrowser({ ignoresSignals = false } = {}) {
  const ceremonies: Ceremony[] = [];
  let isBusy = false;
  const run = (options: CredentialRequestOptions) =>
    new Promise((resolve, reject) => {
      const { signal } = options;
      if (signal?.aborted) return reject(signal.reason);
      let isOver = false;
      const end = (settle: () => void) => {
        if (isOver) return;
        isOver = true;
        isBusy = false;
        settle();
      };
      const refuse = (name: string) => end(() => reject(new DOMException('No.', name)));
      if (isBusy) return reject(new DOMException('A request is already pending.', 'OperationError'));
      isBusy = true;
      if (!ignoresSignals) signal?.addEventListener('abort', () => end(() => reject(signal.reason)));
      ceremonies.push({
        options,
        answer: () => end(() => resolve({ toJSON: () => ANSWER })),
        refuse,
      });
    });
  const parsed = (options: object) => {
    // A browser's conversion refuses null in the place of a member.
    if (JSON.stringify(options).includes('null')) throw new TypeError('null is no sequence');
    return options;
  };
  const PublicKeyCredential = {
    parseCreationOptionsFromJSON: parsed,
    parseRequestOptionsFromJSON: parsed,
    isConditionalMediationAvailable: async () => true,
  };
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  const listeners = jest.spyOn(document, 'addEventListener');
  const gone = jest.spyOn(document, 'removeEventListener');
  Object.assign(globalThis, { PublicKeyCredential, document });
  Object.defineProperty(globalThis, 'navigator', {
    configurable: true,
    value: { credentials: { create: run, get: run } },
  });
  return {
    ceremonies,
    show(visibilityState: 'visible' | 'hidden') {
      document.visibilityState = visibilityState;
      document.dispatchEvent(new Event('visibilitychange'));
    },
    /** Of the document, which are still there. */
    listeners: () => listeners.mock.calls.length - gone.mock.calls.length,
    /** The ceremony of this number, once it has begun. */
    async ceremony(number: number) {
      for (let turn = 0; turn < 50 && ceremonies.length < number; turn += 1)
        await jest.advanceTimersByTimeAsync(1);
      const ceremony = ceremonies[number - 1];
      if (ceremony === undefined) throw new Error(`Ceremony ${number} did not begin`);
      return ceremony;
    },
  };
}

const OPTIONS = { challengeId: 'challenge', challenge: 'Y2g', timeout: 300_000, rpId: 'example.com' };

function server() {
  const scripted = scriptServer();
  for (const name of ['startPasskeyLogin', 'startPasskeyChallenge', 'startPasskeyRegistration'])
    scripted.script(name, ...Array(5).fill(() => ({ data: { [name]: OPTIONS } })));
  return scripted;
}

const own = Object.getOwnPropertyDescriptor(globalThis, 'navigator');

beforeEach(() => {
  standStill();
});

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
  delete (globalThis as { PublicKeyCredential?: unknown }).PublicKeyCredential;
  delete (globalThis as { document?: unknown }).document;
  if (own) Object.defineProperty(globalThis, 'navigator', own);
});

describe('passkeys in a browser', () => {
  it('without a browser nothing is asked of the server', async () => {
    const { client, sent } = server();
    const auth = client();
    expect(supportsPasskeys()).toBe(false);
    expect(await suggestsPasskeys()).toBe(false);
    for (const ceremony of [loginWithPasskey, passkeyAnswer, registerPasskey])
      expect(await codeOf(ceremony(auth))).toBe('PASSKEYS_UNAVAILABLE');
    expect(sent).toEqual([]);
  });

  it('only what the server knows of an answer is sent', async () => {
    const browser = installBrowser();
    const { client, sent } = server();
    const auth = client();
    const login = codeOf(loginWithPasskey(auth, { deviceName: 'Laptop' }));
    (await browser.ceremony(1)).answer();
    await login;
    expect(sent.at(-1)?.input).toEqual({
      delivery: 'BODY',
      deviceName: 'Laptop',
      scope: null,
      passkey: {
        challengeId: 'challenge',
        response: {
          id: 'aWQ',
          rawId: 'aWQ',
          type: 'public-key',
          response: {
            clientDataJSON: 'e30',
            authenticatorData: 'YXV0aA',
            signature: 'c2ln',
            userHandle: 'aGFuZGxl',
          },
        },
      },
    });
  });

  it.each([
    ['NotAllowedError', 'PASSKEY_CANCELLED'],
    ['AbortError', 'PASSKEY_CANCELLED'],
    ['InvalidStateError', 'PASSKEY_EXISTS'],
    ['SecurityError', 'PASSKEYS_UNAVAILABLE'],
    ['NotSupportedError', 'PASSKEYS_UNAVAILABLE'],
  ])('a browser that answers %s is %s', async (name, code) => {
    const browser = installBrowser();
    const auth = server().client();
    const answer = codeOf(passkeyAnswer(auth, { mfaToken: 'lkm_token' }));
    (await browser.ceremony(1)).refuse(name);
    expect(await answer).toBe(code);
  });

  it('the signal of the app ends a ceremony, with its own reason', async () => {
    const browser = installBrowser();
    const auth = server().client();
    for (const [index, suggest] of [true, false].entries()) {
      const controller = new AbortController();
      const login = loginWithPasskey(auth, { suggest, signal: controller.signal }).catch(
        (error: unknown) => error,
      );
      await browser.ceremony(index + 1);
      controller.abort(new Error('The user went on'));
      expect(await login).toEqual(new Error('The user went on'));
    }
  });

  it('a suggestion asks again before its challenge ends', async () => {
    const browser = installBrowser();
    const { client, sent } = server();
    const login = codeOf(loginWithPasskey(client(), { suggest: true }));
    expect((await browser.ceremony(1)).options.mediation).toBe('conditional');
    await jest.advanceTimersByTimeAsync(269_000);
    expect(browser.ceremonies).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(2_000);
    const second = await browser.ceremony(2);
    expect(sent.filter(({ name }) => name === 'startPasskeyLogin')).toHaveLength(2);
    second.answer();
    await login;
    expect(sent.at(-1)?.name).toBe('loginWithPasskey');
    await jest.advanceTimersByTimeAsync(600_000);
    expect(browser.ceremonies).toHaveLength(2);
  });

  it('a dialog interrupts a suggestion, which comes back after it', async () => {
    const browser = installBrowser();
    const auth = server().client();
    const suggestion = codeOf(loginWithPasskey(auth, { suggest: true }));
    await browser.ceremony(1);
    const dialog = codeOf(loginWithPasskey(auth));
    const shown = await browser.ceremony(2);
    expect(shown.options.mediation).toBeUndefined();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(browser.ceremonies).toHaveLength(2);
    shown.refuse('NotAllowedError');
    expect(await dialog).toBe('PASSKEY_CANCELLED');
    const again = await browser.ceremony(3);
    expect(again.options.mediation).toBe('conditional');
    again.answer();
    await suggestion;
  });

  it('a second dialog ends the first one: a button is clicked twice', async () => {
    const browser = installBrowser();
    const auth = server().client();
    const first = codeOf(passkeyAnswer(auth));
    await browser.ceremony(1);
    const second = passkeyAnswer(auth);
    (await browser.ceremony(2)).answer();
    expect(await first).toBe('PASSKEY_CANCELLED');
    expect((await second).challengeId).toBe('challenge');
  });

  it('a second suggestion ends the first one, and makes room for dialogs as it does', async () => {
    const browser = installBrowser();
    const auth = server().client();
    const first = codeOf(loginWithPasskey(auth, { suggest: true }));
    await browser.ceremony(1);
    const second = codeOf(loginWithPasskey(auth, { suggest: true }));
    expect(await first).toBe('PASSKEY_CANCELLED');
    await browser.ceremony(2);
    const dialog = codeOf(passkeyAnswer(auth));
    const shown = await browser.ceremony(3);
    expect(shown.options.mediation).toBeUndefined();
    shown.refuse('NotAllowedError');
    expect(await dialog).toBe('PASSKEY_CANCELLED');
    (await browser.ceremony(4)).answer();
    await second;
    await jest.advanceTimersByTimeAsync(600_000);
    expect(browser.ceremonies).toHaveLength(4);
  });

  it('an effect that runs twice leaves one suggestion, whichever answer of the server comes first', async () => {
    const browser = installBrowser();
    const { client, script } = scriptServer();
    let late = () => {};
    const reply = { data: { startPasskeyLogin: OPTIONS } };
    script('startPasskeyLogin', () => new Promise((resolve) => (late = () => resolve(reply))), reply, reply);
    script('startPasskeyChallenge', { data: { startPasskeyChallenge: OPTIONS } });
    const auth = client();
    const controller = new AbortController();
    const first = loginWithPasskey(auth, { suggest: true, signal: controller.signal });
    const ended = first.catch((error: unknown) => error);
    await jest.advanceTimersByTimeAsync(1);
    controller.abort(new Error('The effect was cleaned up'));
    const second = codeOf(loginWithPasskey(auth, { suggest: true }));
    await browser.ceremony(1);
    late();
    expect(await ended).toEqual(new Error('The effect was cleaned up'));
    const dialog = codeOf(passkeyAnswer(auth));
    (await browser.ceremony(2)).refuse('NotAllowedError');
    expect(await dialog).toBe('PASSKEY_CANCELLED');
    (await browser.ceremony(3)).answer();
    await second;
  });

  it('a suggestion that begins while dialogs are open waits for the last of them', async () => {
    const browser = installBrowser();
    const auth = server().client();
    const first = codeOf(passkeyAnswer(auth));
    await browser.ceremony(1);
    const suggestion = codeOf(loginWithPasskey(auth, { suggest: true }));
    await jest.advanceTimersByTimeAsync(100);
    const second = codeOf(passkeyAnswer(auth));
    const shown = await browser.ceremony(2);
    expect(await first).toBe('PASSKEY_CANCELLED');
    await jest.advanceTimersByTimeAsync(1_000);
    expect(browser.ceremonies).toHaveLength(2);
    shown.answer();
    expect(await second).toBe('OK');
    (await browser.ceremony(3)).answer();
    await suggestion;
  });

  const ceremonies = {
    login: loginWithPasskey,
    suggestion: (auth: AuthClient, { signal }: CeremonyOptions) =>
      loginWithPasskey(auth, { suggest: true, signal }),
    answer: passkeyAnswer,
    registration: registerPasskey,
  };
  describe.each(Object.keys(ceremonies) as (keyof typeof ceremonies)[])('the signal (%s)', (name) => {
    const reason = new Error('The user went on');
    const run = (auth: AuthClient, signal: AbortSignal) =>
      ceremonies[name](auth, { signal }).then(
        () => 'no error',
        (error: unknown) => error,
      );

    it('that is aborted before sends nothing', async () => {
      installBrowser();
      const { client, sent } = server();
      expect(await run(client(), AbortSignal.abort(reason))).toBe(reason);
      expect(sent).toEqual([]);
    });

    it('ends the ceremony at once while the server is asked, and no dialog opens', async () => {
      const browser = installBrowser();
      const { client, script } = scriptServer();
      const never = () => new Promise<never>(() => {});
      for (const start of ['startPasskeyLogin', 'startPasskeyChallenge', 'startPasskeyRegistration'])
        script(start, never);
      const controller = new AbortController();
      const ended = run(client(), controller.signal);
      await jest.advanceTimersByTimeAsync(1);
      controller.abort(reason);
      expect(await ended).toBe(reason);
      expect(browser.ceremonies).toEqual([]);
    });

    it('counts although the browser passes over it: the passkey is not sent', async () => {
      const browser = installBrowser({ ignoresSignals: true });
      const { client, sent } = server();
      const controller = new AbortController();
      const ended = run(client(), controller.signal);
      const ceremony = await browser.ceremony(1);
      controller.abort(reason);
      ceremony.answer();
      expect(await ended).toBe(reason);
      expect(sent).toHaveLength(1);
    });
  });

  it('a suggestion outlasts an outage of the server, and not what the server refuses', async () => {
    const browser = installBrowser();
    const { client, script, count } = scriptServer();
    const reply = { data: { startPasskeyLogin: OPTIONS } };
    script('startPasskeyLogin', reply, lost(), refusal('UNAVAILABLE'), reply, refusal('FEATURE_DISABLED'));
    const suggestion = codeOf(loginWithPasskey(client(), { suggest: true }));
    await browser.ceremony(1);
    await jest.advanceTimersByTimeAsync(270_000);
    expect([count('startPasskeyLogin'), browser.ceremonies.length]).toEqual([2, 1]);
    await jest.advanceTimersByTimeAsync(30_000);
    expect([count('startPasskeyLogin'), browser.ceremonies.length]).toEqual([3, 1]);
    await jest.advanceTimersByTimeAsync(30_000);
    expect([count('startPasskeyLogin'), browser.ceremonies.length]).toEqual([4, 2]);
    await jest.advanceTimersByTimeAsync(270_000);
    expect(await suggestion).toBe('FEATURE_DISABLED');
  });

  it('a suggestion that the server does not answer at first is an error', async () => {
    const browser = installBrowser();
    const { client, script } = scriptServer();
    script('startPasskeyLogin', lost());
    expect(await codeOf(loginWithPasskey(client(), { suggest: true }))).toBe('NETWORK_ERROR');
    expect(browser.ceremonies).toEqual([]);
  });

  it('a suggestion asks again soon after the machine has slept', async () => {
    const browser = installBrowser();
    const { client, sent } = server();
    const suggestion = codeOf(loginWithPasskey(client(), { suggest: true }));
    await browser.ceremony(1);
    jest.setSystemTime(Date.now() + 8 * 3_600_000);
    await jest.advanceTimersByTimeAsync(10_000);
    (await browser.ceremony(2)).answer();
    await suggestion;
    expect(sent.map(({ name }) => name)).toEqual([
      'startPasskeyLogin',
      'startPasskeyLogin',
      'loginWithPasskey',
    ]);
  });

  it('a suggestion on a page that nobody sees asks the server nothing, and again as soon as it is seen', async () => {
    const browser = installBrowser();
    const { client, count } = server();
    const suggestion = codeOf(loginWithPasskey(client(), { suggest: true }));
    await browser.ceremony(1);
    browser.show('hidden');
    await jest.advanceTimersByTimeAsync(3_600_000);
    expect([count('startPasskeyLogin'), browser.ceremonies.length]).toEqual([1, 1]);
    browser.show('visible');
    (await browser.ceremony(2)).answer();
    await suggestion;
    expect(count('startPasskeyLogin')).toBe(2);
  });

  it('a suggestion leaves no listener behind', async () => {
    const browser = installBrowser();
    const added = jest.spyOn(AbortSignal.prototype, 'addEventListener');
    const removed = jest.spyOn(AbortSignal.prototype, 'removeEventListener');
    const controller = new AbortController();
    const suggestion = loginWithPasskey(server().client(), { suggest: true, signal: controller.signal });
    for (const number of [1, 2, 3]) {
      await browser.ceremony(number);
      expect(browser.listeners()).toBe(1);
      await jest.advanceTimersByTimeAsync(270_000);
    }
    (await browser.ceremony(4)).refuse('NotAllowedError');
    expect(await codeOf(suggestion)).toBe('PASSKEY_CANCELLED');
    expect(browser.listeners()).toBe(0);
    // The browser of this test has one for each ceremony.
    expect(added.mock.calls.length - removed.mock.calls.length).toBe(4);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('what the server refuses is the error, and no dialog opens', async () => {
    const browser = installBrowser();
    const { client, script } = scriptServer();
    script('startPasskeyChallenge', refusal('INVALID_TOKEN'));
    expect(await codeOf(passkeyAnswer(client(), { mfaToken: 'lkm_token' }))).toBe('INVALID_TOKEN');
    expect(browser.ceremonies).toEqual([]);
  });
});
