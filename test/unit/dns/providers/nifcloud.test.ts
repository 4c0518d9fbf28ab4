import fixture, { withOptions } from '../../../../fixtures/dns/nifcloud.ts';
import nifcloud from '../../../../src/dns/providers/nifcloud.ts';
import type { Fixture } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const ours = { fqdn: '_acme-challenge.example.com', value: 'one' };
const start = (made: Fixture) => fakeVendor(nifcloud, made);

it('waits until the change is on all name servers', async () => {
  const { open, logged } = await start(withOptions({ pending: 1 })());
  const session = await open();
  const before = performance.now();
  await session.add([ours]);
  expect(performance.now() - before).toBeGreaterThan(3900);
  expect(logged.filter((line) => /→ 200 .*INSYNC/u.test(line))).toHaveLength(1);
}, 10_000);

it.each([-16, 16])('says that the clock is wrong when the vendor is %d minutes away', async (minutes) => {
  const { open } = await start(withOptions({ now: () => Date.now() + minutes * 60_000 })());
  const session = await open();
  await expect(session.add([ours])).rejects.toMatchObject({
    fault: 'auth',
    hint: expect.stringMatching(/^the clock of this machine, which shows .*, must be right to 15 minutes/u),
  });
});

it('changes several names in one request', async () => {
  const { dns, open, logged } = await start(fixture());
  const session = await open();
  const values = ['a', 'b', 'c'].map((name) => ({ fqdn: `_acme-challenge.${name}.example.com`, value: 'one' }));
  await session.add(values);
  expect(values.map(({ fqdn }) => dns.txt(fqdn))).toEqual([['one'], ['one'], ['one']]);
  expect(logged.filter((line) => /POST .*→ 200/u.test(line))).toHaveLength(1);
});

it('removes a value that was published with another TTL', async () => {
  const { dns, open } = await start(fixture());
  await (await open({ NIFCLOUD_TTL: '600' })).add([ours]);
  await (await open({ NIFCLOUD_TTL: '60' })).remove([ours]);
  expect(dns.txt(ours.fqdn)).toEqual(['someone-else']);
});

it('writes a value that XML has signs of its own for', async () => {
  const { dns, open } = await start(fixture());
  const odd = { ...ours, value: `<a> & 'b'` };
  const session = await open();
  await session.add([odd]);
  await session.add([odd]);
  expect(dns.txt(ours.fqdn)).toEqual([`<a> & 'b'`, 'someone-else']);
  await session.remove([odd]);
  expect(dns.txt(ours.fqdn)).toEqual(['someone-else']);
});
