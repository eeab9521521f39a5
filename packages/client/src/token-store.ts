import type { AuthPayload } from './auth-payload.ts';
import { pause } from './retry.ts';

/** After the message of another tab, the storage may show it only later. */
const CHANGE_DELAYS_MS = [0, 100, 1_000];

/**
 * Where an app keeps the refresh token over a restart: text in, the same text out. Each function may be asynchronous and
 * may throw. The client then goes on with what it has in memory.
 */
export interface TokenStorage {
  get(): string | null | undefined | Promise<string | null | undefined>;
  set(text: string): unknown;
  clear(): unknown;
}

export interface KeptTokens {
  readonly refreshToken?: string | undefined;
  /** Outlives the session: it belongs to the device. */
  readonly deviceToken?: string | undefined;
}

/** The long-lived tokens, in memory and in the app's storage where there is one. Nothing here throws. */
export function createTokenStore(storage?: TokenStorage) {
  let kept: KeptTokens = {};
  /** The text in the storage, as far as this client knows. */
  let known: string | null = null;
  /** A slow `set` must not come after the `clear` that was called later. */
  let last: Promise<unknown> = Promise.resolve();

  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = last.then(work);
    last = turn;
    return turn;
  }

  async function save(): Promise<void> {
    const text = kept.refreshToken || kept.deviceToken ? JSON.stringify(kept) : null;
    try {
      await (text === null ? storage?.clear() : storage?.set(text));
      known = text;
    } catch {
      // Full or forbidden: the tokens in memory count until the next change is saved.
    }
  }

  async function read(): Promise<boolean> {
    try {
      const text = (await storage?.get()) ?? null;
      // An empty storage signs nobody out: only the server does. What could not be saved is newer.
      if (text !== null && text !== known) kept = parse(text);
      known = text;
      return true;
    } catch {
      return false;
    }
  }

  /** Whether the storage could be read. Another tab may have written it. */
  const load = () => inTurn(read);

  return {
    load,
    tokens: () => kept,
    /** Whether another tab has changed the storage. */
    async isChanged(): Promise<boolean> {
      const before = known;
      for (const delayMs of CHANGE_DELAYS_MS) {
        await pause(delayMs);
        await load();
        if (known !== before) return true;
      }
      return false;
    },
    keep({ refreshToken, deviceToken }: Partial<AuthPayload>): Promise<void> {
      return inTurn(() => {
        kept = { refreshToken: refreshToken ?? undefined, deviceToken: deviceToken ?? kept.deviceToken };
        return save();
      });
    },
    /** Forgets the session's token, and the device's where its account is gone. The token that it forgot. */
    drop({ withDevice = false } = {}): Promise<string | undefined> {
      return inTurn(async () => {
        await read();
        const { refreshToken, deviceToken } = kept;
        kept = withDevice ? {} : { deviceToken };
        await save();
        return refreshToken;
      });
    },
    /** Another tab signed out and has cleared the storage. */
    forget(): void {
      kept = { deviceToken: kept.deviceToken };
    },
  };
}

function parse(text: string): KeptTokens {
  try {
    const { refreshToken, deviceToken } = Object(JSON.parse(text)) as Record<string, unknown>;
    const token = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
    return { refreshToken: token(refreshToken), deviceToken: token(deviceToken) };
  } catch {
    return {};
  }
}
