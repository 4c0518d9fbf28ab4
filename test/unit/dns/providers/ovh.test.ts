import { jest } from '@jest/globals';
import fixture, { eu, oauth2 } from '../../../../fixtures/dns/ovh.ts';
import ovh from '../../../../src/dns/providers/ovh.ts';
import { clientsOf, fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

describe('the signatures that OVH tests its own clients with, on a machine whose clock is wrong', () => {
  // https://github.com/ovh/go-ovh/blob/master/ovh/ovh_test.go, MockTime and mockSignatures
  const serverTime = 1_457_018_875;

  it.each([
    ['GET', '', '$1$e9556054b6309771395efa467c22e627407461ad'],
    ['POST', '{"a":"b","c":"d"}', '$1$ec2fb5c7a81f64723c77d2e5b609ae6f58a84fc1'],
    ['DELETE', '', '$1$a1eecd00b3b02b6cf5708b84b9ff42059a950d85'],
  ])('%s', async (method, body, signature) => {
    jest.spyOn(Date, 'now').mockReturnValue(Date.UTC(2001, 0, 1));
    const { OVH_APPLICATION_KEY: key, OVH_APPLICATION_SECRET: secret, OVH_CONSUMER_KEY: consumer } = fixture().env;
    const config = { endpoint: 'ovh-eu', auth: { via: 'application', key, secret, consumer } };
    const made = await clientsOf(ovh, config, { get: async <T>() => serverTime as T });
    const sign = made.find((options) => options.sign)?.sign;
    expect(await sign?.({ method, url: `${eu}/auth`, body })).toEqual({
      'x-ovh-application': key,
      'x-ovh-consumer': consumer,
      'x-ovh-timestamp': String(serverTime),
      'x-ovh-signature': signature,
    });
  });
});

it('publishes what an earlier run changed and could not publish', async () => {
  const { dns, server, open } = await fakeVendor(ovh, fixture());
  const first = await open();
  await first.add([value]);
  await first.remove([value]); // /auth/time, the zone, the list and the refresh went well.
  const second = await open();
  server.failRequest(4, 'error page'); // The zone, the list, the new record, and then the refresh.
  await second.add([value]);
  expect(server.failed()).toBe(true);
  expect(dns.txt(value.fqdn)).toEqual(['one']);
});

it('leaves names alone that the filter of the API takes for ours', async () => {
  const { dns, open } = await fakeVendor(ovh, fixture());
  dns.add('example.com', 'TXT', 'xacme-challenge.www.example.com', value.value);
  const session = await open();
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual([value.value]);
  await session.remove([value]);
  expect(dns.txt('xacme-challenge.www.example.com')).toEqual([value.value]);
  expect(dns.txt(value.fqdn)).toEqual([]);
});

it.each([
  [400, 'INVALID_SIGNATURE', /OVH_APPLICATION_SECRET and OVH_CONSUMER_KEY/u],
  [403, 'INVALID_KEY', /OVH_APPLICATION_KEY.*OVH_ENDPOINT/u],
  [403, 'NOT_CREDENTIAL', /OVH_CONSUMER_KEY.*never validated/u],
  [403, 'NOT_GRANTED_CALL', /GET, POST and DELETE on \/domain\/zone\/\*/u],
  [400, 'QUERY_TIME_OUT', /^the clock of this machine/u],
])('tells what to do about %d %s', async (status, errorCode, hint) => {
  const usual = fixture();
  const { open } = await fakeVendor(ovh, usual);
  const session = await open();
  usual.refuse(status, { errorCode, httpCode: String(status), message: 'No' });
  await expect(session.add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining(`${status}: No (${errorCode})`),
    hint: expect.stringMatching(hint),
  });
});

it('names the actions that an IAM policy lacks', async () => {
  const usual = oauth2();
  const { open } = await fakeVendor(ovh, usual);
  const session = await open();
  const details = { unauthorizedActionsByIAM: 'dnsZone:apiovh:record/get' };
  usual.refuse(403, { class: 'Client::Forbidden', message: 'User not granted for this request', details });
  await expect(session.add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('not allowed: dnsZone:apiovh:record/get'),
    hint: expect.stringContaining('IAM policy'),
  });
});

it('keeps the token of a service account out of the log, and takes a new one when it runs out', async () => {
  const { dns, logged, open } = await fakeVendor(ovh, oauth2());
  const session = await open();
  await session.add([value]);
  jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_600_000);
  await session.remove([value]);
  expect(dns.txt(value.fqdn)).toEqual([]);
  expect(logged.filter((line) => line.includes('POST https://ca.ovh.com/auth/oauth2/token →'))).toHaveLength(2);
  expect(logged.join('\n')).not.toContain('MTQ0NjJkZmQ5OTM2NDE1ZTZjNGZmZjI3');
});

it('takes an address for the name of a region', async () => {
  const { dns, open } = await fakeVendor(ovh, fixture());
  await (await open({ OVH_ENDPOINT: `${eu}/` })).add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one']);
});

it.each([
  [{ OVH_ENDPOINT: 'ovh-mars' }, /OVH_ENDPOINT is neither one of ovh-eu, .*ovh-mars/u],
  [
    { OVH_ENDPOINT: 'kimsufi-eu', OVH_APPLICATION_KEY: '', OVH_CLIENT_ID: 'id', OVH_CLIENT_SECRET: 'secret' },
    /OVH_CLIENT_ID works with OVH_ENDPOINT set to ovh-eu/u,
  ],
])('refuses %j', async (env, message) => {
  const { open } = await fakeVendor(ovh, fixture());
  await expect(open(env)).rejects.toMatchObject({ code: 'CONFIG', message: expect.stringMatching(message) });
});

it('takes a refused signature for wrong keys also where the answer has no code', async () => {
  const usual = fixture();
  const { open } = await fakeVendor(ovh, usual);
  const session = await open();
  usual.refuse(400, { message: 'Invalid signature' });
  await expect(session.add([value])).rejects.toMatchObject({
    fault: 'auth',
    hint: expect.stringContaining('OVH_APPLICATION_SECRET'),
  });
});
