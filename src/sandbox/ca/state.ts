import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Log } from '../../log.ts';
import type { Authority } from './authority.ts';
import type { CaOptions } from './index.ts';
import { type KeyRing, keyRing } from './keys.ts';
import { type Nonces, nonceStore } from './nonces.ts';
import type { Account, Certificate, Order } from './resources.ts';
import { openShelf, type Shelf } from './shelf.ts';
import type { Validator } from './validation.ts';

/** Tests turn the clock, and say what chance does. */
export interface Chance {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
}

/** All that handling a request takes. */
export interface Ca extends Chance {
  readonly options: CaOptions;
  readonly log: Log;
  /** `https://127.0.0.1:14000`, once the server listens. */
  origin: string;
  readonly nonces: Nonces;
  readonly keys: KeyRing;
  readonly authority: Authority;
  readonly validator: Validator;
  readonly accounts: Shelf<Account>;
  readonly orders: Shelf<Order>;
  readonly certificates: Shelf<Certificate>;
  /** What goes on after its request was answered; the CA waits for it when it closes. */
  readonly background: Background;
}

/** Each task has a signal of its own: what listens to a signal that lives as long as the CA is never let go of. */
export interface Background {
  readonly isStopped: boolean;
  run(what: string, work: (signal: AbortSignal) => Promise<void>): void;
  /** Settles after this time, or fails when the CA stops. */
  pause(ms: number): Promise<void>;
  stop(): Promise<void>;
}

/** Far more than a sandbox has a use for; the oldest make room. */
const MOST = { accounts: 20_000, orders: 5_000, certificates: 20_000 };

export async function openState(
  options: CaOptions,
  chance: Chance,
  { authority, validator, background }: Pick<Ca, 'authority' | 'validator' | 'background'>,
): Promise<Ca> {
  const { stateFolder } = options;
  const open = <T extends { readonly id: string; readonly createdAt: number }>(kind: keyof typeof MOST) =>
    openShelf<T>(MOST[kind], stateFolder === undefined ? undefined : join(stateFolder, kind));
  return {
    ...chance,
    options,
    log: options.log,
    origin: '',
    nonces: nonceStore(),
    keys: keyRing(),
    authority,
    validator,
    background,
    accounts: await open<Account>('accounts'),
    orders: await open<Order>('orders'),
    certificates: await open<Certificate>('certificates'),
  };
}

export function startBackground(log: Log): Background {
  const running = new Map<AbortController, Promise<void>>();
  const pausing = new Set<() => void>();
  let isStopped = false;
  return {
    get isStopped() {
      return isStopped;
    },
    run(what, work) {
      if (isStopped) return;
      const stopping = new AbortController();
      const task = work(stopping.signal)
        .catch((error: unknown) => {
          if (!isStopped) log.warn(`sandbox CA: could not ${what}: ${(error as Error).message}`);
        })
        .finally(() => running.delete(stopping));
      running.set(stopping, task);
    },
    pause: (ms) =>
      new Promise((resolve, reject) => {
        const end = () => {
          clearTimeout(timer);
          pausing.delete(end);
          if (isStopped) reject(new Error('the CA stops'));
          else resolve();
        };
        const timer = setTimeout(end, ms);
        pausing.add(end);
      }),
    async stop() {
      isStopped = true;
      for (const end of [...pausing]) end();
      for (const stopping of running.keys()) stopping.abort();
      await Promise.all(running.values());
    },
  };
}

/** An identifier that nobody guesses, fit for URLs and for file names on every file system. */
export const newId = (): string => randomBytes(10).toString('hex');

/** Of the account with this key. */
export function accountWith({ accounts }: Pick<Ca, 'accounts'>, thumbprint: string): Account | undefined {
  for (const account of accounts.values()) if (account.thumbprint === thumbprint) return account;
  return undefined;
}
