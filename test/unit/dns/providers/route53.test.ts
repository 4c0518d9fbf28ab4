import {
  errorReply,
  type Route53Options,
  rightKey,
  route53Fixture,
  xmlReply,
  zoneId,
} from '../../../../fixtures/dns/route53.ts';
import route53 from '../../../../src/dns/providers/route53.ts';
import { FakeDns, type FakeReply, type FakeRequest, type Fixture } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const name = '_acme-challenge.example.com';
const POST = 'POST https://route53.amazonaws.com/2013-04-01/hostedzone/:id/rrset';
const failed = (work: Promise<unknown>) => work.catch((error: unknown) => error);

const vendor = (options: Route53Options = {}, extra: Partial<Fixture> = {}) =>
  fakeVendor(route53, { ...route53Fixture(options), ...extra });
/** The first changes get these answers, and are not made. */
function answering(...replies: FakeReply[]): Partial<Fixture> {
  const { routes } = route53Fixture();
  return {
    routes: (dns) => {
      const all = routes?.(dns) ?? {};
      return { ...all, [POST]: (request) => replies.shift() ?? all[POST]?.(request) };
    },
  };
}
const many = (count: number, value: string) =>
  Array.from({ length: count }, (_, n) => ({ fqdn: `_acme-challenge.n${n}.example.com`, value, zone: 'example.com' }));

describe('requests', () => {
  it('takes one change for a hundred names of a zone', async () => {
    const asked: string[] = [];
    const { open, dns } = await vendor({ asked, pageSize: 300 });
    const values = many(100, 'LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo');
    const session = await open();
    await session.add(values);
    expect(dns.records('example.com')).toHaveLength(101);
    expect(asked).toEqual(['zones from example.com', 'sets from the first', 'change', 'status']);
    await session.remove(values);
    expect(dns.records('example.com')).toHaveLength(1);
    expect(asked.slice(4)).toEqual(['sets from the first', 'change']);
  });

  it('asks for the name itself where the zone is large', async () => {
    const asked: string[] = [];
    const { open, dns } = await vendor({ asked, pageSize: 300 });
    for (let n = 0; n < 700; n += 1) dns.add('example.com', 'A', `h${n}.example.com`, '192.0.2.1', 60);
    const values = [{ fqdn: name, value: 'one', zone: 'example.com' }];
    await (await open()).add([
      ...values,
      { fqdn: '_acme-challenge.h5.example.com', value: 'two', zone: 'example.com' },
    ]);
    expect(asked.filter((what) => what.startsWith('sets'))).toEqual([
      `sets from ${name}.`,
      'sets from _acme-challenge.h5.example.com.',
    ]);
    expect(dns.txt(name)).toEqual(['one', 'someone-else']);
    expect(dns.txt('_acme-challenge.h5.example.com')).toEqual(['two']);
  });

  it.each([
    [501, 'v', 'records'],
    [400, 'LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo', 'characters'],
  ])('makes two changes of %d additions of %s, because of the limit of %s', async (count, value) => {
    const changed: NonNullable<Route53Options['changed']> = [];
    const { open, dns } = await vendor({ changed, pageSize: 300 });
    const session = await open();
    await session.add(many(count, value));
    expect(changed.map(({ length }) => length).reduce((sum, length) => sum + length)).toBe(count);
    expect(changed).toHaveLength(2);
    await session.remove(many(count, value));
    expect(changed).toHaveLength(3);
    expect(dns.records('example.com')).toHaveLength(1);
  });
});

describe('record sets', () => {
  it('gives back the values and the TTL of others as they are', async () => {
    const changed: NonNullable<Route53Options['changed']> = [];
    const { open, dns } = await vendor({ changed });
    dns.add('example.com', 'TXT', '_acme-challenge.a.example.com', '"two" "strings \\"\\303\\274"', 3600);
    const before = dns.snapshot();
    const session = await open();
    await session.add([{ fqdn: '_acme-challenge.a.example.com', value: 'ours' }]);
    expect(changed[0]?.[0]).toMatchObject({
      Action: 'UPSERT',
      ResourceRecordSet: {
        TTL: '3600',
        ResourceRecords: { ResourceRecord: [{ Value: '"two" "strings \\"\\303\\274"' }, { Value: '"ours"' }] },
      },
    });
    await session.remove([{ fqdn: '_acme-challenge.a.example.com', value: 'ours' }]);
    expect(dns.snapshot()).toEqual(before);
  });

  it('uses AWS_TTL for sets of its own', async () => {
    const { open, dns } = await vendor();
    await (await open({ AWS_TTL: '77' })).add([{ fqdn: '_acme-challenge.new.example.com', value: 'one' }]);
    expect(dns.records('example.com').at(-1)?.ttl).toBe(77);
    await (await open()).add([{ fqdn: '_acme-challenge.other.example.com', value: 'one' }]);
    expect(dns.records('example.com').at(-1)?.ttl).toBe(10);
  });

  it.each([
    [{ SetIdentifier: 'blue' }, 'a routing policy (blue)'],
    [{ alias: 'txt.example.com.' }, 'an alias'],
  ])('leaves a set with %j alone, and says so', async (kind, words) => {
    const fqdn = '_acme-challenge.routed.example.com';
    const { open, dns } = await vendor({ special: [{ fqdn, ...kind }] });
    const before = dns.snapshot();
    const session = await open();
    const error = await failed(
      session.add([
        { fqdn, value: 'one' },
        { fqdn: name, value: 'two' },
      ]),
    );
    expect(error).toMatchObject({
      fault: 'api',
      message: `route53: the TXT record set at ${fqdn} has ${words}, and is left alone`,
    });
    await session.remove([
      { fqdn, value: 'one' },
      { fqdn: name, value: 'two' },
    ]);
    expect(dns.snapshot()).toEqual(before);
  });

  it('is not misled by other types at the name', async () => {
    const { open, dns } = await vendor();
    dns.add('example.com', 'SPF', '_acme-challenge.a.example.com', '"one"', 60);
    await (await open()).add([{ fqdn: '_acme-challenge.a.example.com', value: 'one' }]);
    expect(dns.txt('_acme-challenge.a.example.com')).toEqual(['one']);
  });
});

describe('zones of one name', () => {
  const other = (id: string, isPrivate: boolean) => {
    const dns = new FakeDns();
    dns.zones.set('example.com', []);
    return { id, name: 'example.com', isPrivate, dns };
  };

  it('takes the public one, or the private one with AWS_PRIVATE_ZONE', async () => {
    const inside = other('ZPRIVATE', true);
    const { open, dns } = await vendor({ others: [other('ZAAA', true), inside].slice(1) });
    await (await open()).add([{ fqdn: name, value: 'public' }]);
    expect(dns.txt(name)).toEqual(['public', 'someone-else']);
    await (await open({ AWS_PRIVATE_ZONE: 'true' })).add([{ fqdn: name, value: 'private' }]);
    expect(inside.dns.txt(name)).toEqual(['private']);
    expect(dns.txt(name)).toEqual(['public', 'someone-else']);
  });

  it('asks which one, where there are several, and takes the one that is named', async () => {
    const second = other('ZSECOND', false);
    const { open, dns } = await vendor({ others: [other('ZPRIVATE', true), second] });
    const error = await failed((await open()).add([{ fqdn: name, value: 'one' }]));
    expect(error).toMatchObject({
      fault: 'zone',
      message: expect.stringMatching(
        new RegExp(`2 hosted zones are called example.com: .*${zoneId('example.com')}`, 'u'),
      ),
      hint: expect.stringContaining('AWS_HOSTED_ZONE_ID'),
    });
    expect((error as Error).message).toContain('ZSECOND');
    await (await open({ AWS_HOSTED_ZONE_ID: '/hostedzone/ZSECOND' })).add([{ fqdn: name, value: 'one' }]);
    expect(second.dns.txt(name)).toEqual(['one']);
    expect(dns.txt(name)).toEqual(['someone-else']);
  });

  it('lists no zones for AWS_HOSTED_ZONE_ID, and takes it for nothing but its own names', async () => {
    const asked: string[] = [];
    const { open } = await vendor({ asked });
    const session = await open({ AWS_HOSTED_ZONE_ID: zoneId('example.com') });
    await session.add([{ fqdn: name, value: 'one' }]);
    expect(asked.filter((what) => what.startsWith('zones'))).toEqual([]);
    expect(await failed(session.add([{ fqdn: '_acme-challenge.other.net', value: 'x' }]))).toMatchObject({
      fault: 'zone',
    });
  });

  it('says that AWS_HOSTED_ZONE_ID names no zone', async () => {
    const { open } = await vendor();
    const error = await failed((await open({ AWS_HOSTED_ZONE_ID: 'ZNONE' })).add([{ fqdn: name, value: 'x' }]));
    expect(error).toMatchObject({ fault: 'zone', message: expect.stringContaining('ID: ZNONE (NoSuchHostedZone)') });
  });
});

describe('INSYNC', () => {
  const statuses = (asked: readonly string[]) => asked.filter((what) => what === 'status').length;

  it('is waited for after additions', async () => {
    const asked: string[] = [];
    const { open } = await vendor({ asked, pending: 1 });
    const session = await open();
    await session.add([{ fqdn: name, value: 'one' }]);
    expect(statuses(asked)).toBe(2);
    await session.remove([{ fqdn: name, value: 'one' }]);
    expect(statuses(asked)).toBe(2);
  });

  it('is not waited for with AWS_WAIT_FOR_RECORD_SETS_CHANGED=false', async () => {
    const asked: string[] = [];
    const { open } = await vendor({ asked, pending: 1 });
    await (await open({ AWS_WAIT_FOR_RECORD_SETS_CHANGED: 'false' })).add([{ fqdn: name, value: 'one' }]);
    expect(statuses(asked)).toBe(0);
  });
});

describe('errors', () => {
  const prior = errorReply(
    400,
    'PriorRequestNotComplete',
    'The request was rejected because Route 53 was still processing a prior request.',
  );

  it.each([
    ['PriorRequestNotComplete', prior],
    ['Throttling', errorReply(400, 'Throttling', 'Rate exceeded')],
    ['ServiceUnavailable', errorReply(503, 'ServiceUnavailable', 'Service is unavailable')],
  ])('tries again after %s', async (_code, reply) => {
    const { open, dns } = await vendor({}, answering(reply, reply));
    await (await open()).add([{ fqdn: name, value: 'one' }]);
    expect(dns.txt(name)).toEqual(['one', 'someone-else']);
  });

  it('tries no more often than AWS_MAX_RETRIES', async () => {
    const { open, dns, logged } = await vendor({}, answering(prior, prior));
    expect(await failed((await open({ AWS_MAX_RETRIES: '1' })).add([{ fqdn: name, value: 'one' }]))).toMatchObject({
      message: expect.stringContaining('(PriorRequestNotComplete)'),
      hint: 'AWS_MAX_RETRIES allows 1 repetition',
    });
    expect(logged.filter((line) => line.includes('trying again'))).toHaveLength(1);
    expect(dns.txt(name)).toEqual(['someone-else']);
  });

  it('reads again what somebody else has changed meanwhile', async () => {
    const reply = errorReply(
      400,
      'InvalidChangeBatch',
      `[Tried to delete resource record set [name='${name}.', type='TXT'] but the values provided do not match the current values]`,
    );
    const { open, dns } = await vendor({}, answering(reply));
    await (await open()).add([{ fqdn: name, value: 'one' }]);
    expect(dns.txt(name)).toEqual(['one', 'someone-else']);
  });

  const conflict = `RRSet of type TXT with DNS name ${name}. is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone example.com.`;
  it.each([
    ['an error', errorReply(400, 'InvalidChangeBatch', `[${conflict}]`)],
    ['messages', xmlReply({ InvalidChangeBatch: { Messages: [{ Message: conflict }], RequestId: 'b25f48e8' } }, 400)],
  ])('tells what is wrong with a change that comes back as %s', async (_form, reply) => {
    const { open } = await vendor({}, answering(reply));
    const error = await failed((await open()).add([{ fqdn: name, value: 'one' }]));
    expect(error).toMatchObject({ fault: 'api', status: 400 });
    expect((error as Error).message).toMatch(
      new RegExp(`answered 400: ${conflict.replace(/[.()]/gu, '\\$&')} \\(InvalidChangeBatch\\)$`, 'u'),
    );
  });

  const arn = 'arn:aws:iam::123456789012:user/quoin';
  it.each([
    [
      403,
      'InvalidClientTokenId',
      'The security token included in the request is invalid.',
      'check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    ],
    [
      403,
      'SignatureDoesNotMatch',
      'Signature expired: 20261124T000000Z is now earlier than 20261124T010000Z',
      'check the clock of this machine',
    ],
    [
      403,
      'ExpiredToken',
      'The security token included in the request is expired',
      'temporary credentials have expired: renew AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    ],
    [
      403,
      'AccessDenied',
      `User: ${arn} is not authorized to perform: route53:ListHostedZonesByName`,
      'the policy lacks this action; all that are needed: quoin dnshelp -c route53',
    ],
    [
      400,
      'OptInRequired',
      'The AWS Access Key Id needs a subscription for the service',
      'check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    ],
  ])('takes %d %s for a refusal', async (status, code, message, hint) => {
    const { open } = await vendor({}, { authorized: () => false, denied: errorReply(status, code, message) });
    expect(await failed((await open()).add([{ fqdn: name, value: 'x' }]))).toMatchObject({
      fault: 'auth',
      message: expect.stringContaining(`${message} (${code})`),
      hint,
    });
  });

  it('tells that a web page answered', async () => {
    const page = {
      status: 200,
      headers: { 'content-type': 'text/html' },
      body: '<!DOCTYPE html><p>Please sign in</p>',
    };
    const { open } = await vendor({}, answering(page));
    await expect((await open()).add([{ fqdn: name, value: 'one' }])).rejects.toMatchObject({
      fault: 'api',
      message: expect.stringMatching(/answered 200 with a web page: Please sign in$/u),
    });
  });

  it('says which half of the keys is missing', async () => {
    const { open } = await vendor();
    await expect(open({ AWS_SECRET_ACCESS_KEY: undefined })).rejects.toMatchObject({
      code: 'CONFIG',
      message: 'route53: AWS_ACCESS_KEY_ID needs AWS_SECRET_ACCESS_KEY too',
    });
    await expect(open({ AWS_ACCESS_KEY_ID: undefined })).rejects.toMatchObject({
      message: 'route53: AWS_SECRET_ACCESS_KEY needs AWS_ACCESS_KEY_ID too',
    });
  });
});

it('signs for the address in AWS_ENDPOINT_URL_ROUTE_53', async () => {
  const base = 'https://vpce-1.route53.test';
  const { routes, ...fixture } = route53Fixture({ keys: [rightKey] });
  const moved = (dns: FakeDns) =>
    Object.fromEntries(
      Object.entries(routes?.(dns) ?? {}).map(([key, route]) => [
        key.replace('https://route53.amazonaws.com', base),
        route,
      ]),
    );
  const { open, dns } = await vendor({}, { ...fixture, routes: moved });
  await (await open({ AWS_ENDPOINT_URL_ROUTE_53: base })).add([{ fqdn: name, value: 'one' }]);
  expect(dns.txt(name)).toEqual(['one', 'someone-else']);
});

it("uses the endpoint and the signing region of the region's partition", async () => {
  const scopes: unknown[] = [];
  const zones = ({ headers, query }: FakeRequest) => {
    scopes.push([[...query.keys()].length > 0, /Credential=[^,]+/u.exec(headers.authorization ?? '')?.[0]]);
    return errorReply(400, 'InvalidInput', 'not today');
  };
  const routes = () => ({ 'GET https://route53.amazonaws.com.cn/2013-04-01/hostedzonesbyname': zones });
  const { open } = await vendor({}, { authorized: () => true, routes });
  await failed((await open({ AWS_REGION: 'cn-north-1' })).add([{ fqdn: name, value: 'one' }]));
  expect(scopes).toEqual([[true, expect.stringMatching(/\/cn-northwest-1\/route53\/aws4_request$/u)]]);
});
