import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { TokenStorage } from '../../packages/client/src/client.ts';
import { gate } from '../support/gate.ts';
import {
  CREDENTIALS,
  codeOf,
  inTime,
  lost,
  refusal,
  scriptServer,
  standStill,
  URL_OF_SERVER,
} from './support/scripted-server.ts';

/** A storage of text, as an app brings it. */
function storageOf(text: string | null = null) {
  const box = { text };
  const storage: TokenStorage = {
    get: () => box.text,
    set(next) {
      box.text = next;
    },
    clear() {
      box.text = null;
    },
  };
  return { box, storage };
}

const forbid = (): never => {
  throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
};

describe("the app's own storage", () => {
  it('a session outlives a restart, and the storage holds the newest refresh token', async () => {
    const server = scriptServer();
    const { box, storage } = storageOf();
    await server.client({ tokens: storage }).login(CREDENTIALS);
    expect(JSON.parse(box.text ?? '')).toEqual({
      refreshToken: 'lkr_ada-1',
      sessionId: 'session-ada',
      deviceToken: 'lkd_device',
    });
    const auth = server.client({ tokens: storage });
    expect(auth.state).toEqual({ status: 'loading' });
    expect(await auth.getAccessToken()).toBe('access-ada-2');
    expect(auth.state.status).toBe('signedIn');
    expect(JSON.parse(box.text ?? '').refreshToken).toBe('lkr_ada-2');
  });

  it('an empty storage means signed out, without a request', async () => {
    const server = scriptServer();
    const auth = server.client({ tokens: storageOf().storage });
    expect(await auth.getAccessToken()).toBeUndefined();
    expect(auth.state.status).toBe('signedOut');
    expect(server.sent).toEqual([]);
  });

  it.each(['', '{', 'null', '[]', '{"refreshToken":7}'])(
    'a storage with %j means signed out',
    async (text) => {
      const auth = scriptServer().client({ tokens: storageOf(text).storage });
      expect(await auth.getAccessToken()).toBeUndefined();
      expect(auth.state.status).toBe('signedOut');
    },
  );

  it('a logout leaves only the proof of the device, and the end of the account leaves nothing', async () => {
    const server = scriptServer();
    const { box, storage } = storageOf();
    const auth = server.client({ tokens: storage });
    await auth.login(CREDENTIALS);
    await auth.logout();
    expect(JSON.parse(box.text ?? '')).toEqual({ deviceToken: 'lkd_device' });
    await auth.login(CREDENTIALS);
    await auth.deleteMe({ password: CREDENTIALS.password });
    expect(box.text).toBeNull();
  });

  it('a storage that is full signs nobody out, and is written again with the next tokens', async () => {
    const server = scriptServer();
    const { box, storage } = storageOf();
    const set = jest
      .spyOn(storage, 'set')
      .mockImplementationOnce(forbid)
      .mockImplementationOnce(async () => forbid());
    const auth = server.client({ tokens: storage });
    await auth.login(CREDENTIALS);
    for (const token of ['access-ada-2', 'access-ada-3']) {
      await auth.refresh();
      expect(await auth.getAccessToken()).toBe(token);
    }
    expect(set).toHaveBeenCalledTimes(3);
    expect(JSON.parse(box.text ?? '').refreshToken).toBe('lkr_ada-3');
  });

  it('where a storage is forbidden, the tokens are in memory', async () => {
    const server = scriptServer();
    const auth = server.client({ tokens: { get: forbid, set: forbid, clear: forbid } });
    expect(await auth.getAccessToken()).toBeUndefined();
    expect(auth.state.status).toBe('signedOut');
    await auth.login(CREDENTIALS);
    server.expire();
    expect((await auth.me()).id).toBe('ada');
    await auth.logout();
    expect(auth.state.status).toBe('signedOut');
    expect(server.sent.at(-1)?.input).toEqual({ scope: 'CURRENT', refreshToken: 'lkr_ada-2' });
  });

  it('a storage that could not be read is read again with the next call', async () => {
    const server = scriptServer();
    const { storage } = storageOf();
    await server.client({ tokens: storage }).login(CREDENTIALS);
    jest.spyOn(storage, 'get').mockImplementationOnce(forbid);
    const auth = server.client({ tokens: storage });
    expect(await auth.getAccessToken()).toBeUndefined();
    expect(await auth.getAccessToken()).toBe('access-ada-2');
  });

  it('a storage that lost its text signs nobody out', async () => {
    const server = scriptServer();
    const { box, storage } = storageOf();
    const auth = server.client({ tokens: storage });
    await auth.login(CREDENTIALS);
    box.text = null;
    server.expire();
    expect((await auth.me()).id).toBe('ada');
    expect(JSON.parse(box.text ?? '').refreshToken).toBe('lkr_ada-2');
  });

  it('a slow storage does not bring back what a logout removed', async () => {
    const server = scriptServer();
    const { box, storage } = storageOf();
    const { open, opened } = gate();
    jest.spyOn(storage, 'set').mockImplementationOnce(async (text) => {
      await opened;
      box.text = text;
    });
    const auth = server.client({ tokens: storage });
    const login = auth.login(CREDENTIALS);
    while (auth.state.status !== 'signedIn') await new Promise(setImmediate);
    const leaving = auth.logout();
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    open();
    await Promise.all([login, leaving]);
    expect(box.text).not.toContain('refreshToken');
  });

  it('a client uses the token that another one with the same storage wrote', async () => {
    const server = scriptServer();
    const { storage } = storageOf();
    const [one, two] = [server.client({ tokens: storage }), server.client({ tokens: storage })];
    await one.login(CREDENTIALS);
    await two.getAccessToken();
    server.expire();
    expect((await one.me()).id).toBe('ada');
    const inputs = server.sent.filter(({ name }) => name === 'refreshToken').map(({ input }) => input);
    expect(inputs).toEqual([{ refreshToken: 'lkr_ada-1' }, { refreshToken: 'lkr_ada-2' }]);
  });

  it('a refusal of a token that another client has replaced meanwhile signs nobody out', async () => {
    const server = scriptServer();
    const { box, storage } = storageOf();
    const auth = server.client({ tokens: storage });
    await auth.login(CREDENTIALS);
    const { deviceToken } = JSON.parse(box.text ?? '');
    server.script('refreshToken', () => {
      box.text = JSON.stringify({ refreshToken: 'lkr_ada-1', deviceToken, of: 'another' }).replace(
        '-1',
        '-2',
      );
      return refusal('INVALID_REFRESH_TOKEN');
    });
    server.script('refreshToken', ({ input }) => {
      expect(input).toEqual({ refreshToken: 'lkr_ada-2' });
      return refusal('FORBIDDEN');
    });
    expect(await codeOf(auth.refresh())).toBe('FORBIDDEN');
    expect(auth.state.status).toBe('signedIn');
  });
});

describe('a storage that fails', () => {
  const older = JSON.stringify({ refreshToken: 'lkr_bob-1', deviceToken: 'lkd_bob' });

  it.each<[string, (storage: TokenStorage) => void]>([
    [
      'is full',
      (storage) => {
        storage.set = forbid;
      },
    ],
    [
      'is full and cannot be cleared',
      (storage) => {
        storage.set = forbid;
        storage.clear = forbid;
      },
    ],
    [
      'cannot be written, nor read at first',
      (storage) => {
        const { get } = storage;
        storage.set = forbid;
        storage.clear = forbid;
        storage.get = () => {
          storage.get = get;
          return forbid();
        };
      },
    ],
  ])('a storage that %s does not bring an older user back', async (_, fail) => {
    const server = scriptServer();
    const { storage } = storageOf(older);
    fail(storage);
    const auth = server.client({ tokens: storage });
    await auth.login(CREDENTIALS);
    for (let round = 0; round < 3; round += 1) await auth.refresh();
    const inputs = server.sent.filter(({ name }) => name === 'refreshToken').map(({ input }) => input);
    expect(inputs).toEqual([1, 2, 3].map((generation) => ({ refreshToken: `lkr_ada-${generation}` })));
    expect(auth.state.user?.id).toBe('ada');
  });

  it('a storage that is full keeps no token of an older user over a restart', async () => {
    const server = scriptServer();
    const { box, storage } = storageOf(older);
    const auth = server.client({ tokens: { ...storage, set: forbid } });
    await auth.login(CREDENTIALS);
    expect(box.text).toBeNull();
  });

  it.each(['', '{"refreshToken":"lkr_ada-1","devi', 'null', '[]', '7'])(
    'a text that became %j signs nobody out',
    async (text) => {
      const server = scriptServer();
      const { box, storage } = storageOf();
      const auth = server.client({ tokens: storage });
      await auth.login(CREDENTIALS);
      box.text = text;
      await auth.refresh();
      expect(auth.state.status).toBe('signedIn');
      expect(JSON.parse(box.text).refreshToken).toBe('lkr_ada-2');
    },
  );

  it.each(['get', 'set', 'clear'] as const)('a %s that never ends holds nobody up', async (name) => {
    standStill();
    try {
      const server = scriptServer();
      const { storage } = storageOf(older);
      const tokens = { ...storage, [name]: () => new Promise<never>(() => {}) };
      const auth = server.client({ tokens });
      auth.subscribe(() => {});
      await inTime(auth.login(CREDENTIALS), 20_000);
      await inTime(auth.refresh(), 20_000);
      expect(auth.state.user?.id).toBe('ada');
      await inTime(auth.logout(), 20_000);
      expect(auth.state.status).toBe('signedOut');
    } finally {
      jest.useRealTimers();
    }
  });

  it('a slow set is not undone', async () => {
    standStill();
    try {
      const server = scriptServer();
      const { box, storage } = storageOf();
      const { open, opened } = gate();
      const set = async (text: string) => {
        await opened;
        box.text = text;
      };
      const clear = jest.spyOn(storage, 'clear');
      const auth = server.client({ tokens: { ...storage, set } });
      await inTime(auth.login(CREDENTIALS), 6_000);
      open();
      await jest.advanceTimersByTimeAsync(10_000);
      expect(JSON.parse(box.text ?? '').refreshToken).toBe('lkr_ada-1');
      expect(clear).not.toHaveBeenCalled();
      await auth.refresh();
      expect(JSON.parse(box.text ?? '').refreshToken).toBe('lkr_ada-2');
    } finally {
      jest.useRealTimers();
    }
  });

  it('a login straight after a restart proves the device', async () => {
    const server = scriptServer();
    const { storage } = storageOf(JSON.stringify({ deviceToken: 'lkd_kept' }));
    await server.client({ tokens: storage }).login(CREDENTIALS);
    expect(server.sent[0]?.input).toMatchObject({ deviceToken: 'lkd_kept' });
  });
});

describe('tabs and their storages', () => {
  let url = '';
  beforeEach(() => {
    standStill();
    // The tabs of other tests go on listening.
    url = `https://${crypto.randomUUID()}.example.com/graphql`;
    Object.assign(globalThis, { document: { baseURI: 'https://app.example.com/' } });
  });
  afterEach(() => {
    Reflect.deleteProperty(globalThis, 'document');
    jest.useRealTimers();
  });

  async function settle(): Promise<void> {
    for (let round = 0; round < 3; round += 1) {
      for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
      await jest.advanceTimersByTimeAsync(2_000);
    }
  }

  async function open(user: string, storage: TokenStorage) {
    const server = scriptServer();
    server.be(user);
    const auth = server.client({ tokens: storage, url });
    auth.subscribe(() => {});
    await settle();
    return { auth, server };
  }

  it('two users in two tabs with a storage each stay who they are', async () => {
    const boxes = [storageOf(), storageOf()] as const;
    const ada = await open('ada', boxes[0].storage);
    const grace = await open('grace', boxes[1].storage);
    await Promise.all([ada, grace].map(({ auth }) => auth.login(CREDENTIALS)));
    await settle();
    const users = () => [ada.auth.state.user?.id, grace.auth.state.user?.id];
    expect(users()).toEqual(['ada', 'grace']);
    for (let round = 0; round < 3; round += 1) {
      await Promise.all([ada, grace].map(({ auth }) => auth.refresh()));
      await settle();
      expect(users()).toEqual(['ada', 'grace']);
    }
    await Promise.all([ada.auth.refresh(), grace.auth.login(CREDENTIALS)]);
    await settle();
    expect(users()).toEqual(['ada', 'grace']);
    await Promise.all([ada.auth.logout(), grace.auth.login(CREDENTIALS)]);
    await settle();
    expect(users()).toEqual([undefined, 'grace']);
    expect(boxes.map(({ box }) => JSON.parse(box.text ?? '').refreshToken)).toEqual([
      undefined,
      'lkr_grace-6',
    ]);
    expect(await grace.auth.getAccessToken()).toContain('grace');
  });

  it('in tabs that share a storage a logout and a login, one after the other, reach every tab', async () => {
    const { storage } = storageOf();
    const one = await open('ada', storage);
    const two = await open('ada', storage);
    await one.auth.login(CREDENTIALS);
    await settle();
    expect(two.auth.state.user?.id).toBe('ada');
    one.server.be('grace');
    const leaving = one.auth.logout();
    await one.auth.login(CREDENTIALS);
    await leaving;
    await settle();
    expect(two.auth.state.user?.id).toBe('grace');
    await two.auth.logout();
    await settle();
    expect(one.auth.state.status).toBe('signedOut');
  });

  it('a tab that reads its storage for what another one told stays signed out when its session ends meanwhile', async () => {
    const { storage } = storageOf();
    const slow = { ...storage };
    const one = await open('ada', storage);
    const two = await open('ada', slow);
    await one.auth.login(CREDENTIALS);
    await settle();
    const { open: answer, opened } = gate();
    let reads = 0;
    slow.get = async () => {
      reads += 1;
      await opened;
      return storage.get();
    };
    await one.auth.refresh();
    while (reads === 0) {
      await new Promise(setImmediate);
      await jest.advanceTimersByTimeAsync(1);
    }
    two.server.script('deleteMe', { data: { deleteMe: { id: 'ada' } } });
    const ending = two.auth.deleteMe({ password: CREDENTIALS.password });
    while (two.auth.state.status !== 'signedOut') await new Promise(setImmediate);
    answer();
    await ending;
    await settle();
    expect(two.auth.state.status).toBe('signedOut');
  });

  it('a tab that was frozen knows how old the token is that it hears of', async () => {
    const { storage } = storageOf();
    const one = await open('ada', storage);
    const two = await open('ada', storage);
    const channel = new BroadcastChannel(`latchkey:${url}`);
    try {
      const told = new Promise<object>((resolve) => {
        channel.onmessage = ({ data }: { data: object }) => resolve(data);
      });
      await one.auth.login(CREDENTIALS);
      const { auth, at } = (await told) as { auth: object; at: number };
      await settle();
      channel.postMessage({ auth: { ...auth, accessToken: 'old' }, at: at - 700_000 });
      await settle();
      expect(two.auth.accessToken).toBeUndefined();
    } finally {
      channel.close();
    }
  });
});

describe('cookie mode', () => {
  it('the cookie is asked at the first use, and no token goes in or comes back', async () => {
    const server = scriptServer();
    const auth = server.client({ tokens: 'cookie' });
    expect(auth.state).toEqual({ status: 'loading' });
    await new Promise(setImmediate);
    expect(server.sent).toEqual([]);
    server.script('refreshToken', refusal('INVALID_REFRESH_TOKEN'));
    expect(await auth.getAccessToken()).toBeUndefined();
    expect(auth.state.status).toBe('signedOut');
    await auth.login(CREDENTIALS);
    expect(server.sent.map(({ input, request }) => [input, request.credentials])).toEqual([
      [undefined, 'include'],
      [{ ...CREDENTIALS, delivery: 'COOKIE' }, 'include'],
    ]);
  });

  it('the first listener asks the cookie, and hears of the answer', async () => {
    const server = scriptServer();
    const auth = server.client({ tokens: 'cookie' });
    const user = await new Promise((resolve) => auth.subscribe((state) => resolve(state.user?.id)));
    expect(user).toBe('ada');
    auth.subscribe(() => {});
    expect(server.count('refreshToken')).toBe(1);
  });

  it('while the server is away nothing is known, and a listener hears as soon as it is back', async () => {
    standStill();
    try {
      const server = scriptServer();
      const auth = server.client({ tokens: 'cookie' });
      const seen: string[] = [];
      auth.subscribe(({ status }) => seen.push(status));
      server.script('refreshToken', ...Array(20).fill(lost()));
      await jest.advanceTimersByTimeAsync(60_000);
      expect(auth.state).toEqual({ status: 'loading' });
      await jest.advanceTimersByTimeAsync(120_000);
      expect(seen).toEqual(['signedIn']);
      expect(server.count('refreshToken')).toBe(21);
    } finally {
      jest.useRealTimers();
    }
  });

  it('a login may come before it is known that nobody is signed in', async () => {
    const server = scriptServer();
    const auth = server.client({ tokens: 'cookie' });
    server.script('refreshToken', refusal('INVALID_REFRESH_TOKEN'));
    auth.subscribe(() => {});
    await auth.login(CREDENTIALS);
    expect(auth.state.status).toBe('signedIn');
    expect(server.sent.map(({ name }) => name)).toEqual(['refreshToken', 'login']);
  });

  it('a logout needs no token, and one without a session ends nothing', async () => {
    const server = scriptServer();
    const auth = server.client({ tokens: 'cookie' });
    expect(await auth.logout()).toEqual({ revokedSessions: 1 });
    expect(server.sent[0]).toMatchObject({
      name: 'logout',
      authorization: null,
      input: { scope: 'CURRENT' },
    });
    server.script('logout', refusal('UNAUTHENTICATED'));
    expect(await auth.logout()).toEqual({ revokedSessions: 0 });
  });

  it('a tab that refreshed before it heard of a logout signs nobody in again, and hears of it once more', async () => {
    const page = Object.assign(globalThis, { document: { baseURI: 'https://app.example.com/' } });
    const channel = new BroadcastChannel(`latchkey:${URL_OF_SERVER}`);
    try {
      const server = scriptServer();
      const auth = server.client({ tokens: 'cookie' });
      const heard: object[] = [];
      channel.onmessage = ({ data }: { data: object }) => heard.push(Object.keys(data));
      const untilHeard = async (count: number) => {
        while (heard.length < count) await new Promise(setImmediate);
      };
      await auth.login(CREDENTIALS);
      const { open, opened } = gate();
      server.script('logout', async () => {
        const user = { id: 'ada' };
        channel.postMessage({
          auth: { accessToken: 'late', expiresIn: 600, expiresAt: '', user, session: user },
        });
        await opened;
        return undefined;
      });
      const leaving = auth.logout();
      await untilHeard(2);
      for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
      expect(auth.state.status).toBe('signedOut');
      open();
      await leaving;
      await untilHeard(3);
      expect(heard).toEqual([['auth', 'at'], ['ended'], ['ended']]);
      channel.postMessage({
        auth: {
          accessToken: 'new',
          expiresIn: 600,
          expiresAt: '',
          user: { id: 'grace' },
          session: { id: 's' },
        },
        at: Date.now(),
      });
      while (auth.state.user?.id !== 'grace') await new Promise(setImmediate);
      expect(await auth.getAccessToken()).toBe('new');
    } finally {
      channel.close();
      Reflect.deleteProperty(page, 'document');
    }
  });
});
