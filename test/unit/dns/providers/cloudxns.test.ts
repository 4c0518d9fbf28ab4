import fixture from '../../../../fixtures/dns/cloudxns.ts';
import cloudxns from '../../../../src/dns/providers/cloudxns.ts';
import type { Fixture } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const ours = { fqdn: '_acme-challenge.example.com', value: 'one' };
const start = (made: Fixture = fixture()) => fakeVendor(cloudxns, made);

it('says once that the service is closed, since when, and that nothing took its place', async () => {
  const { open, logged } = await start();
  const session = await open();
  await session.add([ours]);
  const warnings = logged.filter((line) => line.startsWith('warn'));
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/closed in 2021 without a successor/u);
});

it('lowers a TTL that is more than CloudXNS takes', async () => {
  const { dns, open } = await start();
  const session = await open({ CLOUDXNS_TTL: '86400' });
  await session.add([ours]);
  expect(dns.records('example.com').find(({ value }) => value === 'one')?.ttl).toBe(3600);
});

it('finds records whose host comes with the domain', async () => {
  const made = fixture();
  const list = 'GET https://www.cloudxns.net/api2/record/:zone';
  const { dns, open } = await start({
    ...made,
    routes: (fake) => ({
      ...made.routes(fake),
      [list]: ({ query }) => ({
        ...{ code: 1, message: 'success', total: query.getAll('offset').length },
        ...{ row_num: query.get('row_num'), host_id: query.get('host_id') },
        data: [{ record_id: 1, host: '_acme-challenge.example.com', type: 'TXT', value: 'someone-else' }],
      }),
    }),
  });
  await (await open()).remove([{ ...ours, value: 'someone-else' }]);
  expect(dns.txt(ours.fqdn)).toEqual([]);
});

it.each([
  ['请求时间已过期', 'auth', /^the clock of this machine/u],
  ['密钥错误', 'auth', /CLOUDXNS_SECRET_KEY/u],
  ['未知错误', 'api', undefined],
])('takes the answer "%s" with status 200 for a fault of kind %s', async (message, fault, hint) => {
  const made = fixture();
  const { open } = await start({
    ...made,
    routes: () => ({
      'GET https://www.cloudxns.net/api2/domain': () => ({ status: 200, body: { code: 99, message } }),
    }),
  });
  const error = await (await open()).add([ours]).catch((e: unknown) => e);
  expect(error).toMatchObject({ fault, message: expect.stringContaining(`${message} (99)`) });
  expect((error as { hint?: string }).hint ?? '').toMatch(hint ?? /^$/u);
});
