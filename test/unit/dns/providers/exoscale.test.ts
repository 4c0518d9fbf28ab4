import { jest } from '@jest/globals';
import fixture, { api } from '../../../../fixtures/dns/exoscale.ts';
import exoscale from '../../../../src/dns/providers/exoscale.ts';
import { clientsOf, fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

describe('the signatures that Exoscale tests its own clients with', () => {
  // https://github.com/exoscale/egoscale/blob/master/v2/api/security_test.go; they expire on 2077-01-01.
  const account = { key: 'EXOxxxxxxxxxxxxxxxxxxxxxxxx', secret: 'X'.repeat(43) };
  const EXPIRES = Date.UTC(2077, 0, 1);

  it.each([
    ['/v2/zone', '', 'Ntbq/p0HVmA3Zg1HHY+Lq1vjFGi7HeMrrgXDS5jRNlY='],
    ['/v2/zone?k2=v2&k1=v1', 'signed-query-args=k1;k2,', 'iqOBz13+44L5j0uJclE8hmUhQQcvtCSoPEOXYK6liqY='],
  ])('%s', async (path, names, signature) => {
    jest.spyOn(Date, 'now').mockReturnValue(EXPIRES - 600_000);
    const [made] = await clientsOf(exoscale, { ...account, endpoint: api });
    const url = `https://api.exoscale.com${path}`;
    expect(await made?.sign?.({ method: 'GET', url, body: '' })).toEqual({
      authorization: `EXO2-HMAC-SHA256 credential=${account.key},${names}expires=${EXPIRES / 1000},signature=${signature}`,
    });
  });
});

it('ignores an address of version 1 and says so', async () => {
  const { dns, logged, open } = await fakeVendor(exoscale, fixture());
  const session = await open({ EXOSCALE_ENDPOINT: 'https://api.exoscale.com/dns' });
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one']);
  expect(logged.filter((line) => line.startsWith('warn'))).toEqual([
    expect.stringMatching(/EXOSCALE_ENDPOINT.*closed on 2024-05-01/u),
  ]);
});

it('tells a wrong clock from a wrong secret', async () => {
  const usual = fixture();
  const { open } = await fakeVendor(exoscale, usual);
  usual.beAhead(1200);
  await expect((await open()).add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('403: Request signature has expired'),
    hint: expect.stringMatching(/^the clock of this machine says/u),
  });
  usual.beAhead(0);
  await expect((await open({ EXOSCALE_API_SECRET: 'other' })).add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('Invalid request signature'),
    hint: expect.stringMatching(/^check EXOSCALE_API_KEY and EXOSCALE_API_SECRET, .*the clock of this machine says/u),
  });
});

it('waits until a change is made, and tells why one was not', async () => {
  const usual = fixture();
  const states = [{ state: 'pending' }, { state: 'failure', reason: 'incorrect', message: 'record too long' }];
  const { open } = await fakeVendor(exoscale, {
    ...usual,
    routes: (dns) => ({ ...usual.routes(dns), [`GET ${api}/operation/:id`]: () => ({ id: 'op', ...states.shift() }) }),
  });
  await expect((await open()).add([value])).rejects.toMatchObject({
    fault: 'api',
    message: `exoscale: adding a TXT record at ${value.fqdn} ended as failure: record too long`,
  });
  expect(states).toEqual([]);
});

it('leaves records of other types, and matches domains by their A-labels', async () => {
  const { dns, open } = await fakeVendor(exoscale, fixture());
  dns.zones.set('bücher.example', []);
  dns.add('example.com', 'CNAME', value.fqdn, value.value);
  const session = await open();
  await session.add([value]);
  await session.remove([value]);
  expect(dns.records('example.com').map(({ type }) => type)).toEqual(['TXT', 'CNAME']);
  await session.remove([{ fqdn: '_acme-challenge.xn--bcher-kva.example', value: 'x' }]);
});
