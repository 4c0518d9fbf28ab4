import { constants, type KeyObject, sign } from 'node:crypto';
import type { CallOptions, ProviderContext, ProviderFault } from '../kit/index.ts';

export interface JwtHeader {
  readonly alg: 'RS256' | 'PS256';
  readonly typ: 'JWT';
  readonly [parameter: string]: unknown;
}

/** A JSON Web Token (RFC 7519) signed with RSA (RFC 7518 sections 3.3 and 3.5). Times in it count whole seconds. */
export function signedJwt(header: JwtHeader, claims: object, key: KeyObject): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const text = `${encode(header)}.${encode(claims)}`;
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return `${text}.${sign('sha256', Buffer.from(text), { key, ...(header.alg === 'PS256' ? pss : {}) }).toString('base64url')}`;
}

export interface TokenCall extends CallOptions {
  /** Where the credentials come from, for the hint when they are refused. */
  readonly check: string;
  /** Statuses that mean "later" rather than "no". */
  readonly later?: readonly number[];
}
export type AskForToken = <T>(method: string, address: string, call: TokenCall) => Promise<T>;

/** `error` and `error_description` (RFC 6749 section 5.2), or the error object that APIs of both clouds have. */
interface Refusal {
  error?: string | { message?: string };
  error_description?: string;
  message?: string;
}
const messageOf = ({ error, error_description, message }: Refusal): string =>
  (typeof error === 'string' ? [error_description, `(${error})`] : [error?.message ?? message])
    .filter(Boolean)
    .join(' ');

/** Asks the servers that hand out tokens. What they hand out is hidden before it is logged. */
export function tokenServers({ rest, hide }: Pick<ProviderContext<unknown>, 'rest' | 'hide'>): AskForToken {
  return async <T>(method: string, address: string, { check, later = [], ...options }: TokenCall) => {
    const { origin, pathname, search } = new URL(address);
    const faultOf = (status: number): ProviderFault | undefined => {
      if (later.includes(status)) return 'rate';
      return status === 429 || status >= 500 ? undefined : 'auth';
    };
    const api = rest({
      url: origin,
      problem(body, status) {
        for (const secret of [body?.access_token, body?.accessToken, body?.value, body?.oidcToken])
          if (typeof secret === 'string') hide(secret);
        if (status < 400) return undefined;
        const fault = faultOf(status);
        const message = typeof body === 'object' ? messageOf(body ?? {}) : String(body ?? '');
        return { message, fault, hint: fault === 'auth' ? `check ${check}` : undefined };
      },
    });
    return (await api.request<T>(method, pathname + search, options)).body;
  };
}
