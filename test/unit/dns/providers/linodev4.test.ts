import fixture from '../../../../fixtures/dns/linodev4.ts';
import linode from '../../../../src/dns/providers/linodev4.ts';
import { readSettings } from '../../../../src/dns/settings.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

it('raises a TTL that is too short', async () => {
  const { dns, open } = await fakeVendor(linode, fixture());
  const session = await open({ LINODE_TTL: '60' });
  await session.add([value]);
  expect(dns.records('example.com')).toContainEqual(expect.objectContaining({ ...value, ttl: 300 }));
});

it('waits beyond the next quarter of an hour', () => {
  const { tuning } = readSettings(linode, { LINODE_TOKEN: 't' }, () => {});
  expect(tuning).toEqual({
    ttl: 300,
    propagationTimeout: 1320,
    pollingInterval: 15,
    httpTimeout: 30,
    sequenceInterval: 0,
  });
});

it('finds its value in a record that carries the complete name, and only that', async () => {
  const usual = fixture();
  const deleted: unknown[] = [];
  const { open } = await fakeVendor(linode, {
    ...usual,
    routes: (dns) => ({
      ...usual.routes(dns),
      'GET https://api.linode.com/v4/domains/:id/records': ({ query }) => ({
        data: [
          { id: 7, type: 'TXT', name: value.fqdn, target: '"one"' },
          { id: 8, type: 'TXT', name: value.fqdn, target: 'One' },
          { id: 9, type: 'TXT', name: 'www', target: 'one' },
          { id: 10, type: 'CNAME', name: value.fqdn, target: 'one' },
        ],
        results: [...query].length,
      }),
      'DELETE https://api.linode.com/v4/domains/:id/records/:record': ({ params }) => {
        deleted.push(params.record);
        return {};
      },
    }),
  });
  const session = await open();
  await session.remove([value]);
  expect(deleted).toEqual(['7']);
});

it("gives Linode's reasons with their fields", async () => {
  const usual = fixture();
  const { open } = await fakeVendor(linode, {
    ...usual,
    routes: (dns) => ({
      ...usual.routes(dns),
      'POST https://api.linode.com/v4/domains/:id/records': ({ body }) => ({
        status: 400,
        body: {
          errors: [{ field: 'target', reason: `Invalid ${body.type}` }, { reason: `${body.target}, ${body.name}` }],
        },
        headers: { 'x-ttl': String(body.ttl_sec) },
      }),
    }),
  });
  const session = await open();
  await expect(session.add([value])).rejects.toThrow('target: Invalid TXT, one, _acme-challenge.www');
});
