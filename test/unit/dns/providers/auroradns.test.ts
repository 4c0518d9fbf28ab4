import { createHmac } from 'node:crypto';
import { jest } from '@jest/globals';
import fixture from '../../../../fixtures/dns/auroradns.ts';
import auroradns from '../../../../src/dns/providers/auroradns.ts';
import { clientsOf, fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

it('signs method, path and date, and neither host nor query', async () => {
  jest.spyOn(Date, 'now').mockReturnValue(Date.UTC(2018, 2, 22, 20, 41, 58, 123));
  const config = { key: 'key', secret: 'secret', endpoint: 'https://api.auroradns.eu' };
  const [made] = await clientsOf(auroradns, config);
  const signature = createHmac('sha256', 'secret').update('GET/zones20180322T204158Z').digest('base64');
  expect(await made?.sign?.({ method: 'GET', url: 'https://api.auroradns.eu/zones?page=1', body: '' })).toEqual({
    'x-auroradns-date': '20180322T204158Z',
    authorization: `AuroraDNSv1 ${Buffer.from(`key:${signature}`).toString('base64')}`,
  });
});

it.each([
  { AURORA_USER_ID: 'aurora-right-key', AURORA_KEY: 'aurora-right-secret' },
  { AURORA_API_KEY: 'aurora-right-key', AURORA_SECRET: 'aurora-right-secret' },
])('takes the variables of either generation: %j', async (env) => {
  const { dns, open } = await fakeVendor(auroradns, { ...fixture(), env: {} });
  await (await open(env)).add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one']);
});

it('tells a wrong clock from a wrong secret', async () => {
  const usual = fixture();
  const { open } = await fakeVendor(auroradns, usual);
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
});

it('takes a record that is there already for success', async () => {
  const usual = fixture();
  const { open } = await fakeVendor(auroradns, {
    ...usual,
    routes: (dns) => ({
      ...usual.routes?.(dns),
      'GET https://api.auroradns.eu/zones/:zone/records': () => ({ body: [] }), // Somebody else is about to add it.
    }),
  });
  const session = await open();
  await session.add([value]);
  await expect(session.add([value])).resolves.toBeUndefined();
});

it('leaves a record of another type with the same name and value alone', async () => {
  const { dns, open } = await fakeVendor(auroradns, fixture());
  dns.add('example.com', 'SPF', value.fqdn, 'two');
  const session = await open();
  await session.remove([{ ...value, value: 'two' }]);
  expect(dns.records('example.com').map(({ type }) => type)).toEqual(['TXT', 'SPF']);
});
