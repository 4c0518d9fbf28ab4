import v4, { variants } from '../../../../fixtures/dns/linode.ts';
import linode from '../../../../src/dns/providers/linode.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };
const { v3 } = variants;

it('warns that version 3 is closed, with the date and what to do', async () => {
  const { dns, logged, open } = await fakeVendor(linode, v3());
  const session = await open();
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one']);
  expect(logged.filter((line) => line.startsWith('warn'))).toEqual([
    expect.stringMatching(/closed on 2023-07-31.*LINODE_TOKEN/u),
  ]);
});

it('takes the token where both are set', async () => {
  const { dns, logged, open } = await fakeVendor(linode, v4());
  const session = await open({ LINODE_API_KEY: 'linode-right-key' });
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one']);
  expect(logged.join('\n')).not.toContain('closed');
});

it('leaves a record of another type with the same name and value alone', async () => {
  const { dns, open } = await fakeVendor(linode, v3());
  dns.add('example.com', 'CNAME', value.fqdn, value.value);
  const session = await open();
  await session.add([value]);
  await session.remove([value]);
  expect(dns.records('example.com').map(({ type, fqdn }) => `${type} ${fqdn}`)).toEqual([
    'TXT _acme-challenge.example.com',
    'CNAME _acme-challenge.www.example.com',
  ]);
});

it('says what version 3 answers today', async () => {
  const { open } = await fakeVendor(linode, {
    ...v3(),
    routes: () => ({
      'GET https://api.linode.com/': ({ query }) => ({
        status: 404,
        body: `<html>${[...query].length} parameters</html>`,
      }),
    }),
    authorized: () => true,
  });
  const session = await open();
  await expect(session.add([value])).rejects.toThrow('GET https://api.linode.com/ answered 404');
});
