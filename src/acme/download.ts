import type { X509Certificate } from 'node:crypto';
import { AcmeError, isAppError } from '../errors.ts';
import type { Log } from '../log.ts';
import { addressAt } from './answer.ts';
import { leadsTo, parseChain } from './certificate.ts';
import type { AcmeConnection } from './client.ts';

/** More alternates than any CA has; what is read from strangers is bounded. */
const MOST_ALTERNATES = 10;

/** Reads a chain at this address; one that cannot be parsed is the CA's fault, and told so. */
function readChain(pem: string): X509Certificate[] {
  try {
    return parseChain(pem);
  } catch (cause) {
    throw new AcmeError('ACME_CERTIFICATE', 'acme: the certificate from the CA cannot be read', { cause });
  }
}

/**
 * The chain at this address, or the alternate one that is preferred (RFC 8555 section 7.4.2): `shortest`, or the common name of
 * the root that it leads to. An alternate that cannot be had is none.
 */
export async function downloadChain(
  url: string,
  { preferredChain, timeoutMs }: { readonly preferredChain: string | undefined; readonly timeoutMs: number },
  { acme, log, signal }: { readonly acme: AcmeConnection; readonly log: Log; readonly signal: AbortSignal },
): Promise<X509Certificate[]> {
  const read = (from: string) =>
    acme.poll(from, {
      doing: 'download the certificate',
      deadline: performance.now() + timeoutMs,
      // Some CAs name the address before the certificate is there.
      tolerate: [404, 425],
      done: (response) => (response.status === 200 ? response : undefined),
    });
  const main = await read(url);
  const chain = readChain(main.text);
  if (!preferredChain) return chain;

  const chains = [chain];
  for (const alternate of alternates(main.headers.link, url)) {
    try {
      chains.push(readChain((await read(alternate)).text));
    } catch (error) {
      signal.throwIfAborted();
      if (!isAppError(error)) throw error;
      log.warn(`${error.message}: the chain at ${alternate} is passed over`);
    }
  }
  const shortest = [...chains].sort((a, b) => a.length - b.length)[0];
  const wanted = preferredChain === 'shortest' ? shortest : chains.find((other) => leadsTo(other, preferredChain));
  if (!wanted) log.warn(`no chain leads to ${preferredChain}; the CA's default is used`);
  return wanted ?? chain;
}

const alternates = (link: string | undefined, base: string): string[] =>
  [...(link ?? '').matchAll(/<([^>]+)>\s*;[^,]*\brel\s*=\s*"?alternate\b/giu)]
    .flatMap(([, to]) => addressAt(to, base) ?? [])
    .slice(0, MOST_ALTERNATES);
