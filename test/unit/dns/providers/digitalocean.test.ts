import fixture from '../../../../fixtures/dns/digitalocean.ts';
import digitalocean from '../../../../src/dns/providers/digitalocean.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.example.com', value: 'one' };
const records = 'https://api.digitalocean.com/v2/domains/:zone/records';

it.each(['https://api.digitalocean.com/', 'https://api.digitalocean.com/v2/'])(
  'takes %s as DO_API_URL',
  async (url) => {
    const { dns, open } = await fakeVendor(digitalocean, fixture());
    await (await open({ DO_API_URL: url })).add([value]);
    expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
  },
);

it('removes only its own, whatever else is listed', async () => {
  const usual = fixture();
  const deleted: unknown[] = [];
  const { open } = await fakeVendor(digitalocean, {
    ...usual,
    routes: (dns) => ({
      ...usual.routes(dns),
      [`GET ${records}`]: ({ query }) => {
        [...query];
        return {
          domain_records: [
            { id: 1, type: 'TXT', name: '_acme-challenge.www', data: 'one' },
            { id: 2, type: 'TXT', name: '@', data: 'one' },
            { id: 3, type: 'CNAME', name: '_acme-challenge', data: 'one' },
            { id: 4, type: 'TXT', name: '_acme-challenge', data: 'One' },
            { id: 5, type: 'TXT', name: '_ACME-challenge', data: '"one"' },
          ],
        };
      },
      [`DELETE ${records}/:id`]: ({ params }) => (deleted.push(params.id), { status: 204 }),
    }),
  });
  await (await open()).remove([value]);
  expect(deleted).toEqual(['5']);
});

it('raises a TTL that is too short', async () => {
  const { dns, open } = await fakeVendor(digitalocean, fixture());
  await (await open({ DO_TTL: '5' })).add([value]);
  expect(dns.records('example.com')).toContainEqual(expect.objectContaining({ ...value, ttl: 30 }));
});
