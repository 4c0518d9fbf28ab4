import {
  type Problem,
  type ProviderContext,
  ProviderError,
  type ProviderFault,
  percentEncode,
  type Rest,
  xmlParser,
} from '../kit/index.ts';

/** A request as the SDK hands it over: complete, and signed over all that is in it. */
export interface AwsRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>> | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What a client of the SDK takes as its `requestHandler`. */
export interface AwsRequestHandler {
  readonly metadata: { readonly handlerProtocol: string };
  handle(request: AwsRequest): Promise<{
    response: { statusCode: number; headers: Record<string, string>; body: Uint8Array };
  }>;
}

export interface AwsHttpOptions {
  /** How often one request is repeated at most: AWS_MAX_RETRIES. */
  readonly maxRetries: number;
  /** The next step for whoever is refused. */
  refusedHint(code: string, message: string): string;
}

/** https://docs.aws.amazon.com/Route53/latest/APIReference/CommonErrors.html and the errors of single actions, `Exception` cut off. */
const faults: Readonly<Record<string, ProviderFault>> = {
  AccessDenied: 'auth',
  AuthFailure: 'auth',
  ExpiredToken: 'auth',
  IncompleteSignature: 'auth',
  InvalidAccessKeyId: 'auth',
  InvalidClientTokenId: 'auth',
  InvalidIdentityToken: 'auth',
  InvalidSignature: 'auth',
  MissingAuthenticationToken: 'auth',
  NotAuthorized: 'auth',
  OptInRequired: 'auth',
  RequestExpired: 'auth',
  RequestTimeTooSkewed: 'auth',
  SignatureDoesNotMatch: 'auth',
  Unauthenticated: 'auth',
  Unauthorized: 'auth',
  UnrecognizedClient: 'auth',
  PriorRequestNotComplete: 'rate',
  RequestLimitExceeded: 'rate',
  RequestThrottled: 'rate',
  SlowDown: 'rate',
  Throttled: 'rate',
  Throttling: 'rate',
  TooManyRequests: 'rate',
  IDPCommunicationError: 'network',
  NotFound: 'missing',
  NoSuchHostedZone: 'zone',
};

/** Somebody else changed the record set after it was read: reading it again and trying again is right. */
const overtaken = /but (?:it was not found|it already exists|the values provided do not match the current values)/u;

/** Secrets that travel in bodies: temporary credentials, and the tokens that they are given for. */
const inBodies =
  /(?:SecretAccessKey|SessionToken|WebIdentityToken|accessToken|refreshToken|idToken|clientSecret)(?:>|"\s*:\s*"|=)([^<"&]+)/giu;

/** Sends what the SDK has signed through `rest`, and so with the provider's timeout, abort signal, proxy, log and error messages. */
export async function awsRequestHandler(
  { rest, hide }: Pick<ProviderContext<unknown>, 'rest' | 'hide'>,
  { maxRetries, refusedHint }: AwsHttpOptions,
): Promise<AwsRequestHandler> {
  const parseXml = await xmlParser({ arrays: ['Message'] });
  const clients = new Map<string, Rest>();
  const failures = new Map<string, number>();

  function conceal(body: string): void {
    for (const [, value = ''] of body.matchAll(inBodies)) {
      hide(value);
      hide(new URLSearchParams(`value=${value}`).get('value') ?? value);
    }
  }

  /** One answer holds XML (Route 53, STS), the other JSON (Lightsail, IAM Identity Center). */
  function problem(body: string | undefined, status: number): Problem | undefined {
    if (!body) return undefined;
    conceal(body);
    if (status < 400) return undefined;
    const { code, message } = /^\s*\{/u.test(body) ? fromJson(JSON.parse(body)) : fromXml(parseXml(body));
    if (!code && !message) return undefined;
    const isOvertaken = code === 'InvalidChangeBatch' && overtaken.test(message);
    const fault = isOvertaken ? 'rate' : faults[code.replace(/Exception$/u, '')];
    const refused = fault === 'auth' || (fault === undefined && (status === 401 || status === 403));
    return {
      message: code ? `${message} (${code})` : message,
      fault,
      hint: refused ? refusedHint(code, message) : undefined,
    };
  }

  function clientFor(origin: string): Rest {
    const known = clients.get(origin) ?? rest({ url: origin, parse: unread, problem });
    clients.set(origin, known);
    return known;
  }

  /** The engine repeats what failed; what has failed too often is no longer worth it. */
  function count(request: string, error: unknown): unknown {
    if (!(error instanceof ProviderError && error.passing)) return error;
    const times = (failures.get(request) ?? 0) + 1;
    failures.set(request, times);
    if (times <= maxRetries) return error;
    const hint = `AWS_MAX_RETRIES allows ${maxRetries} ${maxRetries === 1 ? 'repetition' : 'repetitions'}`;
    return new ProviderError('api', error.message, { cause: error, hint });
  }

  return {
    metadata: { handlerProtocol: 'http/1.1' },
    async handle({ method, protocol, hostname, port, path, query = {}, headers, body }) {
      const origin = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`;
      const search = Object.entries(query)
        .flatMap(([name, value]) => [value].flat().map((one) => `${percentEncode(name)}=${percentEncode(one ?? '')}`))
        .join('&');
      const target = search ? `${path}?${search}` : path;
      const { 'user-agent': _, ...sent } = headers; // Never signed; Quoin has its own.
      for (const [name, value] of Object.entries(sent)) if (/token$/iu.test(name)) hide(value);
      const text = body instanceof Uint8Array ? new TextDecoder().decode(body) : (body as string | undefined);
      if (text) conceal(text);
      const request = `${method} ${origin}${target} ${sent['x-amz-target'] ?? ''}`;
      try {
        const answer = await clientFor(origin).request<string | undefined>(method, target, {
          headers: sent,
          body: text || undefined,
        });
        failures.delete(request);
        const received = Object.entries(answer.headers).filter(
          (entry): entry is [string, string] => entry[1] !== undefined,
        );
        return {
          response: {
            statusCode: answer.status,
            headers: Object.fromEntries(received),
            body: new TextEncoder().encode(answer.body ?? ''),
          },
        };
      } catch (error) {
        throw count(request, error);
      }
    },
  };
}

/** The SDK reads what AWS says; what a captive portal says would only puzzle it. */
function unread(text: string): string {
  if (/^\s*<(?:!doctype\s+html|html)\b/iu.test(text)) throw new Error('a web page');
  return text;
}

interface Said {
  readonly code: string;
  readonly message: string;
}

// biome-ignore lint/suspicious/noExplicitAny: a stranger's JSON, picked apart with `?.` only.
function fromJson(body: any): Said {
  const type = String(body?.__type ?? body?.code ?? body?.error ?? '');
  return {
    code: type.replace(/^.*#/u, '').replace(/:.*$/u, ''),
    message: String(body?.message ?? body?.Message ?? body?.error_description ?? ''),
  };
}

/** https://docs.aws.amazon.com/Route53/latest/APIReference/requests-rest-responses.html; refused change batches come in a form of their own. */
// biome-ignore lint/suspicious/noExplicitAny: as above.
function fromXml(body: any): Said {
  const error = body?.ErrorResponse?.Error ?? body?.Response?.Errors?.Error;
  const messages: unknown[] = body?.InvalidChangeBatch?.Messages?.Message ?? error?.Message ?? [];
  const message = messages.map((one) => String(one).replace(/^\[|\]$/gu, '')).join('; ');
  return { code: body?.InvalidChangeBatch ? 'InvalidChangeBatch' : String(error?.Code ?? ''), message };
}
