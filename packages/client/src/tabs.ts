import { unref } from './timers.ts';

/** Longer than the server's retry window, so the tab that has the lock has given up by then. */
const LOCK_PATIENCE_MS = 35_000;

/** What a browser has, and what may be absent from it. */
interface Browser {
  readonly navigator?: { readonly locks?: Locks };
  readonly BroadcastChannel?: new (name: string) => Channel;
}
interface Locks {
  request(
    name: string,
    options: { ifAvailable: true } | { signal: AbortSignal },
    work: (lock: object | null) => unknown,
  ): Promise<unknown>;
}
interface Channel {
  postMessage(message: unknown): void;
  addEventListener(type: 'message', hear: (event: { readonly data: never }) => void): void;
}

const browser = globalThis as unknown as Browser;

export interface Tabs<Message> {
  /** Runs one piece of work at a time in all tabs. `hasWaited` says that another tab was at it and tells. */
  exclusive<Result>(work: (hasWaited: boolean) => Promise<Result>): Promise<Result>;
  tell(message: Message): void;
}

/**
 * The tabs of one origin, by Web Locks and a BroadcastChannel. A browser may lack either, or forbid it: each tab then
 * works alone, and the server's retry window gives all of them the same tokens.
 */
export function createTabs<Message>(name: string, hear: (message: Message) => void): Tabs<Message> {
  const channel = openChannel(name);
  channel?.addEventListener('message', ({ data }) => hear(data));
  // Tests give Node.js a document.
  unref(channel);

  return {
    // Without a channel there is no message to wait for.
    exclusive: (work) => withLock(name, (hasWaited) => work(hasWaited && channel !== undefined)),
    tell(message) {
      channel?.postMessage(message);
    },
  };
}

/** One tab alone. */
export const noTabs: Tabs<unknown> = { exclusive: (work) => work(false), tell() {} };

/** What runs in turn, in this tab and, from the first use on, in all others. */
export function createTurns<Message>(open: () => Tabs<Message>) {
  let tabs: Tabs<Message> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let count = 0;

  // At the first use, so that a module that a server renders with does nothing.
  function begin(): Tabs<Message> {
    tabs ??= open();
    return tabs;
  }

  return {
    begin,
    tell: (message: Message) => begin().tell(message),
    /** How many wait for the end of the one that runs. */
    waiting: () => count - 1,
    exclusive<Result>(work: (hasWaited: boolean) => Promise<Result>): Promise<Result> {
      count += 1;
      const turn = last
        .then(() => begin().exclusive(work))
        .finally(() => {
          count -= 1;
        });
      last = turn.catch(() => {});
      return turn;
    },
  };
}

function openChannel(name: string): Channel | undefined {
  try {
    return browser.BroadcastChannel && new browser.BroadcastChannel(name);
  } catch {
    return undefined;
  }
}

async function withLock<Result>(
  name: string,
  work: (hasWaited: boolean) => Promise<Result>,
): Promise<Result> {
  let running: Promise<Result> | undefined;
  const run = (hasWaited: boolean) => {
    running = work(hasWaited);
    // What the work throws is its caller's, and nothing of the lock.
    return running.then(
      () => {},
      () => {},
    );
  };
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), LOCK_PATIENCE_MS);
  unref(timer);
  try {
    const locks = browser.navigator?.locks;
    await locks?.request(name, { ifAvailable: true }, (lock) => lock && run(false));
    if (running === undefined) await locks?.request(name, { signal: controller.signal }, () => run(true));
  } catch {
    // No locks, none allowed, or the tab that holds this one hangs.
  } finally {
    clearTimeout(timer);
  }
  return running ?? work(false);
}
