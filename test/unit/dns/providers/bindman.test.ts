import bindmanFixture from '../../../../fixtures/dns/bindman.ts';
import bindman from '../../../../src/dns/providers/bindman.ts';
import { type Fixture, Reply } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

it('leaves a value that somebody else has put in the place of ours', async () => {
  const { dns, open } = await fakeVendor(bindman, bindmanFixture());
  const session = await open();
  await session.add([value]);
  dns.drop('example.com', ({ fqdn }) => fqdn === value.fqdn);
  dns.add('example.com', 'TXT', value.fqdn, 'theirs');
  await session.remove([value]);
  expect(dns.txt(value.fqdn)).toEqual(['theirs']);
});

it.each([
  ['cannot be asked', { status: 405, body: 'no such method' }],
  ['answers with nothing', { body: 'null' }],
])('removes the value of a manager that %s', async (_what, answer) => {
  const fixture: Fixture = bindmanFixture();
  const { dns, open } = await fakeVendor(bindman, {
    ...fixture,
    routes: (records) => ({
      ...fixture.routes?.(records),
      'GET https://bindman.example.net:7070/records/:name/:type': () => {
        throw new Reply(answer);
      },
    }),
  });
  const session = await open();
  await session.add([value]);
  await session.remove([value]);
  expect(dns.txt(value.fqdn)).toEqual([]);
});

it('tells why the manager refused', async () => {
  const { open } = await fakeVendor(bindman, bindmanFixture());
  await expect((await open()).add([{ fqdn: 'example.com', value: 'one' }])).rejects.toMatchObject({
    fault: 'api',
    message: expect.stringContaining("the record name 'example.com.' is not allowed"),
  });
});
