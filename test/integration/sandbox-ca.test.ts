import { type ChildProcess, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import acmeClient from 'acme-client';
import { ensureAccount } from '../../src/acme/account.ts';
import { fetchDirectory } from '../../src/acme/client.ts';
import { type IssueRequest, issueCertificate } from '../../src/acme/issue.ts';
import type { Dns01 } from '../../src/acme/ports.ts';
import type { PendingOrder, StoredAccount } from '../../src/acme/storage.ts';
import { createTransport } from '../../src/http.ts';
import { silentLog } from '../../src/log.ts';
import { type Ca, type CaOptions, startCa } from '../../src/sandbox/ca/index.ts';
import { newFolder } from '../helpers/child.ts';
import { startDns, type TestDns } from '../helpers/dns-server.ts';
import { describeWith, freePort } from '../helpers/servers.ts';
import { makeCa } from '../helpers/tls.ts';
import { AcmeClient } from '../unit/sandbox/ca/client.ts';
import { csrFor, obtain } from '../unit/sandbox/ca/lab.ts';

let dns: TestDns;
beforeEach(async () => {
  dns = await startDns({ '127.0.0.2': { 'example.test': [['example.test', 'NS', 'ns.example.test']] } });
});
afterEach(() => dns.stop());

const start = (options: Partial<CaOptions> = {}): Promise<Ca> =>
  startCa({ port: 0, dnsServer: { address: '127.0.0.1', port: dns.port }, log: silentLog, ...options });

/** Quoin's own flow, from the directory to the certificate, without its command line. */
async function issue(ca: Ca, names: readonly string[], settings: Partial<IssueRequest['settings']> = {}, eab?: Eab) {
  const { signal } = new AbortController();
  const transport = createTransport({ log: silentLog, env: {}, timeoutMs: 10_000, caCertificates: [ca.rootPem] });
  const options = { transport, log: silentLog, signal, maxWaitMs: 60_000 };
  const directory = await fetchDirectory(ca.directoryUrl, options);
  let account: StoredAccount | undefined;
  const accounts = {
    loadAccount: async () => account,
    saveAccount: async (saved: StoredAccount) => {
      account = saved;
    },
  } as any;
  const who = {
    directory,
    id: 'a@example.test',
    email: 'a@example.test',
    keyType: 'ec256',
    acceptTos: true,
    eab,
  } as const;
  const acme = await ensureAccount(who, accounts, options);
  let pending: PendingOrder | undefined;
  const store = {
    readPending: async () => pending,
    writePending: async (_: string, order: PendingOrder) => {
      pending = order;
    },
    removePending: async () => {
      pending = undefined;
    },
  };
  const solver: Dns01 = {
    turns: async (challenges) => (challenges.length > 0 ? [challenges] : []),
    async solve(challenges, whileVisible) {
      for (const { fqdn, value } of challenges) dns.publish(fqdn, value);
      return whileVisible();
    },
  };
  const all = {
    accountId: 'a',
    dns: ['manual'],
    keyType: 'ec256',
    mustStaple: false,
    bundle: true,
    names,
    ...settings,
  };
  const request = {
    name: names[0] ?? '',
    settings: { directoryUrl: ca.directoryUrl, ...all },
    commonName: true,
    timeoutMs: 60_000,
  };
  return issueCertificate(request, { acme, dns: solver, store, log: silentLog, signal });
}
type Eab = { readonly kid: string; readonly hmacKey: string };

/** Whether a PEM chain leads to this root, by OpenSSL's code. */
function leadsTo(rootPem: string, chainPem: string): boolean {
  const chain = (chainPem.match(/-----BEGIN.*?END CERTIFICATE-----/gsu) ?? []).map((pem) => new X509Certificate(pem));
  return [...chain, new X509Certificate(rootPem)].every((certificate, index, all) => {
    const issuer = all[index + 1] ?? certificate;
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  });
}

describe('quoin with the sandbox CA', () => {
  let ca: Ca;
  afterEach(() => ca.close());

  it('obtains certificates for a name and its wildcard', async () => {
    ca = await start();
    const { certificatePem } = await issue(ca, ['example.test', '*.example.test']);
    expect(new X509Certificate(certificatePem).subjectAltName).toBe('DNS:example.test, DNS:*.example.test');
    expect(leadsTo(ca.rootPem, certificatePem)).toBe(true);
  });

  it('obtains them over TCP where answers are truncated, and through CNAMEs', async () => {
    ca = await start();
    dns.resolver.mood = 'truncates';
    dns
      .at('127.0.0.2')
      .zones.get('example.test')!
      .push(['_acme-challenge.www.example.test', 'CNAME', 'to.example.test']);
    const solved = issue(ca, ['www.example.test', '*.sub.example.test'], {
      preferredChain: 'shortest',
      profile: 'tlsserver',
    });
    // The value is published where the CNAME leads.
    const publish = dns.publish.bind(dns);
    dns.publish = (name, value) =>
      publish(name === '_acme-challenge.www.example.test' ? 'to.example.test' : name, value);
    expect(new X509Certificate((await solved).certificatePem).subjectAltName).toContain('www.example.test');
    expect(dns.resolver.asked.some(({ over }) => over === 'tcp')).toBe(true);
  });

  it('obtains one from a CA that is all noise, and asks for an external account', async () => {
    const eab = { kid: 'kid-1', hmacKey: 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W' };
    const noise = {
      nonceRejectPercent: 20,
      delayMs: 5,
      processingMs: 300,
      retryAfterSeconds: 0,
      failures: [{ status: 503, rate: 0.05 }],
    };
    ca = await start({ noise, externalAccounts: [eab] });
    await expect(issue(ca, ['example.test'])).rejects.toMatchObject({ name: 'ConfigError' });
    const { certificatePem } = await issue(ca, ['example.test'], {}, eab);
    expect(leadsTo(ca.rootPem, certificatePem)).toBe(true);
  });

  it('takes the chain to the other root when it is preferred', async () => {
    ca = await start();
    const client = await AcmeClient.start(ca.directoryUrl, ca.rootPem);
    const lab = { dns: { txt: (name: string, value: string) => dns.publish(name, value) } };
    const { certificate } = await obtain(lab as any, client, ['first.example.test']);
    const url = /<([^>]+)>;rel="alternate"/u.exec(certificate.headers.link)?.[1] ?? '';
    const [, cross = ''] = (await client.post(url, null)).text.match(/-----BEGIN.*?END CERTIFICATE-----/gsu) ?? [];
    client.stop();
    const preferredChain = /CN=(.*)/u.exec(new X509Certificate(cross).issuer)?.[1] ?? '';
    const { issuerPem } = await issue(ca, ['example.test'], { preferredChain });
    expect(new X509Certificate(issuerPem).raw.equals(new X509Certificate(cross).raw)).toBe(true);
  });

  it('obtains a hundred names', async () => {
    ca = await start();
    const names = Array.from({ length: 100 }, (_, i) => `n${i}.example.test`);
    const { certificatePem } = await issue(ca, names);
    expect(new X509Certificate(certificatePem).subjectAltName?.split(', ')).toHaveLength(100);
  });

  it('hears why it is refused', async () => {
    ca = await start();
    dns.publish = () => {};
    await expect(issue(ca, ['a.example.test', 'b.example.test'])).rejects.toMatchObject({
      code: 'ACME_DNS',
      message: expect.stringMatching(/a\.example\.test: NXDOMAIN.*b\.example\.test: NXDOMAIN/u),
    });
  });
});

it('acme-client, which knows nothing of it, obtains a certificate', async () => {
  const ca = await start();
  const { Client, axios, crypto } = acmeClient;
  const { Agent } = await import('node:https');
  axios.defaults.httpsAgent = new Agent({ ca: ca.rootPem });
  try {
    const client = new Client({ directoryUrl: ca.directoryUrl, accountKey: await crypto.createPrivateKey(2048) });
    const [, csr] = await crypto.createCsr({ altNames: ['example.test', '*.example.test'] });
    const pem = await client.auto({
      csr,
      email: 'a@example.test',
      termsOfServiceAgreed: true,
      challengePriority: ['dns-01'],
      skipChallengeVerification: true,
      challengeCreateFn: async ({ identifier }, _, value) => dns.publish(`_acme-challenge.${identifier.value}`, value),
      challengeRemoveFn: async ({ identifier }, _, value) => dns.withdraw(`_acme-challenge.${identifier.value}`, value),
    });
    expect(leadsTo(ca.rootPem, pem)).toBe(true);
    await client.revokeCertificate(pem, { reason: 4 });
    await expect(client.revokeCertificate(pem)).rejects.toThrow('revoked already');
  } finally {
    await ca.close();
  }
});

const NEW_PEBBLE = join(homedir(), '.cache/quoin-lab/pebble/usr/bin/pebble');
const pebbleProgram = existsSync(NEW_PEBBLE) ? NEW_PEBBLE : 'pebble';

describeWith([pebbleProgram, 'openssl'], 'the sandbox CA and Pebble', () => {
  let ca: Ca;
  let pebble: { readonly url: string; readonly rootPem: string; readonly child: ChildProcess };

  async function startPebble() {
    const folder = newFolder();
    const authority = makeCa();
    const { key, cert } = authority.issue('IP:127.0.0.1');
    authority.remove();
    writeFileSync(join(folder, 'key.pem'), key);
    writeFileSync(join(folder, 'cert.pem'), cert);
    const [port, managementPort] = await Promise.all([freePort(), freePort()]);
    const config = {
      listenAddress: `127.0.0.1:${port}`,
      managementListenAddress: `127.0.0.1:${managementPort}`,
      certificate: join(folder, 'cert.pem'),
      privateKey: join(folder, 'key.pem'),
      httpPort: 5002,
      tlsPort: 5001,
      ocspResponderURL: '',
      externalAccountBindingRequired: false,
    };
    writeFileSync(join(folder, 'pebble.json'), JSON.stringify({ pebble: config }));
    const args = ['-config', join(folder, 'pebble.json'), '-dnsserver', `127.0.0.1:${dns.port}`];
    const env = { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0', PEBBLE_AUTHZREUSE: '0' };
    const child = spawn(pebbleProgram, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error('pebble ended')));
      child.stdout.on('data', (chunk: Buffer) => String(chunk).includes('ACME directory available') && resolve());
    });
    return { url: `https://127.0.0.1:${port}/dir`, rootPem: authority.cert, child };
  }
  beforeEach(async () => {
    [ca, pebble] = await Promise.all([start(), startPebble()]);
  });
  afterEach(async () => {
    pebble.child.kill();
    await ca.close();
  });

  /** What a CA says to each mistake: status and type. */
  async function refusals(directoryUrl: string, rootPem: string): Promise<Record<string, string>> {
    const report: Record<string, string> = {};
    const client = await AcmeClient.start(directoryUrl, rootPem);
    const kid = client.kid!;
    const say = async (what: string, asking: ReturnType<AcmeClient['post']>) => {
      const { status, kind } = await asking;
      report[what] = `${status} ${kind}`;
    };
    const order = await client.newOrder(['example.test']);
    const pendingCsr = await csrFor(['example.test']);
    await say('bad nonce', client.post(kid, null, { header: { nonce: 'AAAA' } }));
    await say('no nonce', client.post(kid, null, { header: { nonce: undefined } }));
    await say('wrong url', client.post(kid, null, { header: { url: `${kid}0` } }));
    await say(
      'jwk for kid',
      client.post(client.directory.newOrder, {}, { header: { kid: undefined, jwk: client.keys.jwk } }),
    );
    await say('kid for jwk', client.post(client.directory.newAccount, {}));
    await say('both', client.post(client.directory.newOrder, {}, { header: { jwk: client.keys.jwk } }));
    await say('unknown kid', client.post(client.directory.newOrder, {}, { header: { kid: `${kid}0` } }));
    await say('content type', client.post(kid, null, { headers: { 'content-type': 'application/json' } }));
    await say('finalize pending', client.post(order.body.finalize, { csr: pendingCsr }));
    await say('bad profile', client.newOrder(['example.test'], { profile: 'nonsense' }));
    await say('no identifiers', client.newOrder([]));
    await say('not a name', client.newOrder(['a b']));
    await say('contact', client.post(kid, { contact: ['tel:1'] }));
    await say('GET', client.send('GET', order.headers.location) as any);
    await say('bad signature', client.post(kid, null, { spoil: (jws) => ({ ...jws, signature: 'AAAA' }) }));
    await say('unprotected header', client.post(kid, null, { spoil: (jws) => ({ ...jws, header: {} }) }));

    const other = await AcmeClient.start(directoryUrl, rootPem, false);
    await say('no such account', other.register({ onlyReturnExisting: true }));
    await say('no agreement', other.register({}));

    const authorization = await client.post(order.body.authorizations[0], null);
    const challenge = authorization.body.challenges.find(({ type }: any) => type === 'dns-01');
    dns.publish('_acme-challenge.example.test', await client.txtValue(challenge.token));
    await client.post(challenge.url, {});
    await client.settled(order.headers.location);
    await say('CSR of other names', client.post(order.body.finalize, { csr: await csrFor(['other.test']) }));
    client.stop();
    other.stop();
    return report;
  }

  it('refuse the same things with the same words, but where Pebble departs from RFC 8555', async () => {
    const ours = await refusals(ca.directoryUrl, ca.rootPem);
    const theirs = await refusals(pebble.url, pebble.rootPem);
    const differences = {
      'wrong url': { ours: '403 unauthorized', theirs: '400 malformed' }, // Section 6.4.
      'CSR of other names': { ours: '400 badCSR', theirs: '403 unauthorized' }, // Section 7.4.
    };
    const found = Object.keys({ ...ours, ...theirs }).filter((what) => ours[what] !== theirs[what]);
    expect(Object.fromEntries(found.map((what) => [what, { ours: ours[what], theirs: theirs[what] }]))).toEqual(
      differences,
    );
    expect(Object.keys(ours)).toHaveLength(19);
  });
});
