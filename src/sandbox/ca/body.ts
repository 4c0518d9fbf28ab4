import type { IncomingMessage } from 'node:http';
import { refuse } from './problem.ts';

/** A CSR for a hundred of the longest names, twice in base64, fits easily. */
const MOST_BYTES = 256 * 1024;

/** The body of a signed request (RFC 8555 section 6.2), which must not be larger than any has reason to be. */
export async function readBody(incoming: IncomingMessage): Promise<string> {
  const type = incoming.headers['content-type'] ?? '';
  if (type.split(';')[0]?.trim().toLowerCase() !== 'application/jose+json') {
    refuse('malformed', `the content type is ${type || 'missing'}, not application/jose+json`, { status: 415 });
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BYTES) refuse('malformed', `the body is larger than ${MOST_BYTES} bytes`, { status: 413 });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
