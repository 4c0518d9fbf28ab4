import { AcmeError } from '../errors.ts';
import { plainText } from '../plain-text.ts';
import { addressAt, expectObject, type LibraryResponse, parseAnswer } from './answer.ts';
import { type AcmeOptions, persist } from './retry.ts';

/** RFC 8555 section 7.1.1. */
export interface Directory {
  readonly url: string;
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  readonly revokeCert?: string;
  readonly keyChange?: string;
  readonly renewalInfo?: string;
  readonly meta: {
    readonly termsOfService?: string;
    readonly externalAccountRequired?: boolean;
    readonly profiles?: Readonly<Record<string, string>>;
    /** What CAA records call the CA, as it says. */
    readonly caaIdentities?: readonly string[];
    /** draft-ietf-acme-dns-persist-02 sections 3.2 and 4.1; not checked. */
    readonly issuerDomainNames?: readonly string[];
    readonly accountHashPrefix?: string;
  };
}

const MAX_REDIRECTS = 3;
const CLOCK_SKEW_MS = 3_600_000;

/** Reads a CA's directory, redirects followed. */
export async function fetchDirectory(url: string, options: AcmeOptions): Promise<Directory> {
  const { transport, log, signal } = options;
  let at = url;
  const get = async (): Promise<LibraryResponse> => parseAnswer(await transport({ method: 'GET', url: at, signal }));
  for (let redirects = 0; ; redirects += 1) {
    const response = await persist(get, `read the directory ${at}`, options);
    const { location } = response.headers;
    if (response.status >= 300 && response.status < 400 && location && redirects < MAX_REDIRECTS) {
      const next = addressAt(location, at);
      if (!next) throw new AcmeError('ACME_PROTOCOL', `acme: the directory ${url} leads to an insecure address`);
      at = next;
      continue;
    }
    if (response.status !== 200) {
      throw new AcmeError(
        'ACME_PROTOCOL',
        `acme: the directory ${at} answered ${response.status} ${plainText(response.text, 120)}`.trim(),
        { hint: 'check --server' },
      );
    }
    const skew = Date.parse(response.headers.date ?? '') - Date.now();
    if (Math.abs(skew) > CLOCK_SKEW_MS) {
      log.warn(`the clock of this machine and that of the CA are ${Math.round(Math.abs(skew) / 60_000)} minutes apart`);
    }
    return readDirectory(expectObject({ ...response, body: response.data }, at), url, at);
  }
}

function readDirectory(body: Record<string, unknown>, url: string, at: string): Directory {
  const [newNonce, newAccount, newOrder, revokeCert, keyChange, renewalInfo] = [
    'newNonce',
    'newAccount',
    'newOrder',
    'revokeCert',
    'keyChange',
    'renewalInfo',
  ].map((name) => addressAt(body[name], at));
  if (!newNonce || !newAccount || !newOrder) {
    throw new AcmeError(
      'ACME_PROTOCOL',
      `acme: ${url} is no ACME directory: newNonce, newAccount or newOrder is missing or insecure`,
      { hint: 'check --server' },
    );
  }
  return {
    url,
    newNonce,
    newAccount,
    newOrder,
    meta: readMeta(body.meta),
    ...(revokeCert ? { revokeCert } : {}),
    ...(keyChange ? { keyChange } : {}),
    ...(renewalInfo ? { renewalInfo } : {}),
  };
}

/** What has the wrong type counts as missing. */
function readMeta(meta: unknown): Directory['meta'] {
  if (typeof meta !== 'object' || meta === null) return {};
  const { termsOfService, externalAccountRequired, profiles, ...more } = meta as Record<string, unknown>;
  const { caaIdentities, issuerDomainNames, accountHashPrefix } = more;
  return {
    ...(typeof termsOfService === 'string' && termsOfService ? { termsOfService: plainText(termsOfService) } : {}),
    ...(externalAccountRequired === true ? { externalAccountRequired } : {}),
    ...(typeof profiles === 'object' && profiles !== null && !Array.isArray(profiles)
      ? {
          profiles: Object.fromEntries(
            Object.entries(profiles).map(([name, text]) => [plainText(name), plainText(String(text))]),
          ),
        }
      : {}),
    ...(isTexts(caaIdentities) ? { caaIdentities } : {}),
    ...(isTexts(issuerDomainNames) ? { issuerDomainNames } : {}),
    ...(typeof accountHashPrefix === 'string' && accountHashPrefix.length <= MAX_TEXT ? { accountHashPrefix } : {}),
  };
}

const MAX_TEXTS = 100;
const MAX_TEXT = 1000;
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) &&
  value.length <= MAX_TEXTS &&
  value.every((text) => typeof text === 'string' && text.length <= MAX_TEXT);
