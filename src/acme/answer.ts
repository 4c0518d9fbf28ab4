import { AcmeError } from '../errors.ts';
import type { HttpResponse } from '../http.ts';
import { plainText } from '../plain-text.ts';

export interface AcmeResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Parsed where it is JSON. */
  readonly body: unknown;
  readonly text: string;
}

/** The shape that acme-client expects of its HTTP library. */
export interface LibraryResponse {
  status: number;
  headers: Record<string, string | undefined>;
  data: unknown;
  text: string;
}

export function parseAnswer(response: HttpResponse): LibraryResponse {
  const text = response.body.toString('utf8').replace(/^\uFEFF/u, '');
  let data: unknown = text;
  if (/\bjson\b/u.test(response.headers['content-type'] ?? '')) {
    try {
      data = JSON.parse(text);
    } catch {
      data = text; // Told by whoever needs an object here.
    }
  }
  return { status: response.status, headers: { ...response.headers }, data, text };
}

/** An object, or the error that names where something else came from. */
export function expectObject(response: AcmeResponse, url: string): Record<string, unknown> {
  if (typeof response.body === 'object' && response.body !== null) return response.body as Record<string, unknown>;
  throw new AcmeError(
    'ACME_PROTOCOL',
    `acme: ${url} answered ${response.status} with something else than a JSON object: ${plainText(response.text, 120)}`,
  );
}

/** Whether this URL may be used by what came from `base`: http, or https where `base` is. */
const isAsSecure = (url: URL, base: URL): boolean =>
  url.protocol === 'https:' || (url.protocol === 'http:' && base.protocol === 'http:');

/** An address that the CA gave, absolute; undefined where it is none, or leads from https to anything else. */
export function addressAt(value: unknown, base: string): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value, base)) return undefined;
  const url = new URL(value, base);
  return isAsSecure(url, new URL(base)) ? url.href : undefined;
}

/** The same, where there must be one. */
export function expectAddress(value: unknown, base: string, what: string): string {
  const address = addressAt(value, base);
  if (address !== undefined) return address;
  throw new AcmeError(
    'ACME_PROTOCOL',
    `acme: ${base} gave no usable address of ${what}: ${plainText(String(value), 120)}`,
  );
}
