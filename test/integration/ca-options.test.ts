import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { startAcmeProxy } from '../helpers/acme-proxy.ts';
import { problem } from '../helpers/hostile-ca.ts';
import {
  cert,
  env,
  folder,
  NO_CA,
  obtain,
  openssl,
  record,
  renew,
  SANDBOX,
  start,
  store,
  stored,
} from '../helpers/own-store.ts';
import { startSandboxProcess } from '../helpers/sandbox.ts';
import { argsFor, bindEnv, describeWith, type Lab, quoin, runArgs, startLab } from '../helpers/servers.ts';
import { type SmallWorld, startSmallWorld } from '../helpers/small-world.ts';

const at = (file: string) => join(folder, file);
const keyOf = (file: string) => createPublicKey(createPrivateKey(readFileSync(file, 'utf8')));

/** A new EC key, and a request for these names. */
function makeRequest(name: string, names: readonly string[], ...more: string[]): void {
  const san = `subjectAltName=${names.map((one) => (/^[\d.]+$/u.test(one) ? `IP:${one}` : `DNS:${one}`)).join(',')}`;
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
  openssl('req', '-new', ...key, '-subj', '/O=Example', '-addext', san, '-out', `${name}.csr`, ...more);
}

describeWith(['openssl', 'dig'], 'a certificate request of the user', () => {
  it.each([
    ['PEM', []],
    ['DER', ['-outform', 'DER']],
  ])('in %s names the domains; no key is stored, and renew goes by the record', async (_, form) => {
    await startSandboxProcess([], env);
    const names = ['a.example.test', '*.xn--bcher-kva.example.test'];
    makeRequest('mine', names, ...form);
    const { action, certificate } = await obtain('--csr', 'mine.csr');
    expect([action, certificate.name, certificate.names]).toEqual(['issued', names[0], names]);
    expect(existsSync(stored('a.example.test.key'))).toBe(false);
    expect(cert('a.example.test').publicKey.equals(keyOf(at('mine.key')))).toBe(true);
    expect((await obtain('--csr', 'mine.csr')).action).toBe('unchanged');
    const { serialNumber } = cert('a.example.test');
    rmSync(at('mine.csr'));
    expect(await renew(['--renew-force'])).toMatchObject([{ name: names[0], action: 'renewed' }]);
    expect(cert('a.example.test').serialNumber).not.toBe(serialNumber);
    expect(cert('a.example.test').publicKey.equals(keyOf(at('mine.key')))).toBe(true);
    expect(existsSync(stored('a.example.test.key'))).toBe(false);
  });

  it('with another key is obtained at once, and a key that was stored before is kept aside', async () => {
    await startSandboxProcess([], env);
    await obtain('-d', 'a.example.test');
    makeRequest('mine', ['a.example.test'], '-addext', 'tlsfeature=status_request');
    expect((await obtain('--csr', 'mine.csr', '--must-staple')).action).toBe('renewed');
    expect([existsSync(stored('a.example.test.key')), existsSync(stored('a.example.test.key.old'))]).toEqual([
      false,
      true,
    ]);
    expect(openssl('x509', '-in', stored('a.example.test.crt'), '-noout', '-text')).toContain('status_request');
    makeRequest('other', ['a.example.test']);
    expect((await obtain('--csr', 'other.csr')).action).toBe('renewed');
    expect(cert('a.example.test').publicKey.equals(keyOf(at('other.key')))).toBe(true);
  });
});

describeWith(['openssl'], 'what makes no sense is refused before a CA is asked', () => {
  beforeEach(() => {
    makeRequest('mine', ['a.example.test']);
    makeRequest('ip', ['a.example.test', '192.0.2.1']);
    writeFileSync(at('text'), 'no request');
    const der = execFileSync('openssl', ['req', '-in', at('mine.csr'), '-outform', 'DER']);
    der[der.length - 1]! ^= 1;
    writeFileSync(at('broken.csr'), der);
    openssl('genpkey', '-algorithm', 'ed25519', '-out', 'ed25519.key');
    openssl('genpkey', '-algorithm', 'rsa', '-pkeyopt', 'rsa_keygen_bits:1024', '-out', 'small.key');
    openssl('ec', '-in', 'mine.key', '-aes128', '-passout', 'pass:x', '-out', 'locked.key');
  });

  it('names the flag or the file, exit code 2', async () => {
    const rows: [string[], string][] = [
      [['--csr', 'mine.csr', '--pem'], '--pem needs the private key'],
      [['--csr', 'mine.csr', '--pfx'], '--pfx needs the private key'],
      [['--csr', 'mine.csr', '-d', 'b.example.test'], '--csr and --domains do not go together'],
      [['--csr', 'mine.csr', '--private-key', 'mine.key'], '--csr and --private-key do not go together'],
      [['--csr', 'mine.csr', '--must-staple'], '--must-staple needs a certificate request that asks for it'],
      [['--csr', 'ip.csr'], 'asks for ip 192.0.2.1'],
      [['--csr', 'broken.csr'], 'has a signature that does not hold'],
      [['--csr', 'text'], 'is no certificate request'],
      [['--csr', 'none'], 'cannot read'],
      [['-d', 'a.example.test', '--private-key', 'locked.key'], 'holds no private key that can be read'],
      [['-d', 'a.example.test', '--private-key', 'ed25519.key'], 'of a kind that CAs do not certify'],
      [['-d', 'a.example.test', '--private-key', 'small.key'], 'of a kind that CAs do not certify'],
      [['-d', 'a.example.test', '--cert.owner', 'no-such-user'], 'there is no user no-such-user'],
      [['-d', 'a.example.test', '--cert.mode', '999'], '--cert.mode'],
      [['-d', 'a.example.test', '--not-after', 'soon'], '--not-after'],
    ];
    const results = await Promise.all(
      rows.map(async ([flags, expected]) => {
        const { code, stderr } = await start(['run', ...NO_CA, ...flags], { EXEC_PATH: '/bin/true' });
        return [flags.join(' '), code, stderr.includes(expected) ? expected : stderr];
      }),
    );
    expect(results).toEqual(rows.map(([flags, expected]) => [flags.join(' '), 2, expected]));
    expect(existsSync(join(store, 'accounts'))).toBe(false);
  });
});

describeWith(['openssl', 'dig'], 'keys and what is in the certificate', () => {
  it('--private-key certifies that key, and the one that the file holds at the next renewal', async () => {
    await startSandboxProcess([], env);
    openssl('ecparam', '-genkey', '-name', 'secp384r1', '-noout', '-out', 'mine.key');
    await obtain('-d', 'a.example.test', '--private-key', 'mine.key');
    const first = keyOf(at('mine.key'));
    expect([cert('a.example.test').publicKey.equals(first), record('a.example.test').keyType]).toEqual([true, 'ec384']);
    expect(keyOf(stored('a.example.test.key')).equals(first)).toBe(true);
    expect((await obtain('-d', 'a.example.test', '--private-key', 'mine.key')).action).toBe('unchanged');
    await renew(['--renew-force']);
    expect(cert('a.example.test').publicKey.equals(first)).toBe(true);
    openssl('genrsa', '-traditional', '-out', 'mine.key', '2048');
    await renew(['--renew-force']);
    expect(cert('a.example.test').publicKey.equals(keyOf(at('mine.key')))).toBe(true);
  });

  it('--reuse-key keeps the key although the names change', async () => {
    await startSandboxProcess([], env);
    await obtain('-d', 'a.example.test', '--reuse-key');
    const { publicKey } = cert('a.example.test');
    expect((await obtain('-d', 'a.example.test', '-d', 'b.example.test', '--reuse-key')).action).toBe('renewed');
    expect(cert('a.example.test').publicKey.equals(publicKey)).toBe(true);
  });

  it('--must-staple, --disable-cn, --no-bundle, --profile, --not-after show in it', async () => {
    await startSandboxProcess([], env);
    const text = (name: string) => openssl('x509', '-in', stored(`${name}.crt`), '-noout', '-text');
    await obtain('-d', 'a.example.test');
    expect(text('a.example.test')).toContain('CN = a.example.test');
    expect(text('a.example.test')).not.toContain('status_request');
    const end = new Date(Date.now() + 9 * 86_400_000);
    end.setMilliseconds(0);
    const flags = ['--must-staple', '--disable-cn', '--no-bundle', '--not-after', end.toISOString()];
    expect((await obtain('-d', 'a.example.test', ...flags)).action).toBe('renewed');
    expect(text('a.example.test')).toContain('status_request');
    expect(text('a.example.test')).not.toContain('CN = a.example.test');
    expect(new Date(cert('a.example.test').validTo)).toEqual(end);
    expect(readFileSync(stored('a.example.test.crt'), 'utf8').match(/BEGIN/gu)).toHaveLength(1);
    const short = await obtain('-d', 'a.example.test', '--profile', 'shortlived');
    const hours = (Date.parse(short.certificate.notAfter) - Date.parse(short.certificate.notBefore)) / 3_600_000;
    expect([short.action, Math.round(hours)]).toEqual(['renewed', 160]);
    expect(readFileSync(stored('a.example.test.crt'), 'utf8').match(/BEGIN/gu)).toHaveLength(2);
  });

  it('tells what the CA says to a time or a profile that it does not grant', async () => {
    await startSandboxProcess([], env);
    const late = await start(['run', ...SANDBOX, '-d', 'a.example.test', '--not-after', '2199-01-01T00:00:00Z']);
    expect([late.code, late.stderr]).toEqual([
      3,
      expect.stringContaining('certificates are valid for 7776000 seconds'),
    ]);
    const none = await start(['run', ...SANDBOX, '-d', 'a.example.test', '--profile', 'gold']);
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('offers no profile gold') });
    expect(none.stderr).toContain('it offers classic, tlsserver, shortlived');
  });
});

describe('what the CA gets', () => {
  const NAME = 'a.example.test';
  let world: SmallWorld;
  beforeEach(async () => {
    world = await startSmallWorld();
  });
  afterEach(() => world.stop());
  const payloads = (step: string) =>
    world.ca.calls.flatMap((call) => (call.step === step && call.payload ? [call.payload] : []));
  const csr = () =>
    new x509.Pkcs10CertificateRequest(Buffer.from(String(payloads('finalize').at(-1)?.csr), 'base64url'));

  it('--not-before, --not-after and --profile in the order; a certificate that begins later is taken', async () => {
    world.ca.meta = { profiles: { short: 'a short one' } };
    world.ca.validity = [10, 40];
    const day = (n: number) => new Date(Date.now() + n * 86_400_000).toISOString();
    const [notBefore, notAfter] = [day(10), day(40)];
    const { code, json } = await world.runJson(
      [NAME],
      ['--not-before', notBefore, '--not-after', notAfter, '--profile', 'short'],
    );
    expect([code, json.action]).toEqual([0, 'issued']);
    expect(payloads('newOrder')).toMatchObject([{ notBefore, notAfter, profile: 'short' }]);
  });

  it('nothing of all that where it was not asked for; and its refusal is told', async () => {
    await world.runJson([NAME]);
    expect(Object.keys(payloads('newOrder')[0] ?? {})).toEqual(['identifiers']);
    world.ca.mood = ({ step, payload }) =>
      step === 'newOrder' && payload?.notAfter
        ? problem(400, 'malformed', { detail: 'NotAfter is not supported' })
        : undefined;
    const refused = await world.runJson([NAME], ['--renew-force', '--not-after', '2030-01-01T00:00:00Z']);
    expect([refused.code, refused.json.error.message]).toEqual([
      3,
      expect.stringContaining('NotAfter is not supported'),
    ]);
    const unknown = await world.runJson([NAME], ['--renew-force', '--profile', 'short']);
    expect([unknown.code, unknown.json.error.hint]).toEqual([2, expect.stringContaining('it offers none')]);
    expect(world.ca.count('newOrder')).toBe(2);
  });

  it('a request with the common name and without must-staple, unless told otherwise', async () => {
    const feature = () => csr().getExtension('1.3.6.1.5.5.7.1.24')?.value as Uint8Array | undefined;
    await world.runJson([NAME]);
    expect([csr().subject, feature()]).toEqual([`CN=${NAME}`, undefined]);
    await world.runJson([NAME], ['--disable-cn', '--must-staple']);
    expect([csr().subject, Buffer.from(feature() ?? []).toString('hex')]).toEqual(['', '3003020105']);
  });

  it('--user-agent before our own, in every request', async () => {
    await world.runJson([NAME], ['--user-agent', 'Example-Corp/7 (mailto:ops@example.test)']);
    const agents = new Set(world.ca.calls.map(({ userAgent }) => userAgent));
    expect([...agents]).toEqual([expect.stringMatching(/^Example-Corp\/7 \(mailto:ops@example\.test\) quoin\/\d/u)]);
  });

  it('the authorizations back of an order that came to nothing, which is not gone on with', async () => {
    world.api.handle = async ({ action }) => (action === 'present' ? 500 : undefined);
    const failed = await world.runJson([NAME], ['--always-deactivate-authorizations']);
    expect([failed.code, payloads('authorization')]).toEqual([4, [{ status: 'deactivated' }]]);
    delete world.api.handle;
    const again = await world.runJson([NAME]);
    expect([again.code, again.stderr]).toEqual([0, expect.not.stringContaining('resuming')]);
    expect([world.ca.count('newOrder'), payloads('authorization').length]).toEqual([2, 1]);
  });

  it('no more requests in a second than --overall-request-limit', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'].map((label) => `${label}.example.test`);
    const begun = performance.now();
    const { code } = await world.runJson(names, ['--overall-request-limit', '20']);
    expect([code, world.ca.calls.length > 20]).toEqual([0, true]);
    // Whatever the machine is busy with: the n-th request cannot arrive before its turn.
    const early = world.ca.calls.filter(({ at: arrived }, n) => arrived - begun < n * 50 - 1);
    expect(early).toEqual([]);
  });
});

describeWith(['pebble', 'named', 'dig', 'openssl'], 'Pebble', () => {
  let lab: Lab;
  beforeAll(async () => {
    // It takes every authorization that it can once more.
    lab = await startLab({ authzReuse: 100, alternateRoots: 2 });
  });
  afterAll(() => lab.stop());
  const run = async (name: string, ...more: string[]) => {
    const ended = await quoin(runArgs(lab, store, [name], '--json', ...more), bindEnv(lab)).finished;
    return { ...ended, json: JSON.parse(ended.stdout) };
  };
  /** The common names of all roots. */
  const roots = async (): Promise<string[]> => {
    const { pebble } = JSON.parse(readFileSync(join(lab.folder, 'pebble.json'), 'utf8'));
    const ca = readFileSync(lab.caFile);
    const read = (path: string) =>
      new Promise<string>((resolve, reject) => {
        const headers = { 'user-agent': 'test' };
        const asked = request(`https://${pebble.managementListenAddress}${path}`, { ca, headers }, (answer) => {
          let text = '';
          answer.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text));
        });
        asked.on('error', reject).end();
      });
    const pems = await Promise.all([0, 1, 2].map((n) => read(`/roots/${n}`)));
    return pems.map((pem) => /CN=(.*)/u.exec(new X509Certificate(pem).subject)?.[1] ?? '');
  };

  it('--preferred-chain takes the chain to the root that is named, or the first one', async () => {
    const all = await roots();
    expect(new Set(all).size).toBe(3);
    const issuer = (name: string) => new X509Certificate(readFileSync(stored(`${name}.issuer.crt`))).issuer;
    for (const root of all) {
      expect((await run('a.example.test', '--preferred-chain', root)).code).toBe(0);
      expect(issuer('a.example.test')).toBe(`CN=${root}`);
      expect(
        cert('a.example.test').checkIssued(new X509Certificate(readFileSync(stored('a.example.test.issuer.crt')))),
      ).toBe(true);
    }
    const none = await run('a.example.test', '--preferred-chain', 'Nobody Root');
    expect([none.code, none.stderr]).toEqual([0, expect.stringContaining('no chain leads to Nobody Root')]);
    expect(issuer('a.example.test')).toBe(`CN=${all[0]}`);
    const shortest = await run('a.example.test', '--preferred-chain', 'shortest');
    expect([shortest.json.action, issuer('a.example.test')]).toEqual(['renewed', `CN=${all[0]}`]);
  });

  it('--always-deactivate-authorizations: the next order has to prove the name again', async () => {
    const give = '--always-deactivate-authorizations';
    await run('b.example.test', '--debug');
    const kept = await run('b.example.test', '--renew-force', give);
    expect([kept.code, kept.stderr.includes('published')]).toEqual([0, false]);
    const proved = await run('b.example.test', '--renew-force', give);
    expect([proved.code, proved.stderr]).toEqual([0, expect.stringContaining('published 1 TXT')]);
  });

  it('--always-deactivate-authorizations before anything was proved: the order is not tried again', async () => {
    const args = (dns: string) =>
      argsFor(dns, lab, store, ['d.example.test'], '--json', '--always-deactivate-authorizations');
    const failed = await quoin(args('exec'), { ...bindEnv(lab), EXEC_PATH: '/bin/false' }).finished;
    expect([failed.code, failed.stderr]).toEqual([4, expect.not.stringContaining('published 1 TXT')]);
    const again = await quoin(args('rfc2136'), bindEnv(lab)).finished;
    expect([again.code, again.stderr]).toEqual([0, expect.stringContaining('published 1 TXT')]);
  });

  it('--always-deactivate-authorizations after a failure, too; and the next run is not held up by it', async () => {
    const proxy = await startAcmeProxy(lab);
    proxy.intercept = async (step) => (step === 'finalize' ? 'drop' : undefined);
    const flags = ['--server', proxy.directoryUrl, '--max-wait', '0s', '--always-deactivate-authorizations'];
    try {
      const args = runArgs(
        { ...lab, directoryUrl: proxy.directoryUrl },
        store,
        ['c.example.test'],
        '--json',
        ...flags.slice(2),
      );
      const failed = await quoin(args, bindEnv(lab)).finished;
      expect([failed.code, JSON.parse(failed.stdout).error.code]).toEqual([3, 'ACME_UNAVAILABLE']);
      proxy.intercept = undefined;
      const again = await quoin(args, bindEnv(lab)).finished;
      expect([again.code, again.stderr]).toEqual([0, expect.stringContaining('published 1 TXT')]);
    } finally {
      await proxy.stop();
    }
  });
});
