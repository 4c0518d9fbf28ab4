import { setTimeout as sleep } from 'node:timers/promises';
import { createTransport, type Transport } from '../http.ts';
import { userAgent } from '../version.ts';
import { rootsOf } from './compose.ts';
import type { CommandContext } from './main.ts';

/** How CAs are talked to: their roots, the user's word in the User-Agent header, and the pace that the user wants. */
export function caTransport(context: CommandContext, caCertificates: readonly string[]): Transport {
  const { options, io, log } = context;
  const roots = rootsOf({ ...context, options: { ...options, caCertificates: [...caCertificates] } });
  const more = roots ? { caCertificates: roots } : {};
  const send = createTransport({ log, env: io.env, timeoutMs: options.httpTimeout, ...more });
  const pause = options.requestLimit === undefined ? 0 : 1000 / options.requestLimit;
  let free = 0;
  return async (request) => {
    if (pause > 0) {
      const now = performance.now();
      const turn = Math.max(now, free);
      free = turn + pause;
      if (turn > now) await sleep(turn - now, undefined, { signal: request.signal });
    }
    if (!options.userAgent) return send(request);
    return send({ ...request, headers: { ...request.headers, 'user-agent': `${options.userAgent} ${userAgent}` } });
  };
}
