import { X509Certificate } from 'node:crypto';
import { ensureAccount } from '../../../src/acme/account.ts';
import { fetchDirectory } from '../../../src/acme/client.ts';
import { type IssueRequest, issueCertificate } from '../../../src/acme/issue.ts';
import type { Challenge, Dns01 } from '../../../src/acme/ports.ts';
import type { PendingOrder, StoredAccount } from '../../../src/acme/storage.ts';
import type { AppError } from '../../../src/errors.ts';
import { createTransport } from '../../../src/http.ts';
import { silentLog } from '../../../src/log.ts';
import { type HostileCa, problem, startHostileCa } from '../../helpers/hostile-ca.ts';

let ca: HostileCa;
let pending: PendingOrder | undefined;
let published: Challenge[][];
beforeEach(async () => {
  ca = await startHostileCa();
  pending = undefined;
  published = [];
});
afterEach(() => ca.close());

const store = {
  readPending: async () => pending,
  writePending: async (_: string, order: PendingOrder) => {
    pending = order;
  },
  removePending: async () => {
    pending = undefined;
  },
};

interface Wishes {
  readonly names?: readonly string[];
  readonly timeoutMs?: number;
  readonly maxWaitMs?: number;
  readonly turns?: <C extends Challenge>(challenges: readonly C[]) => readonly (readonly C[])[];
  readonly onSolve?: () => void;
  readonly settings?: Partial<IssueRequest['settings']>;
}

/** A whole run against the CA: directory, account, order, certificate. */
async function issue({ names = ['example.com'], timeoutMs = 5_000, maxWaitMs = 5_000, ...more }: Wishes = {}) {
  const signal = new AbortController().signal;
  const transport = createTransport({ log: silentLog, env: {}, timeoutMs: 2_000 });
  const options = { transport, log: silentLog, signal, maxWaitMs };
  const directory = await fetchDirectory(ca.directoryUrl, options);
  let account: StoredAccount | undefined;
  const accounts: any = {
    loadAccount: async () => account,
    saveAccount: async (saved: StoredAccount) => {
      account = saved;
    },
  };
  const who = { directory, id: 'a@example.com', keyType: 'ec256', acceptTos: true } as const;
  const acme = await ensureAccount(who, accounts, options);
  const dns: Dns01 = {
    turns: async (challenges) => more.turns?.(challenges) ?? (challenges.length > 0 ? [challenges] : []),
    async solve(challenges, whileVisible) {
      published.push([...challenges]);
      more.onSolve?.();
      return whileVisible();
    },
  };
  const settings = {
    names,
    directoryUrl: ca.directoryUrl,
    accountId: 'a@example.com',
    dns: ['manual'],
    keyType: 'ec256',
    mustStaple: false,
    bundle: true,
    ...more.settings,
  };
  const request = { name: names[0] ?? '', settings, commonName: true, timeoutMs };
  return issueCertificate(request, { acme, dns, store, log: silentLog, signal });
}
const failure = (work: Promise<unknown>): Promise<AppError> =>
  work.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: AppError) => error,
  );
const namesIn = (pem: string) => new X509Certificate(pem).subjectAltName;

it('obtains a certificate with its chain, and leaves the order to whoever stores it', async () => {
  const issued = await issue({ names: ['example.com', '*.example.com'] });
  expect(namesIn(issued.certificatePem)).toBe('DNS:example.com, DNS:*.example.com');
  expect(issued.issuerPem.trim()).toBe(ca.issuerPem.trim());
  expect(pending?.keyPem).toBe(issued.keyPem);
  expect(published).toHaveLength(1);
  expect(published[0]?.map(({ fqdn }) => fqdn)).toEqual(Array(2).fill('_acme-challenge.example.com'));
});

it('reads and answers each name once, and polls the order for all of them', async () => {
  await issue({ names: Array.from({ length: 30 }, (_, i) => `n${i}.example.com`) });
  expect([ca.count('authorization'), ca.count('challenge'), ca.count('finalize')]).toEqual([30, 30, 1]);
  expect(ca.count('nonce')).toBeLessThanOrEqual(8);
});

describe('with a provider that shows only so many values at a time', () => {
  const names = ['a.example.com', 'b.example.com', 'c.example.com', '*.c.example.com', 'e.example.com'];
  const inPairs = <C>(all: readonly C[]) => [all.slice(0, 2), all.slice(2, 4), all.slice(4)];
  const told = () => published.map((batch) => batch.map(({ identifier }) => identifier));

  it('has each turn validated before the next one is published', async () => {
    // The first look at the first turn comes too early.
    ca.mood = ({ step }, n) =>
      step === 'authorization' && n === names.length + 1
        ? { headers: { 'retry-after': '0' }, body: { status: 'processing', identifier: { type: 'dns', value: 'x' } } }
        : undefined;
    const answered: number[] = [];
    await issue({
      names,
      turns: inPairs,
      onSolve: () => answered.push(ca.count('challenge'), ca.count('authorization')),
    });
    expect(told()).toEqual(inPairs(names));
    expect(answered).toEqual([0, 5, 2, 8, 4, 10]);
    expect(ca.issued).toBe(1);
  });

  it('publishes no more once a turn has failed, and tells why', async () => {
    ca.verdict = (name) => (name === 'c.example.com' ? 'invalid' : 'valid');
    const error = await failure(issue({ names, turns: inPairs }));
    expect(error).toMatchObject({ message: expect.stringContaining('no TXT record at c.example.com') });
    expect(told()).toEqual(inPairs(names).slice(0, 2));
    expect(ca.count('finalize')).toBe(0);
  });
});

it('A4, A8: survives a CA that answers 503 to the request for a nonce', async () => {
  ca.mood = ({ step }, n) => (step === 'nonce' && n === 1 ? { status: 503, withoutNonce: true } : undefined);
  await issue();
  expect(ca.issued).toBe(1);
});

it('A5: recovers when all kept nonces have expired', async () => {
  ca.mood = ({ step }) => {
    if (step === 'challenge') setImmediate(ca.forgetNonces);
    return undefined;
  };
  await issue({ names: ['a.example.com', 'b.example.com', 'c.example.com'] });
  expect(ca.issued).toBe(1);
});

describe.each(['newOrder', 'authorization', 'challenge', 'order', 'finalize', 'certificate'] as const)('%s', (step) => {
  it.each([
    ['A8: 502 with HTML', { status: 502, body: '<html>bad</html>', headers: { 'content-type': 'text/html' } }],
    ['A9: 500 after the work was done', { ...problem(500, 'serverInternal'), afterwards: true }],
    ['A10: a cut connection after the work was done', { cut: true, afterwards: true }],
  ])('is survived when it fails once: %s', async (_, reply) => {
    ca.mood = (call, n) => (call.step === step && n === 1 ? reply : undefined);
    await issue();
    expect(ca.issued).toBe(1);
  });

  it.each([
    ['null', { headers: { 'content-type': 'application/json' }, body: 'null' }],
    ['a list of numbers', { body: [5] }],
    [
      'fields of wrong types',
      { body: { status: 5, authorizations: [null], finalize: 'http://[', challenges: [null, 5] } },
    ],
    [
      'a problem of wrong types',
      { status: 403, body: { type: 5, detail: {}, subproblems: [null, { identifier: 5 }] } },
    ],
    ['a problem whose list is none', { status: 403, body: { type: null, subproblems: 'all' } }],
    ['a redirect', { status: 307, headers: { location: '/elsewhere' } }],
  ])('A11, A13, A40: ends in an error that tells of the CA when it is %s', async (what, reply) => {
    ca.mood = (call) => (call.step === step ? reply : undefined);
    if (step === 'order') ca.orderFollows = false;
    const error = await failure(issue({ timeoutMs: 600, maxWaitMs: 0 }));
    expect([what, error.name, error.message]).toEqual([what, 'AcmeError', expect.stringMatching(/^acme: /u)]);
    expect(ca.issued).toBe(step === 'certificate' ? 1 : 0);
  });
});

it('A9: goes on with an order whose finalization was done but not told', async () => {
  ca.mood = ({ step }) => (step === 'finalize' ? { ...problem(500, 'serverInternal'), afterwards: true } : undefined);
  await failure(issue({ maxWaitMs: 0 }));
  ca.mood = undefined;
  const kept = pending?.keyPem;
  const issued = await issue();
  expect([ca.issued, ca.orders.length, issued.keyPem]).toEqual([1, 1, kept]);
});

describe('the order of an earlier run', () => {
  beforeEach(async () => {
    ca.mood = ({ step }) => (step === 'finalize' ? { status: 503 } : undefined);
    await failure(issue({ maxWaitMs: 0 }));
    ca.mood = undefined;
    expect(pending?.url).toBe(`${ca.url}/order/1`);
  });

  it('is finalized with its key, and nothing is published again', async () => {
    published = [];
    const issued = await issue();
    expect([ca.orders.length, published, issued.keyPem]).toEqual([1, [], pending?.keyPem]);
  });

  it.each([
    ['500 serverInternal', problem(500, 'serverInternal')],
    ['429 rateLimited', problem(429, 'rateLimited')],
    ['200 with half a body', { body: '{"status": "rea', headers: { 'content-type': 'application/json' } }],
    ['403 accountDoesNotExist', problem(403, 'accountDoesNotExist')],
  ])('is kept when the CA only fails to show it: %s', async (_, reply) => {
    ca.mood = ({ step }) => (step === 'order' ? reply : undefined);
    const error = await failure(issue({ maxWaitMs: 0 }));
    expect([error.name, ca.orders.length, pending?.url]).toEqual(['AcmeError', 1, `${ca.url}/order/1`]);
  });

  it.each([
    ['404', { status: 404 }],
    ['404 malformed', problem(404, 'malformed')],
    ['403 unauthorized', problem(403, 'unauthorized')],
  ])('is forgotten when the CA has none: %s', async (_, reply) => {
    ca.mood = ({ step }, n) =>
      step === 'order' && n <= ca.count('order') && ca.orders.length === 1 ? reply : undefined;
    await issue();
    expect(ca.orders).toHaveLength(2);
  });

  it('is forgotten when other names are wanted', async () => {
    await issue({ names: ['example.org'] });
    expect(ca.orders.map(({ names }) => names)).toEqual([['example.com'], ['example.org']]);
  });

  it('A18: is finalized when it was left processing and comes back ready', async () => {
    let looks = 0;
    ca.mood = ({ step }) => {
      if (step !== 'order') return undefined;
      looks += 1;
      return looks === 1
        ? { body: { status: 'processing', authorizations: [], finalize: `${ca.url}/finalize/1` } }
        : undefined;
    };
    await issue();
    expect(ca.issued).toBe(1);
  });
});

describe('A38: a certificate that must not be installed', () => {
  const garbage = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  const spoiled: [string, Partial<HostileCa>, string][] = [
    ['has other names', { rename: () => ['example.org'] }, 'names example.org instead of example.com'],
    ['has expired', { validity: [-90, -1] }, 'expired'],
    ['begins in a year', { validity: [365, 400] }, 'is not valid before'],
    ['is missing', { chain: () => 'nothing here' }, 'sent no certificate'],
    ['is garbage in PEM', { chain: () => garbage }, 'cannot be read'],
  ];
  it.each(spoiled)('%s: it is refused, and the next run orders anew', async (_, spoil, why) => {
    const { rename, validity, chain } = ca;
    Object.assign(ca, spoil);
    const error = await failure(issue());
    expect([error.code, error.message]).toEqual(['ACME_CERTIFICATE', expect.stringContaining(why)]);
    Object.assign(ca, { rename, validity, chain });
    expect(namesIn((await issue()).certificatePem)).toBe('DNS:example.com');
    expect(ca.orders).toHaveLength(2);
  });
});

it('A39: waits for a certificate that is not there yet', async () => {
  ca.mood = ({ step }, n) => (step === 'certificate' && n < 3 ? { status: n === 1 ? 404 : 425 } : undefined);
  await issue();
  expect(ca.count('certificate')).toBe(3);
});

it('A37: reads a chain with CRLF, text around it and its root, in any order', async () => {
  ca.chain = (leaf) => `subject=x\r\n${ca.issuerPem.replaceAll('\n', '\r\n')}\r\n${leaf}\r\ntrailing`;
  const issued = await issue();
  expect(namesIn(issued.certificatePem)).toBe('DNS:example.com');
});

it('A37: goes on with the default chain when an alternate cannot be had', async () => {
  ca.mood = ({ step, url }) => {
    if (step !== 'certificate') return undefined;
    if (url.includes('broken')) return { status: 500 };
    const links = `<${ca.url}/directory>;rel="index", <${ca.url}/certificate/broken>;rel="alternate", <http://[>;rel=alternate`;
    return { headers: { link: links }, body: ca.chain(ca.orders[0]?.pem ?? '') };
  };
  await issue({ settings: { preferredChain: 'Other Root' }, maxWaitMs: 0 });
  expect(ca.issued).toBe(1);
});

it('A17: finalizes again when the CA needed a moment to see that the order is ready', async () => {
  ca.mood = ({ step }, n) => (step === 'finalize' && n < 3 ? problem(403, 'orderNotReady') : undefined);
  await issue();
  expect([ca.count('finalize'), ca.issued]).toEqual([3, 1]);
});

it('A15: keeps an order that stays processing, and does not poll it without pause', async () => {
  ca.mood = ({ step }) => {
    if (step !== 'finalize' && (step !== 'order' || ca.count('finalize') === 0)) return undefined;
    const body = { status: 'processing', authorizations: [], finalize: `${ca.url}/finalize/1` };
    return { headers: { 'retry-after': '0' }, body };
  };
  const error = await failure(issue({ timeoutMs: 1_000 }));
  expect([error.code, pending?.url]).toEqual(['ACME_TIMEOUT', `${ca.url}/order/1`]);
  expect(ca.count('order')).toBeLessThan(8);
});

it('A19: tells of every name when the order becomes invalid at finalization', async () => {
  const type = 'urn:ietf:params:acme:error:caa';
  ca.mood = ({ step }) =>
    step === 'finalize'
      ? problem(403, 'caa', {
          subproblems: ['a.example.com', 'b.example.com'].map((value) => ({
            type,
            detail: 'forbidden',
            identifier: { value },
          })),
        })
      : undefined;
  const error = await failure(issue({ names: ['a.example.com', 'b.example.com'] }));
  expect(error.code).toBe('ACME_CAA');
  expect(error.message).toMatch(/a\.example\.com: forbidden.*b\.example\.com: forbidden/u);
});

it('tells what the CA found for each name that failed, and the next run orders anew', async () => {
  ca.verdict = (name) => (name.startsWith('bad') ? 'invalid' : 'valid');
  const names = ['bad.example.com', 'good.example.com'];
  const error = await failure(issue({ names }));
  expect([error.code, error.message]).toEqual([
    'ACME_DNS',
    expect.stringContaining('no TXT record at bad.example.com'),
  ]);
  expect(error.message).not.toContain('good.example.com:');
  ca.verdict = () => 'valid';
  await issue({ names });
  expect(ca.orders).toHaveLength(2);
});

it('tells each name even where the order has an error of its own that names none', async () => {
  ca.verdict = () => 'invalid';
  ca.mood = ({ step }) => {
    const [order] = ca.orders;
    if (step === 'order' && order) order.error = { type: 'urn:ietf:params:acme:error:malformed', detail: 'failed' };
    return undefined;
  };
  const error = await failure(issue());
  expect(error.message).toContain('no TXT record at example.com');
});

it('A26: sees an authorization fail although the order never hears of it', async () => {
  ca.orderFollows = false;
  ca.verdict = () => 'invalid';
  const error = await failure(issue({ timeoutMs: 10_000 }));
  expect([error.code, error.message]).toEqual(['ACME_DNS', expect.stringContaining('no TXT record at example.com')]);
});

it('A23: passes over challenges it does not know', async () => {
  ca.extraChallenges = [{ type: 'dns-persist-01' }, null, 'x', { type: 'dns-account-01', url: 5 }];
  await issue();
  expect(ca.issued).toBe(1);
});

it('A25: says what is offered when dns-01 is not', async () => {
  ca.dns01 = false;
  ca.extraChallenges = [{ type: 'http-01', url: 'http://127.0.0.1/', token: 'x' }];
  const error = await failure(issue());
  expect([error.code, error.message]).toEqual(['ACME_NO_DNS01', expect.stringContaining('it offers http-01')]);
  expect(published).toEqual([]);
});

it('an authorization that can no longer be used does not block the next run', async () => {
  ca.mood = ({ step }, n) =>
    step === 'authorization' && n === 1
      ? { body: { identifier: { value: 'example.com' }, status: 'deactivated', challenges: [] } }
      : undefined;
  await failure(issue());
  await issue();
  expect([ca.orders.length, ca.issued]).toEqual([2, 1]);
});

it('A22: finalizes an order that arrives ready without publishing anything', async () => {
  ca.mood = ({ step }) => {
    if (step !== 'newOrder') return undefined;
    ca.orders.push({ id: 1, names: ['example.com'], status: 'ready' });
    const body = { status: 'ready', authorizations: [`${ca.url}/authorization/1/0`], finalize: `${ca.url}/finalize/1` };
    return { status: 201, headers: { location: `${ca.url}/order/1` }, body };
  };
  await issue();
  expect([ca.issued, published]).toEqual([1, []]);
});

it('A32: refuses a profile that the CA does not offer before anything is ordered', async () => {
  ca.meta = { profiles: { classic: 'https://example.com' } };
  const error = await failure(issue({ settings: { profile: 'short' } }));
  expect([error.code, error.hint, ca.orders]).toEqual(['CONFIG', 'it offers classic', []]);
});

it('A45: stops at once when the CA has paused the name, and shows the whole address', async () => {
  const address = `https://portal.example/sfe/v1/unpause?jwt=${'x'.repeat(900)}`;
  ca.mood = ({ step }) =>
    step === 'newOrder' ? problem(429, 'rateLimited', { detail: `Paused. Please visit: ${address}` }) : undefined;
  const error = await failure(issue());
  expect([error.code, ca.count('newOrder'), error.message.includes(address)]).toEqual(['ACME_RATE_LIMITED', 1, true]);
});
