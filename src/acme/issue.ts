import { createHash, createPublicKey } from 'node:crypto';
import { AcmeError, ConfigError, isAppError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type AcmeResponse, expectAddress, expectObject } from './answer.ts';
import { checkChain, toPem } from './certificate.ts';
import type { AcmeConnection } from './client.ts';
import type { CertificateRequest } from './csr.ts';
import { downloadChain } from './download.ts';
import { finalize } from './finalize.ts';
import { generateCertificateKey, type KeyType } from './keys.ts';
import { challengeName } from './names.ts';
import { type Authorization, type Order, readAuthorization, readOrder } from './order.ts';
import type { Challenge, Dns01 } from './ports.ts';
import type { CertificateSettings, PendingOrder, Store, StoredCertificate } from './storage.ts';
import { failed, waitForOrder } from './verdict.ts';

export interface IssueRequest {
  /** Of the certificate in the store. */
  readonly name: string;
  readonly settings: CertificateSettings;
  /** The key to certify; absent, and without `csr`: a new one of `settings.keyType`. */
  readonly keyPem?: string | undefined;
  /** The certificate request that the user brought, whose names are those of the settings. */
  readonly csr?: CertificateRequest | undefined;
  /** Identifier of the certificate that the new one replaces (RFC 9773 section 5). A CA that refuses it is asked without. */
  readonly replaces?: string | undefined;
  /** What few CAs grant (RFC 8555 section 7.1.3). */
  readonly notBefore?: Date | undefined;
  readonly notAfter?: Date | undefined;
  /** Give the authorizations back at the end, whatever happened (RFC 8555 section 7.5.2). */
  readonly deactivateAuthorizations?: boolean | undefined;
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

/**
 * Obtains a certificate, or goes on with the order that an earlier run had to leave. The caller stores it, and only then
 * removes the pending order: a run that dies in between downloads the same certificate again.
 */
export async function issueCertificate(request: IssueRequest, context: IssueContext): Promise<StoredCertificate> {
  const { log } = context;
  const resumed = await resume(request, context);
  const { order: first, keyPem } = resumed ?? (await begin(request, context));
  if (resumed) log.info(`resuming the order of an earlier run, which is ${first.status}`);
  let ready = first.status === 'pending' ? undefined : first;
  try {
    ready ??= await authorize(first, request, context);
    const valid = await finalize(ready, keyPem, request, context);
    return await download(valid, keyPem, request, context);
  } catch (error) {
    // A certificate that is refused today is refused tomorrow: the next run orders another one.
    if (isAppError(error) && error.code === 'ACME_CERTIFICATE') await forget(request, context);
    throw error;
  } finally {
    // Nothing can become of an order whose authorizations are gone; but one that was ready may have been issued.
    if (request.deactivateAuthorizations && (await deactivate(first, context)) && !ready)
      await forget(request, context);
  }
}

/** No run comes back to the order; those at other CAs stay. */
const forget = ({ name }: IssueRequest, { acme, store }: IssueContext): Promise<void> =>
  store.removePending(name, acme.directory.url);

/** What the certificate is asked to be; an order for anything else is not taken up again. */
function fingerprint({ settings, keyPem, csr, notBefore, notAfter }: IssueRequest): string {
  const { names, directoryUrl, accountId, keyType, profile, preferredChain, mustStaple, commonName } = settings;
  const wishes = [names, directoryUrl, accountId, keyType, profile, preferredChain, mustStaple, commonName ?? true];
  const key = [keyPem, csr?.der.toString('base64')];
  const validity = notBefore || notAfter ? [notBefore, notAfter] : [];
  return createHash('sha256')
    .update(JSON.stringify([...wishes, ...key, ...validity]))
    .digest('hex');
}

/** Gives the authorizations back, and tells whether that went well. Those that are invalid or expired are over anyway: malformed. */
async function deactivate({ authorizations }: Order, { acme, log, signal }: IssueContext): Promise<boolean> {
  const give = (url: string | undefined) =>
    url && acme.post(url, { status: 'deactivated' }, { doing: 'deactivate an authorization', tolerate: ['malformed'] });
  const [first, ...others] = authorizations;
  try {
    // One alone at first: a CA that is down takes all of its tries to show it.
    await give(first);
    await Promise.all(others.map(give));
    return true;
  } catch (error) {
    if (!isAppError(error) && !signal.aborted) throw error;
    if (!signal.aborted) log.warn((error as Error).message);
    return false;
  }
}

async function begin(request: IssueRequest, context: IssueContext) {
  const { acme, store, log } = context;
  const { names, profile } = request.settings;
  const { profiles } = acme.directory.meta;
  if (profile && !(profiles && Object.hasOwn(profiles, profile))) {
    const known = Object.keys(profiles ?? {});
    throw new ConfigError(`the CA offers no profile ${profile}`, {
      hint: known.length > 0 ? `it offers ${known.join(', ')}` : 'it offers none: leave --profile out',
    });
  }
  log.waiting(`ordering a certificate for ${names.length === 1 ? names[0] : `${names.length} names`}`);
  const response = await createOrder(request, context);
  const { location } = response.headers;
  if (!location) throw new AcmeError('ACME_PROTOCOL', 'acme: the CA created an order without telling its URL');
  const url = expectAddress(location, acme.directory.newOrder, 'the order');
  const order = readOrder(response, url);
  // On disk before anything is published: a run that dies from here on is resumed, with the same key.
  const keyPem = request.csr
    ? undefined
    : (request.keyPem ?? (await generateCertificateKey(request.settings.keyType as KeyType)));
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

/** Which certificate is replaced matters to the CA's planning only: a refusal of that must not keep anybody from renewing. */
async function createOrder(request: IssueRequest, { acme, log }: IssueContext): Promise<AcmeResponse> {
  const { notBefore, notAfter, settings } = request;
  const { names, profile } = settings;
  const order = {
    identifiers: names.map((value) => ({ type: 'dns', value })),
    ...(profile ? { profile } : {}),
    ...(notBefore ? { notBefore: notBefore.toISOString() } : {}),
    ...(notAfter ? { notAfter: notAfter.toISOString() } : {}),
  };
  const create = (more: object) =>
    acme.post(acme.directory.newOrder, { ...order, ...more }, { doing: 'create the order' });
  // Section 5: only where the CA offers renewal information.
  const replaces = acme.directory.renewalInfo ? request.replaces : undefined;
  if (!replaces) return create({});
  try {
    return await create({ replaces });
  } catch (error) {
    const status = error instanceof AcmeError ? Number(error.facts.status) : 0;
    if (!(status >= 400 && status < 500 && status !== 429)) throw error;
    log.debug(`ordering again without telling which certificate is replaced: ${(error as Error).message}`);
    return create({});
  }
}

async function resume(request: IssueRequest, { acme, store, log }: IssueContext) {
  const pending: PendingOrder | undefined = await store.readPending(request.name, acme.directory.url);
  if (!pending) return undefined;
  if (pending.settings === fingerprint(request) && pending.accountUrl === acme.accountUrl) {
    try {
      const order = readOrder(
        await acme.post(pending.url, null, { doing: 'read the order of an earlier run' }),
        pending.url,
      );
      if (order.status !== 'invalid') return { order, keyPem: pending.keyPem };
    } catch (error) {
      if (!isGone(error)) throw error;
      log.debug(`the order of an earlier run is gone: ${error.message}`);
    }
  }
  await store.removePending(request.name, acme.directory.url);
  return undefined;
}

/**
 * Whether the CA said that there is no such order, for this account. Anything else, an outage above all, keeps the order and its
 * key: the certificate may have been issued already.
 */
function isGone(error: unknown): error is AcmeError {
  if (!(error instanceof AcmeError)) return false;
  const { status } = error.facts;
  return (
    (status === 404 || status === 410 || /^ACME_(?:MALFORMED|UNAUTHORIZED)$/u.test(error.code)) &&
    error.code !== 'ACME_ACCOUNT_DOES_NOT_EXIST'
  );
}

/** Has every pending authorization validated; ends with the order ready to be finalized. */
async function authorize(order: Order, request: IssueRequest, context: IssueContext): Promise<Order> {
  const { acme, dns } = context;
  const all = await Promise.all(order.authorizations.map((url) => readAuthorization(url, acme)));
  const unusable = all.find(({ status }) => status !== 'valid' && status !== 'pending');
  if (unusable) {
    await forget(request, context); // Or every later run would end here.
    return failed(order, context);
  }
  const challenges = await Promise.all(
    all.filter(({ status }) => status === 'pending').map((authorization) => toChallenge(authorization, acme)),
  );
  const turns = await dns.turns(challenges);
  let current = order;
  for (const batch of turns) {
    current = await dns.solve(batch, () => answer(batch, turns.length === 1, order, request, context));
  }
  if (current.status !== 'pending') return current;
  return waitForOrder(order, request.timeoutMs, context, 'validate the names', ({ status }) => status !== 'pending');
}

type Answerable = Challenge & { readonly url: string; readonly authorization: string };

async function toChallenge({ name, url, dns01, offered }: Authorization, acme: AcmeConnection): Promise<Answerable> {
  if (!dns01) {
    throw new AcmeError(
      'ACME_NO_DNS01',
      `acme: the CA offers no dns-01 challenge for ${name} (it offers ${offered.join(', ') || 'none'})`,
    );
  }
  const keyAuthorization = await acme.keyAuthorization(dns01.token);
  return {
    url: dns01.url,
    authorization: url,
    identifier: name,
    fqdn: challengeName(name),
    value: createHash('sha256').update(keyAuthorization).digest('base64url'),
    domain: name.replace(/^\*\./u, ''),
    token: dns01.token,
    keyAuthorization,
  };
}

/** Tells the CA that the values are there, waits for its verdict on these names, and gives the order as last seen. */
async function answer(
  batch: readonly Answerable[],
  isOnly: boolean,
  order: Order,
  request: IssueRequest,
  context: IssueContext,
): Promise<Order> {
  const { acme, log } = context;
  log.waiting('the CA is validating');
  await Promise.all(
    batch.map(({ url, identifier }) =>
      // A challenge that was answered already, in a request whose answer was lost, is malformed to some CAs. The order tells.
      acme.post(url, {}, { doing: `answer the challenge of ${identifier}`, tolerate: ['malformed'] }),
    ),
  );
  // The order follows its authorizations, so one request tells of all of them; but not of some.
  if (isOnly) {
    return waitForOrder(order, request.timeoutMs, context, 'validate the names', ({ status }) => status !== 'pending');
  }
  for (const { authorization, identifier } of batch) {
    await acme.poll(authorization, {
      doing: `validate ${identifier}`,
      deadline: performance.now() + request.timeoutMs,
      done: (response) => {
        const { status } = expectObject(response, authorization);
        if (status !== 'valid' && status !== 'pending' && status !== 'processing') return failed(order, context);
        return status === 'valid' ? true : undefined;
      },
    });
  }
  return order;
}

async function download(
  order: Order,
  keyPem: string | undefined,
  request: IssueRequest,
  context: IssueContext,
): Promise<StoredCertificate> {
  const { names, preferredChain, bundle } = request.settings;
  if (!order.certificate) throw new AcmeError('ACME_PROTOCOL', 'acme: the order is valid but names no certificate');
  const { certificate: url } = order;
  const chain = await downloadChain(url, { preferredChain, timeoutMs: request.timeoutMs }, context);
  const publicKey = request.csr?.publicKey ?? createPublicKey(keyPem ?? '');
  // Who asks for a certificate that begins later gets one.
  checkChain(chain, publicKey, names, new Date(Math.max(Date.now(), request.notBefore?.getTime() ?? 0)));
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
