import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import makeFixture, { instance } from '../../../../fixtures/dns/oraclecloud.ts';
import oraclecloud from '../../../../src/dns/providers/oraclecloud.ts';
import { domainOf, signedHeaders } from '../../../../src/dns/vendors/oracle.ts';
import { fakeVendor } from './open.ts';

const name = '_acme-challenge.example.com';
const caught = (work: Promise<unknown>) => work.catch((error: unknown) => error as Error & { hint?: string });

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quoin-oci-'));
});
const file = (content: string): string => {
  const path = join(folder, String(Math.random()));
  writeFileSync(path, content, { mode: 0o600 });
  return path;
};

describe('signatures', () => {
  // The key, the requests and the signatures of https://docs.oracle.com/en-us/iaas/Content/API/Concepts/signingrequests.htm
  // ("Test Values"), as in https://github.com/oracle/oci-go-sdk/blob/master/common/http_signer_test.go
  const key = createPrivateKey(`-----BEGIN RSA PRIVATE KEY-----
MIICXgIBAAKBgQDCFENGw33yGihy92pDjZQhl0C36rPJj+CvfSC8+q28hxA161QF
NUd13wuCTUcq0Qd2qsBe/2hFyc2DCJJg0h1L78+6Z4UMR7EOcpfdUE9Hf3m/hs+F
UR45uBJeDK1HSFHD8bHKD6kv8FPGfJTotc+2xjJwoYi+1hqp1fIekaxsyQIDAQAB
AoGBAJR8ZkCUvx5kzv+utdl7T5MnordT1TvoXXJGXK7ZZ+UuvMNUCdN2QPc4sBiA
QWvLw1cSKt5DsKZ8UETpYPy8pPYnnDEz2dDYiaew9+xEpubyeW2oH4Zx71wqBtOK
kqwrXa/pzdpiucRRjk6vE6YY7EBBs/g7uanVpGibOVAEsqH1AkEA7DkjVH28WDUg
f1nqvfn2Kj6CT7nIcE3jGJsZZ7zlZmBmHFDONMLUrXR/Zm3pR5m0tCmBqa5RK95u
412jt1dPIwJBANJT3v8pnkth48bQo/fKel6uEYyboRtA5/uHuHkZ6FQF7OUkGogc
mSJluOdc5t6hI1VsLn0QZEjQZMEOWr+wKSMCQQCC4kXJEsHAve77oP6HtG/IiEn7
kpyUXRNvFsDE0czpJJBvL/aRFUJxuRK91jhjC68sA7NsKMGg5OXb5I5Jj36xAkEA
gIT7aFOYBFwGgQAQkWNKLvySgKbAZRTeLBacpHMuQdl1DfdntvAyqpAZ0lY0RKmW
G6aFKaqQfOXKCyWoUiVknQJAXrlgySFci/2ueKlIE1QqIiLSZ8V8OlpFLRnb1pzI
7U1yQXnTAEFYM560yJlzUpOb1V4cScGd365tiSMvxLOvTA==
-----END RSA PRIVATE KEY-----`);
  const identity = { key, keyId: 'tenancy/user/fingerprint' };
  const date = 'Thu, 05 Jan 2014 21:31:40 GMT';
  const compartment = 'ocid1.compartment.oc1..aaaaaaaam3we6vgnherjq5q2idnccdflvjsnog7mlr6rtdb25gilchfeyjxa';
  const volume = 'ocid1.volume.oc1.phx.abyhqljrgvttnlx73nmrwfaux7kcvzfs3s66izvxf2h4lgvyndsdsnoiwr5q';

  it('of a request without a body', () => {
    const url =
      'https://iaas.us-phoenix-1.oraclecloud.com/20160918/instances?availabilityDomain=Pjwf%3A%20PHX-AD-1' +
      `&compartmentId=${compartment}&displayName=TeamXInstances&volumeId=${volume}`;
    expect(signedHeaders(identity, { method: 'GET', url, body: '' }, { date })).toEqual({
      date,
      host: 'iaas.us-phoenix-1.oraclecloud.com',
      authorization:
        'Signature version="1",keyId="tenancy/user/fingerprint",algorithm="rsa-sha256",headers="date (request-target) host",' +
        'signature="GBas7grhyrhSKHP6AVIj/h5/Vp8bd/peM79H9Wv8kjoaCivujVXlpbKLjMPeDUhxkFIWtTtLBj3sUzaFj34XE6YZAHc9r2DmE4pMwOAy/' +
        'kiITcZxa1oHPOeRheC0jP2dqbTll8fmTZVwKZOKHYPtrLJIJQHJjNvxFWeHQjMaR7M="',
    });
  });

  it('of a request with a body', () => {
    const url = 'https://iaas.us-phoenix-1.oraclecloud.com/20160918/volumeAttachments';
    const instance = 'ocid1.instance.oc1.phx.abuw4ljrlsfiqw6vzzxb43vyypt4pkodawglp3wqxjqofakrwvou52gb6s5a';
    const body = `{\n    "compartmentId": "${compartment}",\n    "instanceId": "${instance}",\n    "volumeId": "${volume}"\n}`;
    expect(signedHeaders(identity, { method: 'POST', url, body }, { date })).toMatchObject({
      'content-length': '316',
      'x-content-sha256': 'V9Z20UJTvkvpJ50flBzKE32+6m2zJjweHpDMX/U4Uy0=',
      authorization: expect.stringContaining(
        'headers="date (request-target) host content-length content-type x-content-sha256",' +
          'signature="Mje8vIDPlwIHmD/cTDwRxE7HaAvBg16JnVcsuqaNRim23fFPgQfLoOOxae6WqKb1uPjYEl0qIdazWaBy/Ml8DRhqlocMwoSXv0fbukP8J5N' +
          '80LCmzT/FFBvIvTB91XuXI3hYfP9Zt1l7S6ieVadHUfqBedWH0itrtPJBgKmrWso="',
      ),
    });
  });
});

it.each([
  ['ocid1.tenancy.oc1..aaaa', 'oraclecloud.com'],
  ['ocid1.tenancy.oc3..aaaa', 'oraclegovcloud.com'],
  ['ocid1.tenancy.oc4..aaaa', 'oraclegovcloud.uk'],
  ['ocid1.tenancy.oc19..aaaa', 'oraclecloud.eu'],
  ['ocid1.tenancy.oc9..aaaa', 'oraclecloud9.com'],
  ['anything', 'oraclecloud.com'],
])('finds the realm of %s at %s', (ocid, domain) => {
  expect(domainOf(ocid)).toBe(domain);
});

it('waits for a zone that is busy', async () => {
  const fixture = makeFixture();
  const { dns, open } = await fakeVendor(oraclecloud, fixture);
  fixture.behaviour.busy = 2;
  await (await open()).add([{ fqdn: name, value: 'one' }]);
  expect(dns.txt(name)).toEqual(['one', 'someone-else']);
});

it('keeps the TTL of the set, and sends one change for each name', async () => {
  const { dns, open, logged } = await fakeVendor(oraclecloud, makeFixture());
  const session = await open({ OCI_TTL: '45' });
  const fresh = '_acme-challenge.new.example.com';
  await session.add([
    { fqdn: name, value: 'one' },
    { fqdn: name, value: 'two' },
    { fqdn: fresh, value: 'three' },
  ]);
  expect(
    dns
      .records('example.com')
      .map(({ fqdn, value, ttl }) => `${fqdn === name ? 'old' : 'new'} ${value} ${ttl}`)
      .sort(),
  ).toEqual(['new three 45', 'old one 300', 'old someone-else 300', 'old two 300']);
  expect(logged.filter((line) => /PATCH .* →/u.test(line))).toHaveLength(2);
});

it('asks for the compartment', async () => {
  const { open } = await fakeVendor(oraclecloud, makeFixture());
  const error = await caught((await open({ OCI_COMPARTMENT_OCID: 'another' })).add([{ fqdn: name, value: 'one' }]));
  expect(error).toMatchObject({ fault: 'zone' });
});

describe('instance principals', () => {
  it('keep their token, renew it before it runs out, and show neither it nor the key', async () => {
    const fixture = instance();
    const { dns, open, logged } = await fakeVendor(oraclecloud, fixture);
    await (await open()).add([{ fqdn: name, value: 'one' }]);
    expect(fixture.sessions.size).toBe(1);
    fixture.behaviour.lifetime = 59;
    await (await open()).add([{ fqdn: name, value: 'two' }]);
    expect(fixture.sessions.size).toBeGreaterThan(2);
    expect(dns.txt(name)).toEqual(['one', 'someone-else', 'two']);
    expect(logged.join('\n')).not.toMatch(/eyJhbGciOiJSUzI1NiJ9|MII[\w+/]{40}.*PRIVATE KEY/u);
  });

  it.each(['error page', 'lost answer'] as const)(
    'survive one failure (%s), whichever request it hits',
    async (how) => {
      const { dns, server, open } = await fakeVendor(oraclecloud, instance());
      for (let n = 1; ; n += 1) {
        server.failRequest(n, how);
        await (await open()).add([{ fqdn: name, value: `v${n}` }]);
        expect(dns.txt(name)).toContain(`v${n}`);
        if (!server.failed()) break;
        dns.drop('example.com', ({ value }) => value === `v${n}`); // Or the list would take ever more pages.
      }
    },
  );

  it('without rights are refused', async () => {
    const fixture = instance();
    const { open } = await fakeVendor(oraclecloud, fixture);
    fixture.behaviour.inDynamicGroup = false;
    const error = await caught((await open()).add([{ fqdn: name, value: 'one' }]));
    expect(error).toMatchObject({ fault: 'auth' });
  });
});

it('takes the session token of a profile, anew for each request', async () => {
  const fixture = instance();
  const { dns, open } = await fakeVendor(oraclecloud, fixture);
  const { privateKey, publicKey } = (await import('node:crypto')).generateKeyPairSync('rsa', { modulusLength: 1024 });
  const token = file('first');
  const keyFile = file(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
  const config = file(
    `[s]\ntenancy=ocid1.tenancy.oc1..a\nregion=us-phoenix-1\nkey_file=${keyFile}\nsecurity_token_file=${token}\nfingerprint=aa\n`,
  );
  const session = await open({ OCI_AUTH_TYPE: 'user_principal', OCI_CONFIG_FILE: config, OCI_PROFILE: 's' });
  for (const value of ['first', 'second']) {
    writeFileSync(token, `${value}\n`);
    fixture.sessions.clear();
    fixture.sessions.set(value, publicKey);
    await session.add([{ fqdn: name, value }]);
  }
  expect(dns.txt(name)).toEqual(['first', 'second', 'someone-else']);
});

describe('settings that cannot be used', () => {
  const profile = (text: string, env: object = {}) => ({
    OCI_AUTH_TYPE: 'user_principal',
    OCI_CONFIG_FILE: file(text),
    ...env,
  });
  const cases: [string, () => Record<string, string | undefined>, RegExp][] = [
    [
      'nothing but a region',
      () => ({
        OCI_TENANCY_OCID: undefined,
        OCI_USER_OCID: undefined,
        OCI_PUBKEY_FINGERPRINT: undefined,
        OCI_PRIVKEY: undefined,
      }),
      /OCI_TENANCY_OCID, OCI_USER_OCID, OCI_PUBKEY_FINGERPRINT, OCI_PRIVKEY_FILE or OCI_PRIVKEY not set/u,
    ],
    ['a key that is none', () => ({ OCI_PRIVKEY: 'bm8ga2V5' }), /the private key is no private key in PEM form/u],
    [
      'a key file that is not there',
      () => ({ OCI_PRIVKEY: undefined, OCI_PRIVATE_KEY_PATH: '/no/such.pem' }),
      /OCI_PRIVATE_KEY_PATH names .*ENOENT/u,
    ],
    [
      'a profile that is not there',
      () => profile('[DEFAULT]\n', { OCI_PROFILE: 'x' }),
      /has no profile x: check OCI_PROFILE/u,
    ],
    [
      'a profile that is not complete',
      () => profile('[DEFAULT]\nregion=a\n'),
      /lacks tenancy, key_file, user, fingerprint/u,
    ],
  ];
  it.each(cases)('%s', async (_, env, message) => {
    const { open } = await fakeVendor(oraclecloud, makeFixture());
    const error = await caught(open(env()));
    expect(error).toMatchObject({ code: 'CONFIG', message: expect.stringMatching(message) });
  });
});
