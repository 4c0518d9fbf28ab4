import dodeFixture from '../../../../fixtures/dns/dode.ts';
import dode from '../../../../src/dns/providers/dode.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

it('says that one value at a time is all there is', async () => {
  const { open } = await fakeVendor(dode, dodeFixture());
  expect((await open()).oneValueAtATime).toBe(true);
});

it('replaces the value of a name, and deletes no other name', async () => {
  const { dns, open } = await fakeVendor(dode, dodeFixture());
  const session = await open();
  await session.add([value]);
  await session.add([{ ...value, value: 'two' }]);
  expect(dns.txt(value.fqdn)).toEqual(['two']);
  await session.remove([{ ...value, value: 'two' }]);
  expect(dns.txt(value.fqdn)).toEqual([]);
  expect(dns.txt('_acme-challenge.example.com')).toEqual(['someone-else']);
});

it('names the token and the account where do.de gives no reason', async () => {
  const { open } = await fakeVendor(dode, dodeFixture());
  const session = await open({ DODE_TOKEN: 'mistyped-token' });
  await expect(session.add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('gave no reason'),
    hint: expect.stringMatching(/DODE_TOKEN.*account/u),
  });
});

it('warns of a record that was not deleted, instead of failing: it may never have been there', async () => {
  const { logged, open } = await fakeVendor(dode, dodeFixture());
  await (await open()).remove([value]);
  expect(logged).toContainEqual(
    expect.stringMatching(/^warn .*_acme-challenge\.www\.example\.com may be gone already/u),
  );
});

it('shows what do.de says, but not the token', async () => {
  const body = { domain: '', success: false, error: 'unknown token 8f2c41aa90fe4d7ab3b5' };
  const { open } = await fakeVendor(dode, { ...dodeFixture(), authorized: () => false, denied: { body } });
  await expect((await open()).add([value])).rejects.toThrow(/unknown token (?!8f2c)/u);
});
