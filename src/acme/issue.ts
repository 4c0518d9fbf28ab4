import { createHash } from 'node:crypto';
import { AcmeError, ConfigError } from '../errors.ts';
import type { Log } from '../log.ts';
import { checkChain, leadsTo, parseChain, toPem } from './certificate.ts';
import { type AcmeConnection, type AcmeResponse, expectObject } from './client.ts';
import { createCsr } from './csr.ts';
import { generateCertificateKey, type KeyType } from './keys.ts';
import { challengeName } from './names.ts';
import type { Challenge, Dns01 } from './ports.ts';
import { isProblem, type Problem, problemError } from './problem.ts';
import type { CertificateSettings, PendingOrder, Store, StoredCertificate } from './storage.ts';

export interface IssueRequest {
  /** Of the certificate in the store. */
  readonly name: string;
  readonly settings: CertificateSettings;
  /** Whether the first name also becomes the common name. */
  readonly commonName: boolean;
  /** How long the CA may take for validation, and again for issuing. */
  readonly timeoutMs: number;
}

export interface IssueContext {
  readonly acme: AcmeConnection;
  readonly dns: Dns01;
  readonly store: Pick<Store, 'readPending' | 'writePending' | 'removePending'>;
  readonly log: Log;
  readonly signal: AbortSignal;
}

type OrderStatus = 'pending' | 'ready' | 'processing' | 'valid' | 'invalid';

/** RFC 8555 section 7.1.3. */
interface Order {
  readonly url: string;
  readonly status: OrderStatus;
  readonly authorizations: readonly string[];
  readonly finalize: string;
  readonly certificate?: string;
  readonly error?: Problem;
}

/** RFC 8555 section 7.1.4. */
interface Authorization {
  readonly url: string;
  readonly name: string;
  readonly status: string;
  readonly challenges: readonly { type?: string; url?: string; token?: string; status?: string; error?: Problem }[];
}

/**
 * Obtains a certificate, or goes on with the order that an earlier run had to leave. The caller stores it, and only then
 * removes the pending order: a run that dies in between downloads the same certificate again.
 */
export async function issueCertificate(request: IssueRequest, context: IssueContext): Promise<StoredCertificate> {
  const { log } = context;
  const resumed = await resume(request, context);
  const { order: first, keyPem } = resumed ?? (await begin(request, context));
  if (resumed) log.info(`resuming the order of an earlier run, which is ${first.status}`);
  const ready = first.status === 'pending' ? await authorize(first, request, context) : first;
  const valid = await finalize(ready, keyPem, request, context);
  return download(valid, keyPem, request, context);
}

/** What the certificate is asked to be; an order for anything else is not taken up again. */
const fingerprint = ({ settings }: IssueRequest): string =>
  createHash('sha256')
    .update(JSON.stringify({ ...settings, dns: undefined, bundle: undefined }))
    .digest('hex');

async function begin(request: IssueRequest, { acme, store, log }: IssueContext) {
  const { names, profile } = request.settings;
  const { profiles } = acme.directory.meta;
  if (profile && !(profiles && profile in profiles)) {
    const known = Object.keys(profiles ?? {});
    throw new ConfigError(`the CA offers no profile ${profile}`, {
      hint: known.length > 0 ? `it offers ${known.join(', ')}` : 'it offers none: leave --profile out',
    });
  }
  log.waiting(`ordering a certificate for ${names.length === 1 ? names[0] : `${names.length} names`}`);
  const response = await acme.post(
    acme.directory.newOrder,
    { identifiers: names.map((value) => ({ type: 'dns', value })), ...(profile ? { profile } : {}) },
    { doing: 'create the order' },
  );
  const { location } = response.headers;
  if (!location) throw new AcmeError('ACME_PROTOCOL', 'acme: the CA created an order without telling its URL');
  const url = new URL(location, acme.directory.newOrder).href;
  const order = readOrder(response, url);
  // On disk before anything is published: a run that dies from here on is resumed, with the same key.
  const keyPem = await generateCertificateKey(request.settings.keyType as KeyType);
  await store.writePending(request.name, {
    url,
    directoryUrl: acme.directory.url,
    accountUrl: acme.accountUrl ?? '',
    names,
    settings: fingerprint(request),
    createdAt: new Date().toISOString(),
    keyPem,
  });
  return { order, keyPem };
}

async function resume(request: IssueRequest, { acme, store, log }: IssueContext) {
  const pending: PendingOrder | undefined = await store.readPending(request.name);
  if (!pending) return undefined;
  if (pending.settings === fingerprint(request) && pending.accountUrl === acme.accountUrl) {
    try {
      const order = readOrder(
        await acme.post(pending.url, null, { doing: 'read the order of an earlier run' }),
        pending.url,
      );
      if (order.status !== 'invalid') return { order, keyPem: pending.keyPem };
    } catch (error) {
      if (!(error instanceof AcmeError) || /UNAVAILABLE|RATE_LIMITED/u.test(error.code)) throw error;
      log.debug(`the order of an earlier run is gone: ${error.message}`);
    }
  }
  await store.removePending(request.name);
  return undefined;
}

/** Has every pending authorization validated; ends with the order ready to be finalized. */
async function authorize(order: Order, request: IssueRequest, context: IssueContext): Promise<Order> {
  const { acme, dns } = context;
  const all = await Promise.all(order.authorizations.map((url) => readAuthorization(url, acme)));
  const challenges = await Promise.all(
    all.filter(({ status }) => status !== 'valid').map((authorization) => toChallenge(authorization, acme)),
  );
  const batches = dns.oneValueAtATime ? challenges.map((challenge) => [challenge]) : [challenges];
  let current = order;
  for (const batch of batches.filter(({ length }) => length > 0)) {
    current = await dns.solve(batch, () => answer(batch, order, request, context));
  }
  if (current.status !== 'pending') return current;
  return waitForOrder(order, request, context, 'validate the names', ({ status }) => status !== 'pending');
}

type Answerable = Challenge & { readonly url: string; readonly authorization: string };

async function toChallenge(
  { name, url, status, challenges }: Authorization,
  acme: AcmeConnection,
): Promise<Answerable> {
  if (status !== 'pending')
    throw new AcmeError('ACME_AUTHORIZATION', `acme: the authorization of ${name} is ${status}`, { hint: 'run again' });
  const offered = challenges.find(({ type }) => type === 'dns-01');
  if (!offered?.url || !offered.token) {
    const types = challenges.map(({ type }) => type).join(', ') || 'none';
    throw new AcmeError('ACME_NO_DNS01', `acme: the CA offers no dns-01 challenge for ${name} (it offers ${types})`);
  }
  const keyAuthorization = await acme.keyAuthorization(offered.token);
  return {
    url: offered.url,
    authorization: url,
    identifier: name,
    fqdn: challengeName(name),
    value: createHash('sha256').update(keyAuthorization).digest('base64url'),
    domain: name.replace(/^\*\./u, ''),
    token: offered.token,
    keyAuthorization,
  };
}

/** Tells the CA that the values are there, waits for its verdict on these names, and gives the order as last seen. */
async function answer(
  batch: readonly Answerable[],
  order: Order,
  request: IssueRequest,
  context: IssueContext,
): Promise<Order> {
  const { acme, log, dns } = context;
  log.waiting('the CA is validating');
  await Promise.all(
    batch.map(({ url, identifier }) => acme.post(url, {}, { doing: `answer the challenge of ${identifier}` })),
  );
  // The order follows its authorizations, so one request tells of all of them.
  if (!dns.oneValueAtATime) {
    return waitForOrder(order, request, context, 'validate the names', ({ status }) => status !== 'pending');
  }
  for (const { authorization, identifier } of batch) {
    await acme.poll(authorization, {
      doing: `validate ${identifier}`,
      deadline: performance.now() + request.timeoutMs,
      done: (response) => {
        const { status } = expectObject(response, authorization);
        if (status === 'invalid') return failed(order, context);
        return status === 'valid' ? true : undefined;
      },
    });
  }
  return order;
}

/** Polls the order until it is what is waited for; an order that turns invalid ends the run with the CA's reasons. */
async function waitForOrder(
  order: Order,
  { timeoutMs }: IssueRequest,
  context: IssueContext,
  doing: string,
  done: (order: Order) => boolean,
): Promise<Order> {
  let looks = 0;
  const found = await context.acme.poll<Order | Promise<never>>(order.url, {
    doing,
    deadline: performance.now() + timeoutMs,
    done: (response) => {
      const now = readOrder(response, order.url);
      looks += 1;
      if (now.status === 'invalid') return failed(now, context);
      return done(now) ? now : undefined;
    },
  });
  context.log.debug(`acme: order ${order.url} looked at ${looks} times`);
  return found;
}

/** The CA's verdict on an order that failed: its own error, or those of its challenges. */
async function failed(order: Order, { acme }: IssueContext): Promise<never> {
  if (order.error) throw problemError(order.error, 'obtain the certificate');
  const authorizations = await Promise.all(order.authorizations.map((url) => readAuthorization(url, acme)));
  const subproblems = authorizations.flatMap(({ name, status, challenges }) => {
    const error = challenges.find((challenge) => isProblem(challenge.error))?.error;
    if (status === 'valid' || (status === 'pending' && !error)) return [];
    return [{ identifier: { value: name }, ...(error ?? { detail: `the authorization is ${status}` }) }];
  });
  const [only] = subproblems;
  throw problemError(
    {
      type: only?.type ?? 'urn:ietf:params:acme:error:unauthorized',
      detail: 'the CA could not validate every name',
      subproblems,
    },
    'obtain the certificate',
  );
}

async function finalize(order: Order, keyPem: string, request: IssueRequest, context: IssueContext): Promise<Order> {
  const { acme, log } = context;
  const { names, mustStaple } = request.settings;
  const isDone = ({ status }: Order) => status === 'valid';
  let current = order;
  // Twice, because some CAs take an order back to `ready` after a failed finalization.
  for (let round = 0; current.status === 'ready' && round < 2; round += 1) {
    log.waiting('the CA is issuing');
    const csr = await createCsr(names, keyPem, { mustStaple, commonName: request.commonName });
    const response = await acme.post(
      current.finalize,
      { csr: csr.toString('base64url') },
      { doing: 'finalize the order', tolerate: ['orderNotReady'] },
    );
    current =
      response.status < 400
        ? readOrder(response, order.url)
        : await waitForOrder(current, request, context, 'finalize the order', ({ status }) => status !== 'processing');
    if (current.status === 'processing') {
      current = await waitForOrder(
        current,
        request,
        context,
        'issue the certificate',
        ({ status }) => status !== 'processing',
      );
    }
  }
  if (current.status === 'invalid') return failed(current, context);
  return isDone(current) ? current : waitForOrder(current, request, context, 'issue the certificate', isDone);
}

async function download(
  order: Order,
  keyPem: string,
  request: IssueRequest,
  { acme, log }: IssueContext,
): Promise<StoredCertificate> {
  const { names, preferredChain, bundle } = request.settings;
  if (!order.certificate) throw new AcmeError('ACME_PROTOCOL', 'acme: the order is valid but names no certificate');
  const url = order.certificate;
  const read = (from: string) =>
    acme.poll(from, {
      doing: 'download the certificate',
      deadline: performance.now() + request.timeoutMs,
      done: (response) => (response.status === 200 ? response : undefined),
    });
  const main = await read(url);
  let chain = parseChain(main.text);
  if (preferredChain) {
    const alternates = [...(main.headers.link ?? '').matchAll(/<([^>]+)>\s*;[^,]*rel="?alternate"?/gu)].map(
      ([, to]) => new URL(to ?? '', url).href,
    );
    const chains = [chain];
    for (const alternate of alternates) chains.push(parseChain((await read(alternate)).text));
    const shortest = [...chains].sort((a, b) => a.length - b.length)[0];
    const wanted = preferredChain === 'shortest' ? shortest : chains.find((other) => leadsTo(other, preferredChain));
    if (!wanted) log.warn(`no chain leads to ${preferredChain}; the CA's default is used`);
    chain = wanted ?? chain;
  }
  checkChain(chain, keyPem, names, new Date());
  const [leaf, ...issuers] = chain;
  return {
    name: request.name,
    certificatePem: toPem(bundle ? chain : leaf ? [leaf] : []),
    issuerPem: toPem(issuers),
    keyPem,
    url,
    settings: request.settings,
  };
}

const STATUSES: readonly string[] = ['pending', 'ready', 'processing', 'valid', 'invalid'] satisfies OrderStatus[];

function readOrder(response: AcmeResponse, url: string): Order {
  const body = expectObject(response, url);
  const { status, authorizations, finalize: finalizeUrl } = body;
  if (
    typeof status !== 'string' ||
    !STATUSES.includes(status) ||
    !Array.isArray(authorizations) ||
    typeof finalizeUrl !== 'string'
  ) {
    throw new AcmeError('ACME_PROTOCOL', `acme: ${url} is no order: status, authorizations or finalize is missing`);
  }
  const absolute = (address: unknown) => new URL(String(address), url).href;
  return {
    url,
    status: status as OrderStatus,
    authorizations: authorizations.map(absolute),
    finalize: absolute(finalizeUrl),
    ...(typeof body.certificate === 'string' ? { certificate: absolute(body.certificate) } : {}),
    ...(isProblem(body.error) ? { error: body.error } : {}),
  };
}

async function readAuthorization(url: string, acme: AcmeConnection): Promise<Authorization> {
  const body = expectObject(await acme.post(url, null, { doing: 'read an authorization' }), url);
  const { identifier, status, challenges, wildcard } = body as {
    identifier?: { value?: string };
    status?: string;
    challenges?: Authorization['challenges'];
    wildcard?: boolean;
  };
  if (!identifier?.value || !status || !Array.isArray(challenges)) {
    throw new AcmeError('ACME_PROTOCOL', `acme: ${url} is no authorization`);
  }
  return { url, name: wildcard ? `*.${identifier.value}` : identifier.value, status, challenges };
}
