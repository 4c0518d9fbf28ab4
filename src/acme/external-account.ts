import { AcmeError, ConfigError } from '../errors.ts';
import { plainText } from '../plain-text.ts';
import { parseAnswer } from './answer.ts';
import { type AcmeOptions, persist } from './retry.ts';

/** Binds a new account to a customer of the CA (RFC 8555 section 7.3.4). Never stored: it is of no use afterwards. */
export interface ExternalAccount {
  readonly kid: string;
  /** base64url. */
  readonly hmacKey: string;
}

/** base64url, or base64 as some CAs print it. */
export function parseHmacKey(text: string): string {
  const plain = text.trim().replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/u, '');
  if (!/^[A-Za-z0-9_-]{16,}$/u.test(plain))
    throw new ConfigError('--hmac is not a base64url HMAC key', { hint: 'copy it from the CA anew' });
  return plain;
}

/** A service that gives credentials to whoever has an e-mail address, by the host of the CA's directory. */
export type EabServices = Readonly<Record<string, string>>;

/** https://zerossl.com/documentation/acme/generate-eab-credentials/ */
export const eabServices: EabServices = {
  'acme.zerossl.com': 'https://api.zerossl.com/acme/eab-credentials-email',
};

/** Undefined where the CA has no such service. */
export async function eabByEmail(
  directoryUrl: string,
  email: string | undefined,
  options: AcmeOptions,
  services: EabServices = eabServices,
): Promise<ExternalAccount | undefined> {
  const { host } = new URL(directoryUrl);
  const service = services[host];
  if (service === undefined) return undefined;
  if (!email) {
    throw new ConfigError(`${host} binds accounts to an e-mail address`, {
      hint: 'pass --email, or --eab with the --kid and --hmac of a customer',
    });
  }
  const doing = `get credentials for ${email} from ${new URL(service).host}`;
  options.log.waiting(`asking ${new URL(service).host} for credentials that bind the account to ${email}`);
  const response = await persist(
    async () =>
      parseAnswer(
        await options.transport({
          method: 'POST',
          url: service,
          signal: options.signal,
          headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams({ email }).toString(),
        }),
      ),
    doing,
    options,
  );
  // The answer is a secret: nothing of it is logged or told but an error's code.
  const { eab_kid: kid, eab_hmac_key: hmac, error } = objectIn(response.data, response.text);
  if (typeof kid === 'string' && typeof hmac === 'string' && kid && /^[A-Za-z0-9+/_-]{16,}=*$/u.test(hmac))
    return { kid, hmacKey: parseHmacKey(hmac) };
  const { code, type, info } = objectIn(error);
  const why = [code, type, info].filter((part) => typeof part === 'string' || typeof part === 'number').join(' ');
  throw new AcmeError(
    'ACME_EXTERNAL_ACCOUNT_REQUIRED',
    `acme: could not ${doing}: ${why ? plainText(why, 200) : `it answered ${response.status} without any`}`,
    { hint: 'get a key id and an HMAC key from the CA, and pass --eab --kid and --hmac' },
  );
}

/** Some answers call themselves something else than JSON. */
function objectIn(value: unknown, text?: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  if (text === undefined) return {};
  try {
    return objectIn(JSON.parse(text));
  } catch {
    return {};
  }
}
