import { createHmac } from 'node:crypto';
import { jest } from '@jest/globals';
import fixture from '../../../../fixtures/dns/auroradns.ts';
import type { RestOptions } from '../../../../src/dns/kit/index.ts';
import auroradns from '../../../../src/dns/providers/auroradns.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

it('signs method, path and date, and neither host nor query', async () => {
  jest.spyOn(Date, 'now').mockReturnValue(Date.UTC(2018, 2, 22, 20, 41, 58, 123));
  let made: RestOptions | undefined;
  const rest = (options: RestOptions) => {
    made = options;
    return {} as never;
  };
  const config = { key: 'key', secret: 'secret', endpoint: 'https://api.auroradns.eu' };
  await auroradns.connect({ config, rest } as never);
  const signature = createHmac('sha256', 'secret').update('GET/zones20180322T204158Z').digest('base64');
  expect(await made?.sign?.({ method: 'GET', url: 'https://api.auroradns.eu/zones?page=1', body: '' })).toEqual({
    'x-auroradns-date': '20180322T204158Z',
    authorization: `AuroraDNSv1 ${Buffer.from(`key:${signature}`).toString('base64')}`,
  });
  jest.restoreAllMocks();
});

it.each([
  { AURORA_USER_ID: 'aurora-right-key', AURORA_KEY: 'aurora-right-secret' },
  { AURORA_API_KEY: 'aurora-right-key', AURORA_SECRET: 'aurora-right-secret' },
])('takes the variables of either generation: %j', async (env) => {
  const { dns, server, open } = await fakeVendor(auroradns, { ...fixture(), env: {} });
  await (await open(env)).add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one']);
  await server.close();
});

it('tells a wrong clock from a wrong secret', async () => {
  const usual = fixture();
  const { server, open } = await fakeVendor(auroradns, usual);
  usual.beAhead(900);
  await expect((await open()).add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('401: Request date is too far off (AuthenticationFailedError)'),
    hint: expect.stringMatching(/^the clock of this machine says/u),
  });
  usual.beAhead(0);
  await expect((await open({ AURORA_SECRET: 'other' })).add([value])).rejects.toMatchObject({
    fault: 'auth',
    hint: expect.stringMatching(/^check AURORA_API_KEY and AURORA_SECRET, .*the clock of this machine/u),
  });
  await server.close();
});

it('takes a record that is there already for success', async () => {
  const usual = fixture();
  const { server, open } = await fakeVendor(auroradns, {
    ...usual,
    routes: (dns) => ({
      ...usual.routes?.(dns),
      'GET https://api.auroradns.eu/zones/:zone/records': () => ({ body: [] }), // Somebody else is about to add it.
    }),
  });
  const session = await open();
  await session.add([value]);
  await expect(session.add([value])).resolves.toBeUndefined();
  await server.close();
});

it('leaves a record of another type with the same name and value alone', async () => {
  const { dns, server, open } = await fakeVendor(auroradns, fixture());
  dns.add('example.com', 'SPF', value.fqdn, 'two');
  const session = await open();
  await session.remove([{ ...value, value: 'two' }]);
  expect(dns.records('example.com').map(({ type }) => type)).toEqual(['TXT', 'SPF']);
  await server.close();
});

it('leaves the same value at another name alone', async () => {
  const { dns, server, open } = await fakeVendor(auroradns, fixture());
  dns.add('example.com', 'TXT', 'other.example.com', value.value, 300);
  const session = await open();
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual([value.value]);
  await session.remove([value]);
  expect(dns.txt(value.fqdn)).toEqual([]);
  expect(dns.txt('other.example.com')).toEqual([value.value]);
  await server.close();
});
