import type { AuthPayload } from './auth-payload.ts';
import { readJson } from './graphql.ts';
import { pause, within } from './timers.ts';

/** After the message of another tab, the storage may show it only later. */
const CHANGE_DELAYS_MS = [0, 100, 1_000];
/** How long a storage may take. */
const PATIENCE_MS = 5_000;

/**
 * Where an app keeps the refresh token over a restart: text in, the same text out. Each function may be asynchronous and
 * may throw. The client then goes on with what it has in memory. All tabs and processes of one user must share it.
 */
export interface TokenStorage {
  get(): string | null | undefined | Promise<string | null | undefined>;
  set(text: string): unknown;
  clear(): unknown;
}

export interface KeptTokens {
  readonly refreshToken?: string | undefined;
  /** Whose the refresh token is. */
  readonly sessionId?: string | undefined;
  /** Outlives the session: it belongs to the device. */
  readonly deviceToken?: string | undefined;
}

/** The long-lived tokens, in memory and in the app's storage where there is one. Nothing here throws. */
export function createTokenStore(storage?: TokenStorage) {
  let kept: KeptTokens = {};
  /** The text in the storage as far as this client knows, or undefined where it could not be written. */
  let known: string | null | undefined = null;
  /** A slow `set` must not come after the `clear` that was called later. */
  let last: Promise<unknown> = Promise.resolve();

  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = last.then(work);
    last = turn;
    return turn;
  }

  const timely = <Result>(work: () => Result | Promise<Result>) =>
    within(PATIENCE_MS, (async () => work())());

  async function save(): Promise<void> {
    const text = kept.refreshToken || kept.deviceToken ? JSON.stringify(kept) : null;
    async function write(): Promise<string | null> {
      try {
        await (text === null ? storage?.clear() : storage?.set(text));
        return text;
      } catch {
        // Full or forbidden. What an older user left there must not come back.
        await storage?.clear();
        return null;
      }
    }
    known = await timely(write).catch(() => undefined);
  }

  async function read(): Promise<boolean> {
    try {
      const text = (await timely(() => storage?.get())) ?? null;
      const found = text === null ? undefined : parseTokens(text);
      // An empty or broken storage signs nobody out: only the server does. What could not be saved is newer.
      if (found !== undefined && known !== undefined && text !== known) kept = found;
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
    /** Whether this is the session in the storage, so that the tab that tells of it shares the storage. */
    async shows(sessionId: string): Promise<boolean> {
      for (const delayMs of CHANGE_DELAYS_MS) {
        await pause(delayMs);
        await load();
        if (kept.sessionId === sessionId) return true;
      }
      return false;
    },
    keep({ refreshToken, deviceToken, session }: AuthPayload): Promise<void> {
      return inTurn(() => {
        kept = {
          refreshToken: refreshToken ?? undefined,
          sessionId: session.id,
          deviceToken: deviceToken ?? kept.deviceToken,
        };
        return save();
      });
    },
    /** Forgets the session, and the device where its account is gone. What it forgot. */
    drop({ withDevice = false } = {}): Promise<KeptTokens> {
      return inTurn(async () => {
        await read();
        const dropped = kept;
        kept = withDevice ? {} : { deviceToken: kept.deviceToken };
        await save();
        return dropped;
      });
    },
    /** Another tab signed out and has cleared the storage. */
    forget(): void {
      kept = { deviceToken: kept.deviceToken };
    },
  };
}

/** Undefined for what this client has not written: a text that breaks off, or an empty one. */
function parseTokens(text: string): KeptTokens | undefined {
  const json = readJson(text);
  if (Object(json) !== json || Array.isArray(json)) return undefined;
  const { refreshToken, sessionId, deviceToken } = json as Record<string, unknown>;
  const word = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
  return {
    refreshToken: word(refreshToken),
    sessionId: word(sessionId),
    deviceToken: word(deviceToken),
  };
}
