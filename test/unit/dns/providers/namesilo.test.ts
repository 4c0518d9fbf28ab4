import namesiloFixture from '../../../../fixtures/dns/namesilo.ts';
import namesilo from '../../../../src/dns/providers/namesilo.ts';
import { type FakeReply, type Fixture, Reply } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.example.com', value: 'one' };
const reply = (code: number | string, detail: string): FakeReply => ({ body: { reply: { code, detail } } });

/** The usual vendor, but one operation always gets the same answer. */
const answering = (operation: string, answer: FakeReply) => {
  const fixture: Fixture = namesiloFixture();
  return fakeVendor(namesilo, {
    ...fixture,
    routes: (dns) => ({
      ...fixture.routes?.(dns),
      [`GET https://www.namesilo.com/api/${operation}`]: ({ query }) => {
        for (const [name] of query) query.get(name);
        throw new Reply(answer);
      },
    }),
  });
};

it.each([
  [110, 'Invalid API Key (Permission denied)', 'not read-only'],
  ['113', 'This API account cannot be accessed from your IP', 'allows the address of this machine'],
])('says what to do about code %s', async (code, detail, hint) => {
  const { open } = await answering('dnsAddRecord', reply(code, detail));
  await expect((await open()).add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining(detail),
    hint: expect.stringContaining(hint),
  });
});

it('takes a record that is there already for success', async () => {
  const said = 'could not add resource record to domain since it already exists (duplicate)';
  const { open } = await answering('dnsAddRecord', reply('280', said));
  await (await open()).add([value]);
});

it('says what was wrong with a record', async () => {
  const { open } = await answering('dnsAddRecord', reply(280, 'Invalid value'));
  await expect((await open()).add([value])).rejects.toMatchObject({
    fault: 'api',
    message: expect.stringContaining('Invalid value (280)'),
  });
});

it('waits while another request is being processed', async () => {
  const { open } = await answering('dnsListRecords', reply(400, 'Existing API request is still processing'));
  await expect((await open()).add([value])).rejects.toMatchObject({ fault: 'rate' });
});

it('takes no answer without a code for a domain', async () => {
  const { open } = await answering('dnsListRecords', { body: 'Welcome' });
  await expect((await open()).add([value])).rejects.toMatchObject({
    fault: 'api',
    message: expect.stringContaining('without a code'),
  });
});

it('keeps within the TTLs that NameSilo accepts', async () => {
  const { dns, open } = await fakeVendor(namesilo, namesiloFixture());
  await (await open({ NAMESILO_TTL: '60' })).add([value]);
  await (await open({ NAMESILO_TTL: '9999999' })).add([{ ...value, value: 'two' }]);
  expect(dns.records('example.com').map(({ ttl }) => ttl)).toEqual([300, 3600, 2_592_000]);
});

it('leaves records of other types alone', async () => {
  const { dns, open } = await fakeVendor(namesilo, namesiloFixture());
  dns.add('example.com', 'CNAME', value.fqdn, value.value, 3600);
  const before = dns.snapshot();
  const session = await open();
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
  await session.remove([value]);
  expect(dns.snapshot()).toEqual(before);
});
