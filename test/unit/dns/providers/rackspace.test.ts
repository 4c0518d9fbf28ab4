import makeFixture from '../../../../fixtures/dns/rackspace.ts';
import rackspace from '../../../../src/dns/providers/rackspace.ts';
import { Reply } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';
import { renewsSessions } from './sessions.ts';

const name = '_acme-challenge.example.com';
const value = { fqdn: name, value: 'one' };
const posts = (logged: readonly string[]) => logged.filter((line) => /POST \S+\/records \{/u.test(line)).length;

renewsSessions(rackspace, makeFixture, /rackspacetoken|rs-right-key/);

it('waits until the job is done', async () => {
  const fixture = makeFixture();
  const { open, logged } = await fakeVendor(rackspace, fixture);
  fixture.behaviour.looks = 1;
  await (await open()).add([value]);
  const looks = logged.filter((line) => /GET \S+\/status\/\S+ →/u.test(line));
  expect(looks.map((line) => /"status":"(\w+)"/u.exec(line)?.[1])).toEqual(['RUNNING', 'COMPLETED']);
});

it('tells the error that a job ended with', async () => {
  const fixture = makeFixture();
  const { open } = await fakeVendor(rackspace, fixture);
  fixture.behaviour.errors = [
    { message: 'The object could not be created.', code: 400, validationErrors: { messages: ['Bad name.'] } },
  ];
  await expect((await open()).add([value])).rejects.toMatchObject({
    fault: 'api',
    message: 'rackspace: adding records to example.com failed: The object could not be created. Bad name.',
  });
});

it.each([
  ['a job found a duplicate', { message: 'The object already exists.', code: 409, details: 'Record is a duplicate' }],
  ['a job met the rate limit', { message: 'OverLimit Retry...', code: 413, details: 'Error Details...' }],
])('reads the records again when %s', async (_, error) => {
  const fixture = makeFixture();
  const { dns, open } = await fakeVendor(rackspace, fixture);
  fixture.behaviour.errors = [error];
  await (await open()).add([value]);
  expect(dns.txt(name)).toEqual(['one', 'someone-else']);
});

it('does not try again when a limit of the account is reached', async () => {
  const fixture = makeFixture();
  const { open, logged } = await fakeVendor(rackspace, {
    ...fixture,
    routes: (dns) => ({
      ...fixture.routes(dns),
      'POST https://dns.api.rackspacecloud.com/v1.0/110011/domains/:zone/records': ({ body }) => {
        const details = `Limit of 500 records has been reached; asked for ${body.records.length}.`;
        throw new Reply({ status: 413, body: { code: 413, message: 'Over the limit.', details } });
      },
    }),
  });
  await expect((await open()).add([value])).rejects.toThrow('Limit of 500 records has been reached');
  expect(posts(logged)).toBe(1);
});

it('adds and removes all names of a zone at once', async () => {
  const { dns, open, logged } = await fakeVendor(rackspace, makeFixture());
  const values = Array.from({ length: 101 }, (_, n) => ({ fqdn: `_acme-challenge.n${n}.example.com`, value: 'v' }));
  const before = dns.snapshot();
  const session = await open();
  await session.add(values);
  expect(dns.records('example.com')).toHaveLength(102);
  expect(posts(logged)).toBe(2);
  await session.remove(values);
  expect(dns.snapshot()).toEqual(before);
  expect(logged.filter((line) => /DELETE \S+\/records\?/u.test(line) && !line.includes('→'))).toHaveLength(1);
});

it('takes records that are gone already for removed', async () => {
  const fixture = makeFixture();
  const { dns, open } = await fakeVendor(rackspace, fixture);
  const session = await open();
  await session.add([value]);
  const notFound = { message: 'Object not Found.', code: 404, details: 'Record ID: 1' };
  fixture.behaviour.errors = [{ message: 'Not all', code: 500, failedItems: { faults: [notFound] } }];
  await session.remove([value]);
  expect(dns.txt(name)).toEqual(['someone-else']);
});

it('finds the job by its address where the answer does not say its id', async () => {
  const fixture = makeFixture();
  const { dns, open } = await fakeVendor(rackspace, {
    ...fixture,
    routes(dns) {
      const routes = fixture.routes(dns);
      const post = 'POST https://dns.api.rackspacecloud.com/v1.0/110011/domains/:zone/records';
      return {
        ...routes,
        [post](request) {
          try {
            return routes[post](request);
          } catch (reply) {
            if (!(reply instanceof Reply)) throw reply;
            const { jobId: _, ...job } = reply.reply.body as { jobId: string };
            return { ...reply.reply, body: job };
          }
        },
      };
    },
  });
  fixture.behaviour.errors = [{ message: 'The object could not be created.', code: 400 }];
  const session = await open();
  await expect(session.add([value])).rejects.toThrow('The object could not be created.');
  await session.add([value]);
  expect(dns.txt(name)).toEqual(['one', 'someone-else']);
});
