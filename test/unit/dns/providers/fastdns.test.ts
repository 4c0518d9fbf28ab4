import fixture, { edgeGridSignature, edgerc, edgercSecret, withClock } from '../../../../fixtures/dns/fastdns.ts';
import fastdns from '../../../../src/dns/providers/fastdns.ts';
import type { Fixture } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const ours = { fqdn: '_acme-challenge.example.com', value: 'one' };
const start = (made: Fixture) => fakeVendor(fastdns, made);

// https://github.com/akamai/AkamaiOPEN-edgegrid-node/blob/master/test/test_data.json: the fake, which every other test has to
// satisfy, works out the vendor's own signatures.
const published = 'https://akaa-baseurl-xxxxxxxxxxx-xxxxxxxxxxxxx.luna.akamaiapis.net';
it.each([
  ['GET', '/', '', 'tL+y4hxyHxgWVD30X3pWnGKHcPzmrIF+LThiAOhMxYU='],
  ['GET', '/testapi/v1/t1?p1=1&p2=2', '', 'hKDH1UlnQySSHjvIcZpDMbQHihTQ0XyVAKZaApabdeA='],
  ['POST', '/testapi/v1/t3', 'datadatadatadatadatadatadatadata', 'hXm4iCxtpN22m4cbZb4lVLW5rhX8Ca82vCFqXzSTPe4='],
  ['POST', '/testapi/v1/t6', '', '1gEDxeQGD5GovIkJJGcBaKnZ+VaPtrc4qBUHixjsPCQ='],
])('is tested against the signature that Akamai publishes for %s %s', (method, path, body, signature) => {
  const unsigned =
    'EG1-HMAC-SHA256 client_token=akab-client-token-xxx-xxxxxxxxxxxxxxxx;' +
    'access_token=akab-access-token-xxx-xxxxxxxxxxxxxxxx;timestamp=20140321T19:34:21+0000;' +
    'nonce=nonce-xx-xxxx-xxxx-xxxx-xxxxxxxxxxxx;';
  const secret = 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=';
  expect(edgeGridSignature(secret, { method, url: published + path, body }, unsigned)).toBe(signature);
});

it.each([-40, 40])('says that the clock is wrong when the vendor is %d seconds away', async (seconds) => {
  const { open } = await start(withClock(() => Date.now() + seconds * 1000)());
  const session = await open();
  await expect(session.add([ours])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('Invalid timestamp'),
    hint: expect.stringMatching(/^the clock of this machine, which shows .*, must be right to 30 seconds/u),
  });
});

it('keeps the TTL of a set that others share', async () => {
  const { dns, open } = await start(fixture());
  const session = await open();
  await session.add([ours]);
  expect(dns.records('example.com').map(({ ttl }) => ttl)).toEqual([300, 300]);
});

it('signs the body of a set that is created, and the account switch key with the rest of the address', async () => {
  const { dns, open, logged } = await start(edgerc());
  const session = await open();
  await session.add([{ fqdn: '_acme-challenge.new.example.com', value: 'one' }]);
  expect(dns.txt('_acme-challenge.new.example.com')).toEqual(['one']);
  expect(logged.join('\n')).not.toContain(edgercSecret);
});

it('refuses a zone that gets its records from elsewhere', async () => {
  const made = fixture();
  const { open } = await start({
    ...made,
    routes: (dns) => ({
      ...made.routes(dns),
      'GET https://akab-right-host.luna.akamaiapis.net/config-dns/v2/zones/:zone': ({ params }) =>
        params.zone === 'example.com'
          ? { zone: 'example.com', type: 'SECONDARY' }
          : { status: 404, body: { title: 'Not Found' } },
    }),
  });
  const session = await open();
  await expect(session.add([ours])).rejects.toMatchObject({
    fault: 'zone',
    message: expect.stringContaining('example.com is a secondary zone'),
  });
});

describe('.edgerc', () => {
  const { AKAMAI_EDGERC } = edgerc().env;

  it('says which section is not there', async () => {
    const { open } = await start(edgerc());
    await expect(open({ AKAMAI_EDGERC_SECTION: 'purge' })).rejects.toMatchObject({
      code: 'CONFIG',
      message: `fastdns: ${AKAMAI_EDGERC} has no section [purge] (AKAMAI_EDGERC_SECTION)`,
    });
  });
  it('says that the file cannot be read', async () => {
    const { open } = await start(edgerc());
    await expect(open({ AKAMAI_EDGERC: '/nowhere/.edgerc' })).rejects.toMatchObject({
      code: 'CONFIG',
      message: 'fastdns: cannot read /nowhere/.edgerc (AKAMAI_EDGERC): ENOENT',
    });
  });
  it('gives way to credentials in the environment', async () => {
    const { open, dns } = await start(fixture());
    await (await open({ AKAMAI_EDGERC: '/nowhere/.edgerc' })).add([ours]);
    expect(dns.txt(ours.fqdn)).toContain('one');
  });
});
