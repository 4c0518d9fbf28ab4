import { problem } from './problem.ts';
import type { Reply } from './reply.ts';
import type { Ca } from './state.ts';

const GATEWAY_PAGE = (status: number) =>
  `<html>\n<head><title>${status}</title></head>\n<body><center><h1>${status}</h1></center><hr><center>nginx</center></body>\n</html>\n`;

/** A failure, as one that stands between the client and the CA has them, or as the CA itself tells of them. */
export interface Failure extends Reply {
  /** A gateway knows no nonces. */
  readonly fromGateway: boolean;
}

/** The pause that was asked for before every answer, and, by chance, an answer instead of the right one. */
export async function disturb({ options, random, background }: Ca): Promise<Failure | undefined> {
  const { delayMs = 0, failures = [], retryAfterSeconds } = options.noise ?? {};
  if (delayMs > 0) await background.pause(delayMs);
  const failure = failures.find(({ rate }) => random() < rate);
  if (!failure) return undefined;
  const { status } = failure;
  const pause = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  if (random() < 0.5) {
    return {
      fromGateway: true,
      status,
      headers: { ...pause, 'content-type': 'text/html' },
      body: GATEWAY_PAGE(status),
    };
  }
  return {
    fromGateway: false,
    status,
    headers: { ...pause, 'content-type': 'application/problem+json' },
    body:
      status === 429
        ? { type: 'urn:ietf:params:acme:error:rateLimited', detail: 'too many requests, as was asked for', status }
        : problem('serverInternal', 'a failure, as was asked for', { status }),
  };
}
