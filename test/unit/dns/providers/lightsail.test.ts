import { type LightsailOptions, lightsailFixture } from '../../../../fixtures/dns/lightsail.ts';
import lightsail from '../../../../src/dns/providers/lightsail.ts';
import type { Fixture } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const name = '_acme-challenge.example.com';
const zone = { DNS_ZONE: 'example.com' };
const vendor = (options: LightsailOptions = {}, extra: Partial<Fixture> = {}) =>
  fakeVendor(lightsail, { ...lightsailFixture(options), ...extra });

it('reads a domain once for all its names', async () => {
  const asked: string[] = [];
  const { open, dns } = await vendor({ asked });
  const values = ['a', 'b', 'c'].map((label) => ({ fqdn: `_acme-challenge.${label}.example.com`, value: 'one' }));
  await (await open(zone)).add(values);
  expect(asked).toEqual(['GetDomain', 'CreateDomainEntry', 'CreateDomainEntry', 'CreateDomainEntry']);
  expect(dns.records('example.com')).toHaveLength(4);
});

it('does with a policy for writing only, as lego asks for it, if DNS_ZONE is set', async () => {
  const { open, dns } = await vendor({ writesOnly: true });
  const values = [
    { fqdn: name, value: 'one' },
    { fqdn: name, value: 'two' },
  ];
  const session = await open(zone);
  await session.add(values);
  await session.add(values.slice(0, 1));
  expect(dns.txt(name)).toEqual(['one', 'someone-else', 'two']);
  await session.remove(values);
  await session.remove(values);
  expect(dns.txt(name)).toEqual(['someone-else']);
});

it('says which action the policy lacks, if DNS_ZONE is not set', async () => {
  const { open } = await vendor({ writesOnly: true });
  await expect((await open()).add([{ fqdn: name, value: 'one' }])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringMatching(/lightsail:GetDomains \(AccessDeniedException\)$/u),
    hint: 'the policy lacks this action; all that are needed: quoin dnshelp -c lightsail',
  });
});

it('says that DNS_ZONE names no domain of the account', async () => {
  const { open } = await vendor();
  const session = await open({ DNS_ZONE: 'example.org' });
  await expect(session.add([{ fqdn: '_acme-challenge.example.org', value: 'one' }])).rejects.toMatchObject({
    fault: 'missing',
    message: expect.stringContaining('The Domain does not exist: example.org (NotFoundException)'),
  });
});

it('fails with an operation that failed', async () => {
  const { open } = await vendor({
    operation: { status: 'Failed', errorCode: '409', errorDetails: 'the zone is locked' },
  });
  await expect((await open(zone)).add([{ fqdn: name, value: 'one' }])).rejects.toThrow(
    'lightsail: CreateDomainEntry failed: the zone is locked (409)',
  );
});

it('stays in us-east-1 whatever LIGHTSAIL_REGION says, and tells so', async () => {
  const { open, dns, logged } = await vendor();
  await (await open({ ...zone, LIGHTSAIL_REGION: 'eu-west-1', AWS_REGION: 'eu-west-1' })).add([
    { fqdn: name, value: 'one' },
  ]);
  expect(dns.txt(name)).toEqual(['one', 'someone-else']);
  expect(logged.filter((line) => line.startsWith('warn'))).toEqual([
    'warn lightsail: LIGHTSAIL_REGION=eu-west-1 is not used: domains are served in us-east-1 only',
  ]);
});
