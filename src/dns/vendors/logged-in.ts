import { isProviderError } from '../kit/index.ts';

export interface LoginApi<S> {
  login(): Promise<S>;
  /** For vendors that count sessions. */
  logout?(session: S): Promise<unknown>;
  /** Whether an error tells that the session is over. Default: the fault `auth`. */
  isOver?(error: unknown): boolean;
}

export interface LoggedIn<S> {
  /** Does something within the session, and once more in a new one when the vendor refuses it: sessions run out. */
  use<T>(work: (session: S) => Promise<T>): Promise<T>;
  /** To be called at the end, also after failures, and again if it fails. */
  close(): Promise<void>;
}

const isRefused = (error: unknown): boolean => isProviderError(error, 'auth');

/** A session that is opened when it is first needed, once for all requests under way. */
export function loggedIn<S>({ login, logout, isOver = isRefused }: LoginApi<S>): LoggedIn<S> {
  let current: Promise<S> | undefined;

  function open(): Promise<S> {
    const opened = login();
    current = opened;
    opened.catch(() => {
      if (current === opened) current = undefined;
    });
    return opened;
  }

  return {
    async use(work) {
      for (let renewed = false; ; renewed = true) {
        const used = current ?? open();
        const session = await used;
        try {
          return await work(session);
        } catch (error) {
          if (renewed || !isOver(error)) throw error;
        }
        if (current !== used) continue; // Another request has seen to it.
        current = undefined;
        await logout?.(session).catch(() => {}); // It may have been refused for another reason, and still be open.
      }
    },

    async close() {
      const session = await current?.catch(() => undefined);
      if (session !== undefined)
        await logout?.(session).catch((error: unknown) => {
          if (!isOver(error)) throw error;
        });
      current = undefined;
    },
  };
}
